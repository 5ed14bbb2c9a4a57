"""Managed MLflow: tracking servers and serverless apps, each of which is a real MLflow server in the end.

What is here says which servers there should be, and in what status they are; `machines` makes it so. The ARN of an app
does not hold its name, as in AWS.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.cloudformation.models import cloudformation_backends
from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.moto_api._internal import mock_random
from moto.sagemaker.exceptions import ConflictException
from moto.sagemaker.models import sagemaker_backends

from yolops.platform.server_command import server_version
from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.resources import Kind, Resource, answer, find, kept, update

if TYPE_CHECKING:
    from moto.sagemaker.models import SageMakerModelBackend
    from moto.sagemaker.responses import SageMakerResponse

CREATING, DELETING = "Creating", "Deleting"
# In which of these statuses a server runs, and what becomes of a status when its process does as it should.
RUNNING = frozenset({CREATING, "Created", "Starting", "Started", "Updated"})
REACHED = {CREATING: "Created", "Starting": "Started", "Stopping": "Stopped"}
FAILED = {CREATING: "CreateFailed", "Starting": "StartFailed"}
# AWS lets the caller choose between these.
PRESIGNED_S = 300
AUTHORIZE_PATH = "/-/authorize"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _added_to_server(call: SageMakerResponse, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "TrackingServerSize": given.get("TrackingServerSize") or "Small",
        "MlflowVersion": given.get("MlflowVersion") or _minor(server_version()),
        "AutomaticModelRegistration": bool(given.get("AutomaticModelRegistration")),
        "WeeklyMaintenanceWindowStart": given.get("WeeklyMaintenanceWindowStart") or "Tue:03:30",
        "TrackingServerUrl": f"https://{given['TrackingServerName']}.{call.region}.experiments.sagemaker.aws",
    }


TRACKING_SERVER = Kind(
    name="MlflowTrackingServer",
    key=("TrackingServerName",),
    arn="mlflow-tracking-server/{TrackingServerName}",
    arn_field="TrackingServerArn",
    listed="TrackingServerSummaries",
    status=CREATING,
    added=_added_to_server,
)
APP = Kind(
    name="MlflowApp",
    key=("Arn",),
    arn="",
    arn_field="Arn",
    listed="Summaries",
    status=CREATING,
)


def create_app(backend: SageMakerModelBackend, given: dict[str, Any], tags: list[dict[str, str]]) -> Resource:
    """Keep a new app, which has a status until its server runs."""
    if any(app.fields["Name"] == given["Name"] for app in kept(backend, APP.name).values()):
        raise ConflictException(f"MlflowApp {given['Name']} already exists.")
    identifier = f"app-{mock_random.get_random_hex(12).upper()}"
    arn = f"arn:{backend.partition}:sagemaker:{backend.region_name}:{backend.account_id}:mlflow-app/{identifier}"
    now = datetime.now(UTC)
    added = {
        "Status": CREATING,
        "MlflowVersion": _minor(server_version()),
        "ModelRegistrationMode": "AutoModelRegistrationDisabled",
        "AccountDefaultStatus": "DISABLED",
        "WeeklyMaintenanceWindowStart": "Tue:03:30",
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    resource = Resource(arn, added | given, tags)
    kept(backend, APP.name)[arn,] = resource
    return resource


class MlflowModel(CloudFormationModel):  # type: ignore[misc] # moto is not analysed
    """`AWS::SageMaker::MlflowApp` in a CloudFormation stack."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that names one."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """Return the type's name in a template."""
        return "AWS::SageMaker::MlflowApp"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return whether `Fn::GetAtt` knows an attribute."""
        return attr in {"Arn", "MlflowVersion", "Status", "CreationTime", "LastModifiedTime"}

    def get_cfn_attribute(self, name: str) -> str:
        """Answer `Fn::GetAtt`."""
        return str((self.resource.fields | {"Arn": self.resource.arn})[name])

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self.resource.arn

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> MlflowModel:
        """Create the app; the tags of the stack are its tags too."""
        given = {**cloudformation_json["Properties"], "Name": resource_name}
        stack = cloudformation_backends[account_id][region_name].stacks.get(kwargs.get("StackId", ""))
        tags = dict(stack.tags) if stack is not None else {}
        tags |= {tag["Key"]: tag["Value"] for tag in given.pop("Tags", [])}
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        return cls(create_app(sagemaker_backends[account_id][region_name], given, listed))

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: MlflowModel, new_resource_name: str, cloudformation_json: dict[str, Any], **_: str
    ) -> MlflowModel:
        """Change the app in place."""
        given = {**cloudformation_json["Properties"], "Name": new_resource_name}
        given.pop("Tags", None)
        original_resource.resource.changed(given)
        return original_resource

    def delete(self, *_: str) -> None:
        """Delete the app; its server is ended soon after."""
        self.resource.fields["Status"] = DELETING

    def is_created(self) -> bool:
        """Return whether the stack is complete."""
        return bool(self.resource.fields["Status"] != CREATING)

    def failed(self) -> bool:
        """Return whether the server of the app ended before it answered."""
        return bool(self.resource.fields["Status"] == FAILED[CREATING])


def settle_stacks() -> None:
    """Complete the stacks whose apps have come up; moto waits for nothing but its own custom resources."""
    for backend in backends_of(cloudformation_backends):
        for stack in [stack for stack in backend.stacks.values() if stack.status == "CREATE_IN_PROGRESS"]:
            stack.verify_readiness()
            resources = [stack.resource_map[name] for name in stack.resource_map]
            if any(isinstance(item, MlflowModel) and item.failed() for item in resources):
                stack.status = "CREATE_FAILED"


@dataclass
class Tickets:
    """Presigned addresses: each opens one server's UI, once, for a while."""

    issued: dict[str, tuple[str, float]] = field(default_factory=dict)

    def issue(self, arn: str, seconds: int) -> str:
        """Return a new ticket for a server."""
        ticket = secrets.token_urlsafe(24)
        self.issued[ticket] = (arn, time.monotonic() + seconds)
        return ticket

    def redeem(self, ticket: str) -> str | None:
        """Return the ARN a ticket is for; None if it is used up, too old, or was never issued."""
        arn, until = self.issued.pop(ticket, ("", 0.0))
        return arn if time.monotonic() < until else None


