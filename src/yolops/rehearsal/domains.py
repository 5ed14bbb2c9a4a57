"""Studio domains and their users.

moto knows domains but answers CreateDomain without `DomainId`, without which Terraform forgets what it made, and cannot
change one. As in AWS, a domain comes with a file system (EFS) that stays after it unless its deletion says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.efs.models import efs_backends
from moto.moto_api._internal import mock_random

from yolops.rehearsal.resources import Kind, arn_of, delete, find, kept, update

if TYPE_CHECKING:
    from moto.core.responses import ActionResult
    from moto.sagemaker.responses import SageMakerResponse

FILE_SYSTEM = "HomeEfsFileSystemId"


def _added_to_domain(call: SageMakerResponse, given: dict[str, Any]) -> dict[str, Any]:
    domain_id = f"d-{mock_random.get_random_hex(12)}"
    defaults = {"AppNetworkAccessType": "PublicInternetOnly", "TagPropagation": "DISABLED"}
    if given.get("KmsKeyId"):
        defaults["HomeEfsFileSystemKmsKeyId"] = given["KmsKeyId"]
    return {
        **{name: value for name, value in defaults.items() if name not in given},
        "DomainId": domain_id,
        "Url": f"https://{domain_id}.studio.{call.region}.sagemaker.aws",
        FILE_SYSTEM: _new_file_system(call, domain_id, given),
    }


def _new_file_system(call: SageMakerResponse, domain_id: str, given: dict[str, Any]) -> str:
    # AWS tags it with the domain, never with the domain's own tags.
    tag = {"Key": "ManagedByAmazonSageMakerResource", "Value": arn_of(call, f"domain/{domain_id}")}
    system = efs_backends[call.current_account][call.region].create_file_system(
        creation_token=domain_id,
        performance_mode="generalPurpose",
        encrypted=True,
        kms_key_id=given.get("KmsKeyId") or "",
        throughput_mode="bursting",
        provisioned_throughput_in_mibps=0,
        availability_zone_name="",
        backup=False,
        tags=[tag],
    )
    return str(system.file_system_id)


DOMAIN = Kind(
    name="Domain",
    key=("DomainId",),
    arn="domain/{DomainId}",
    arn_field="DomainArn",
    listed="Domains",
    added=_added_to_domain,
    users={"UserProfile": "DomainId", "Space": "DomainId"},
)
USER_PROFILE = Kind(
    name="UserProfile",
    key=("DomainId", "UserProfileName"),
    arn="user-profile/{DomainId}/{UserProfileName}",
    arn_field="UserProfileArn",
    listed="UserProfiles",
    added=lambda call, _given: {"HomeEfsFileSystemUid": str(200001 + len(kept(call.sagemaker_backend, "UserProfile")))},
    filters={"DomainIdEquals": "DomainId"},
    users={"Space": "OwnershipSettings.OwnerUserProfileName", "App": "UserProfileName"},
)


def update_domain(call: SageMakerResponse) -> ActionResult:
    """Answer UpdateDomain, whose one parameter is called otherwise than what it changes."""
    settings = call.params.pop("DomainSettingsForUpdate", None)
    if settings:
        call.params["DomainSettings"] = settings
    return update(call, DOMAIN)


def delete_domain(call: SageMakerResponse) -> ActionResult:
    """Answer DeleteDomain: the file system goes with it only if the caller says so."""
    domain = find(call, DOMAIN)
    result = delete(call, DOMAIN)
    if (call.params.get("RetentionPolicy") or {}).get("HomeEfsFileSystem") == "Delete":
        efs_backends[call.current_account][call.region].delete_file_system(domain.fields[FILE_SYSTEM])
    return result
