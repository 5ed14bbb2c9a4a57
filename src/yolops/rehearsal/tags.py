"""Tags of what the extension adds, in SageMaker's own calls and in the search for tagged resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.resource_tagging import TaggedResource

from yolops.rehearsal.resources import all_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moto.sagemaker.models import SageMakerModelBackend

Tag = dict[str, str]


def finder(moto: Callable[[SageMakerModelBackend, str], Any]) -> Callable[[SageMakerModelBackend, str], Any]:
    """Return how the resource with an ARN is found: among ours, then as moto does."""

    def find(self: SageMakerModelBackend, arn: str) -> Any:
        ours = (resource for resource in all_kept(self) if resource.arn == arn)
        return next(ours, None) or moto(self, arn)

    return find


def add_tags(self: SageMakerModelBackend, arn: str, tags: list[Tag]) -> list[Tag]:
    """Add tags to a resource; unlike moto's own, a new value takes the place of the old one."""
    resource: Any = self._get_resource_from_arn(arn)
    given = {tag["Key"] for tag in tags}
    resource.tags = [*(tag for tag in resource.tags or [] if tag["Key"] not in given), *tags]
    return list(resource.tags)


def tagged(
    moto: Callable[[SageMakerModelBackend], Iterator[TaggedResource]],
) -> Callable[..., Iterator[TaggedResource]]:
    """Return how what has tags is listed: moto's, then ours."""

    def iter_tagged_resources(self: SageMakerModelBackend) -> Iterator[TaggedResource]:
        yield from moto(self)
        for resource in all_kept(self):
            kind = resource.arn.split(":")[5].partition("/")[0]
            tags = {tag["Key"]: tag["Value"] for tag in resource.tags}
            yield TaggedResource(arn=resource.arn, tags=tags, resource_type=f"sagemaker:{kind}")

    return iter_tagged_resources
