"""What people work with in Studio: spaces, the apps in them, and the scripts that run when an app starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yolops.rehearsal.resources import Kind, refused

if TYPE_CHECKING:
    from moto.sagemaker.responses import SageMakerResponse


def _added_to_space(call: SageMakerResponse, given: dict[str, Any]) -> dict[str, Any]:
    address = f"https://{given['DomainId']}.studio.{call.region}.sagemaker.aws"
    return {"HomeEfsFileSystemUid": "200001", "Url": f"{address}/space/{given['SpaceName']}"}


def _added_to_app(_call: SageMakerResponse, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "Owner": given.get("SpaceName") or given.get("UserProfileName") or "",
        "Type": str(given["AppType"]).lower(),
        "ResourceSpec": {"InstanceType": "system", **(given.get("ResourceSpec") or {})},
    }


SPACE = Kind(
    name="Space",
    key=("DomainId", "SpaceName"),
    arn="space/{DomainId}/{SpaceName}",
    arn_field="SpaceArn",
    listed="Spaces",
    added=_added_to_space,
    filters={"DomainIdEquals": "DomainId"},
    users={"App": "SpaceName"},
)
APP = Kind(
    name="App",
    key=("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"),
    arn="app/{DomainId}/{Owner}/{Type}/{AppName}",
    arn_field="AppArn",
    listed="Apps",
    added=_added_to_app,
    filters={
        "DomainIdEquals": "DomainId",
        "UserProfileNameEquals": "UserProfileName",
        "SpaceNameEquals": "SpaceName",
    },
    missing=refused,
)
LIFECYCLE_CONFIG = Kind(
    name="StudioLifecycleConfig",
    key=("StudioLifecycleConfigName",),
    arn="studio-lifecycle-config/{StudioLifecycleConfigName}",
    arn_field="StudioLifecycleConfigArn",
    listed="StudioLifecycleConfigs",
    status="",
    filters={"AppTypeEquals": "StudioLifecycleConfigAppType"},
)