class ManagedMlflow:
    """The operations of managed MLflow.

    Args:
        url: the address of the rehearsal, for presigned addresses.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.tickets = Tickets()

    def create_app(self, call: SageMakerResponse) -> ActionResult:
        """Answer CreateMlflowApp."""
        given = {name: value for name, value in call.params.items() if name != "Tags" and value is not None}
        return answer(APP, create_app(call.sagemaker_backend, given, list(call.params.get("Tags") or [])))

    def describe_server(self, call: SageMakerResponse) -> ActionResult:
        """Answer DescribeMlflowTrackingServer, which has its own word for the status."""
        return ActionResult(_as_server(find(call, TRACKING_SERVER)))

    def list_servers(self, call: SageMakerResponse) -> ActionResult:
        """Answer ListMlflowTrackingServers."""
        servers = kept(call.sagemaker_backend, TRACKING_SERVER.name).values()
        return ActionResult({TRACKING_SERVER.listed: [_as_server(server) for server in servers]})

    def update_server(self, call: SageMakerResponse) -> ActionResult:
        """Answer UpdateMlflowTrackingServer."""
        result = update(call, TRACKING_SERVER)
        find(call, TRACKING_SERVER).fields["Status"] = "Updated"
        return result

    def move_server(self, call: SageMakerResponse, status: str) -> ActionResult:
        """Answer Start, Stop and Delete, which all only begin something."""
        server = find(call, TRACKING_SERVER)
        server.fields["Status"] = status
        return answer(TRACKING_SERVER, server)

    def delete_app(self, call: SageMakerResponse) -> ActionResult:
        """Answer DeleteMlflowApp."""
        app = find(call, APP)
        app.fields["Status"] = DELETING
        return answer(APP, app)

    def presign(self, call: SageMakerResponse, kind: Kind) -> ActionResult:
        """Answer with an address that shows the UI of a server without a signature, once."""
        resource = find(call, kind)
        seconds = int(call.params.get("ExpiresInSeconds") or PRESIGNED_S)
        ticket = self.tickets.issue(resource.arn, seconds)
        return ActionResult({"AuthorizedUrl": f"{self._url}{AUTHORIZE_PATH}?authToken={ticket}"})


def _as_server(resource: Resource) -> dict[str, Any]:
    status = resource.fields["Status"]
    active = "Inactive" if status in {"Stopped", "Stopping", "CreateFailed"} else "Active"
    return resource.fields | {"TrackingServerArn": resource.arn, "TrackingServerStatus": status, "IsActive": active}
