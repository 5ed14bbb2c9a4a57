"""The resources of SageMaker that moto lacks: created, described, listed, changed and deleted in one way.

What a caller gave at creation is what is described later, plus what AWS adds. Each `Kind` says how its ARN is made and
what is added; the answers pass through botocore's own shapes, because moto serialises them with botocore's model.
They are kept in the moto backend of their account and region, and so are saved and reset with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ResourceInUseException, ResourceNotFound, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from moto.sagemaker.models import SageMakerModelBackend
    from moto.sagemaker.responses import SageMakerResponse

ATTRIBUTE = "rehearsed"


@dataclass
class Resource:
    """One resource.

    Attributes:
        arn: its name in AWS.
        fields: what its Describe answers, beyond the ARN.
        tags: its tags, as AWS writes them.
    """

    arn: str
    fields: dict[str, Any]
    tags: list[dict[str, str]] = field(default_factory=list)

    def changed(self, values: Mapping[str, Any]) -> None:
        """Take over what an Update names: structures keep the members that it leaves out."""
        for name, value in values.items():
            old = self.fields.get(name)
            self.fields[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        self.fields["LastModifiedTime"] = datetime.now(UTC)


@dataclass(frozen=True)
class Kind:
    """A sort of resource.

    Attributes:
        name: as in the names of its operations, such as `UserProfile`.
        key: the parameters that name one.
        arn: the part of its ARN behind the account, with parameters in braces.
        arn_field: what the ARN is called in answers.
        status: the status of one that is ready; empty where it has none.
        added: what AWS adds to what the caller gave.
        filters: which parameter of List picks which field.
        listed: what a list of them is called.
        users: the kinds that keep one from being deleted, and what of theirs names it.
        missing: the error when there is none; some services answer with a ValidationException.
    """

    name: str
    key: tuple[str, ...]
    arn: str
    arn_field: str
    listed: str
    status: str = "InService"
    added: Callable[[SageMakerResponse, dict[str, Any]], dict[str, Any]] = lambda _call, _given: {}
    filters: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    missing: Callable[[str], Exception] = lambda what: ResourceNotFound(f"{what} does not exist.")


def kept(backend: SageMakerModelBackend, kind: str) -> dict[tuple[str, ...], Resource]:
    """Return the resources of a kind in an account and region, by what names them."""
    everything: dict[str, dict[tuple[str, ...], Resource]] = backend.__dict__.setdefault(ATTRIBUTE, {})
    return everything.setdefault(kind, {})


def all_kept(backend: SageMakerModelBackend) -> Iterator[Resource]:
    """Yield every resource that is kept in an account and region."""
    for resources in list(backend.__dict__.get(ATTRIBUTE, {}).values()):
        yield from list(resources.values())


def arn_of(call: SageMakerResponse, path: str) -> str:
    """Return the ARN of a resource of the account and region that a call is about."""
    return f"arn:{call.partition}:sagemaker:{call.region}:{call.current_account}:{path}"


def find(call: SageMakerResponse, kind: Kind) -> Resource:
    """Return the resource that a call names.

    Raises:
        ServiceException: there is none.
    """
    key = _key(call, kind)
    resource = kept(call.sagemaker_backend, kind.name).get(key)
    if resource is None:
        raise kind.missing(f"{kind.name} {'/'.join(key)}")
    return resource


def create(call: SageMakerResponse, kind: Kind) -> ActionResult:
    """Answer a Create with whatever of the resource the answer has room for."""
    given = {name: value for name, value in call.params.items() if name != "Tags" and value is not None}
    key = _key(call, kind)
    resources = kept(call.sagemaker_backend, kind.name)
    if key in resources:
        raise ResourceInUseException(f"{kind.name} {'/'.join(key)} already exists.")
    now = datetime.now(UTC)
    fields = given | {"CreationTime": now, "LastModifiedTime": now} | ({"Status": kind.status} if kind.status else {})
    fields |= kind.added(call, fields)
    resource = Resource(arn_of(call, kind.arn.format(**fields)), fields, list(call.params.get("Tags") or []))
    resources[tuple(str(fields.get(name, "")) for name in kind.key)] = resource
    return answer(kind, resource)


def describe(call: SageMakerResponse, kind: Kind) -> ActionResult:
    """Answer a Describe."""
    return answer(kind, find(call, kind))


def list_all(call: SageMakerResponse, kind: Kind) -> ActionResult:
    """Answer a List, whole in one page."""
    wanted = {field: call.params[name] for name, field in kind.filters.items() if call.params.get(name)}
    resources = kept(call.sagemaker_backend, kind.name).values()
    chosen = [item for item in resources if all(item.fields.get(name) == value for name, value in wanted.items())]
    return ActionResult({kind.listed: [item.fields | {kind.arn_field: item.arn} for item in chosen]})


def update(call: SageMakerResponse, kind: Kind) -> ActionResult:
    """Answer an Update."""
    resource = find(call, kind)
    resource.changed({name: value for name, value in call.params.items() if name not in kind.key and value is not None})
    return answer(kind, resource)


def delete(call: SageMakerResponse, kind: Kind) -> ActionResult:
    """Answer a Delete; what is still in use stays."""
    find(call, kind)
    key = _key(call, kind)
    for name, used_by in kind.users.items():
        for other in kept(call.sagemaker_backend, name).values():
            if _value(other.fields, used_by) == key[-1]:
                raise ResourceInUseException(f"{kind.name} {key[-1]} is in use: it still has {other.arn}.")
    del kept(call.sagemaker_backend, kind.name)[key]
    return EmptyResult()


def answer(kind: Kind, resource: Resource) -> ActionResult:
    """Return a resource as an answer; moto leaves out what the operation's shape has no room for."""
    return ActionResult(resource.fields | {kind.arn_field: resource.arn})


def refused(message: str) -> Exception:
    """Return the error of a service that answers `RecordNotFound` inside a ValidationException."""
    error: Exception = ValidationError(f"RecordNotFound: {message}")
    return error


def _key(call: SageMakerResponse, kind: Kind) -> tuple[str, ...]:
    return tuple(str(call.params.get(name) or "") for name in kind.key)


def _value(fields: Mapping[str, Any], path: str) -> Any:
    value: Any = fields
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
