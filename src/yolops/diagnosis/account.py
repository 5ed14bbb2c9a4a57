"""What both modes in AWS need: Terraform, a login, a clock that is right, a state that is whole, the bucket."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar

from yolops.aws import absent_ok
from yolops.diagnosis.check import Check, Notes, Seen, Skip
from yolops.diagnosis.mlflow_server import STATE
from yolops.platform import state_lock

if TYPE_CHECKING:
    from yolops.aws import Aws
    from yolops.diagnosis.mlflow_server import Entrance
    from yolops.platform.outputs import Mode, Outputs
    from yolops.platform.settings import Settings
    from yolops.platform.terraform import Terraform

TERRAFORM, LOGIN = "Terraform", "AWS login"
OLDEST_TERRAFORM = (1, 11)
# AWS refuses a signature that is older or newer than five minutes.
MOST_SKEW_S, SOME_SKEW_S = 300.0, 60.0
CLOCK_PATIENCE_S = 8.0
SEE_HOW = "yolops plan shows what Terraform would put right"
ELSEWHERE = "can be seen only where the platform was applied"


@dataclass(frozen=True)
class Cloud:
    """A platform in AWS.

    Attributes:
        settings: what was decided about it; None where only its outputs are known.
        aws: its region.
        terraform: the directory of its configuration and state; None where only its outputs are known.
        entrance: its MLflow, and with it its outputs.
    """

    # That it must run in; None where any will do.
    mode: ClassVar[Mode | None] = None

    settings: Settings | None
    aws: Aws
    terraform: Terraform | None
    entrance: Entrance

    @property
    def outputs(self) -> Outputs:
        """What describes it.

        Raises:
            Skip: it runs in another mode, which was changed in the settings only.
        """
        outputs = self.entrance.outputs
        if self.mode not in {None, outputs.mode}:
            raise Skip(f"what runs is in {outputs.mode} mode")
        return outputs


def terraform(cloud: Cloud) -> Seen:
    """Terraform is installed, and new enough to keep passwords out of the state."""
    if cloud.terraform is None:
        return Seen("not needed: the outputs of the platform stand in a file")
    notes = Notes(TERRAFORM)
    version = cloud.terraform.version()
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < OLDEST_TERRAFORM:
        fix = "install 1.11 or newer (https://developer.hashicorp.com/terraform/install)"
        notes.error("terraform-old", f"Terraform {version} knows no ephemeral values", fix)
    return notes.seen(version)


def aws_login(cloud: Cloud) -> Seen:
    """AWS knows who asks."""
    who = cloud.aws.call("sts", "get_caller_identity")
    return Seen(f"{who['Arn']} in {cloud.aws.region}")


def clock(cloud: Cloud) -> Seen:
    """The clock of this machine agrees with that of AWS, which refuses what is signed five minutes off."""
    notes = Notes("clock")
    skew = clock_skew(cloud.aws.client("sts").meta.endpoint_url)
    what = f"the clock of this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} that of AWS"
    fix = "turn time synchronisation on (timedatectl set-ntp true)"
    if abs(skew) > MOST_SKEW_S:
        notes.error("clock-wrong", f"{what}, which refuses every signature", fix)
    elif abs(skew) > SOME_SKEW_S:
        notes.warning("clock-drifts", what, fix)
    return notes.seen(f"{round(skew):+d} s")


def clock_skew(address: str) -> float:
    """Return how many seconds this machine is ahead of a server, by the date of whatever it answers.

    Raises:
        Skip: it does not answer, or without a date.
    """
    before = time.time()
    try:
        with urllib.request.urlopen(address, timeout=CLOCK_PATIENCE_S) as answer:  # noqa: S310 - an endpoint of boto3
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:  # unsigned, it is refused, and dated all the same
        with error:
            date = error.headers.get("Date")
    except OSError as error:
        raise Skip(f"{address} does not answer ({error})") from error
    if not date:
        raise Skip(f"{address} does not say what time it is")
    middle = (before + time.time()) / 2
    return middle - parsedate_to_datetime(date).timestamp() - 0.5  # the date has whole seconds, cut off


def platform(cloud: Cloud) -> Seen:
    """The platform was applied whole, and Terraform's state can be read."""
    known = f"{cloud.outputs.project_name} ({cloud.outputs.mode}) in {cloud.outputs.aws_region}"
    return Seen(known if cloud.terraform else f"{known}, known by its outputs alone")


def lock(cloud: Cloud) -> Seen:
    """No apply was killed, and nobody holds the lock of the state."""
    if cloud.terraform is None:
        raise Skip(ELSEWHERE)
    notes = Notes(str(cloud.terraform.directory))
    if (owner := cloud.terraform.owner()) is not None:
        what = f"another yolops is applying (process {owner.pid})"
        notes.warning("apply-under-way", what, "wait until it has ended")
        return notes.seen(what)
    if cloud.terraform.was_killed:
        what = "an apply was killed, and what it was creating may be in no state"
        notes.error("apply-killed", what, "yolops recover, then yolops up")
    held = state_lock.held(cloud.terraform.directory)
    if held is not None:
        lock, alive = held
        what = f"the state is locked by {lock.who} since {lock.created}"
        if alive is False:
            notes.error("lock-left", f"{what}, who is dead", "yolops recover")
        else:
            end = "" if alive else "; whether that still runs can be seen only there"
            notes.warning("state-locked", f"{what}{end}", "wait until it ends; if it is dead: terraform force-unlock")
    return notes.seen("free")


def agreement(cloud: Cloud) -> Seen:
    """What terraform.tfvars says of mode, region and project is what was applied."""
    if cloud.settings is None:
        raise Skip(ELSEWHERE)
    notes = Notes(str(cloud.settings.path))
    decided, applied = cloud.settings, cloud.outputs
    for name, wanted, there in (
        ("deployment_mode", decided.mode.value, applied.mode.value),
        ("aws_region", decided.region, applied.aws_region),
        ("project_name", decided.project_name, applied.project_name),
    ):
        if there and wanted != there:
            what = f"{name} is {wanted}, and what runs is {there}"
            notes.warning("not-applied", what, f"yolops plan, then yolops up; or set {name} back")
    return notes.seen("as applied")


def bucket(cloud: Cloud) -> Seen:
    """The bucket can be reached, keeps versions, is encrypted and is public in no way."""
    name = cloud.outputs.bucket_name
    notes = Notes(f"s3://{name}")
    cloud.aws.call("s3", "head_bucket", Bucket=name)
    if cloud.aws.call("s3", "get_bucket_versioning", Bucket=name).get("Status") != "Enabled":
        notes.error("bucket-forgets", "keeps no versions, so what is overwritten or deleted is lost", SEE_HOW)
    block = _or_nothing(cloud, "get_public_access_block", name).get("PublicAccessBlockConfiguration", {})
    if not block or not all(block.values()):
        notes.error("bucket-may-be-public", "public access is not blocked", SEE_HOW)
    if not _or_nothing(cloud, "get_bucket_encryption", name):
        notes.error("bucket-plain", "is not encrypted by default", SEE_HOW)
    return notes.seen(f"{name}: versioned, encrypted, private")


def training_quota(cloud: Cloud) -> Seen:
    """The account may train on the instance type of the platform, on demand and on spot."""
    kind = cloud.outputs.sagemaker_instance_type
    found = training_quotas(cloud.aws, kind)
    if not found:
        raise Skip(f"AWS lists no quota for {kind or 'an instance type that is not named'}")
    notes = Notes(kind)
    for name in [name for name, value in found.items() if value < 1]:
        fix = f"ask for more in the console of Service Quotas (Amazon SageMaker, {name}), or choose another type"
        notes.warning("quota-none", f"this account may run none {_use(name)}", fix)
    return notes.seen(", ".join(f"{value:.0f} {kind} {_use(name)}" for name, value in found.items()))


def training_quotas(aws: Aws, kind: str) -> dict[str, float]:
    """Return how many instances of a type may train at a time, by the names of the quotas: on demand, and on spot.

    Raises:
        AwsError: AWS refuses, or cannot be reached.
    """
    names = {f"{kind} for training job usage", f"{kind} for spot training job usage"}
    found: dict[str, float] = {}
    for page in aws.pages("service-quotas", "list_service_quotas", ServiceCode="sagemaker"):
        found |= {quota["QuotaName"]: quota["Value"] for quota in page["Quotas"] if quota["QuotaName"] in names}
        if len(found) == len(names):  # there are thousands
            break
    return found


def _use(quota: str) -> str:
    return "on spot" if " for spot " in quota else "on demand"


def _or_nothing(cloud: Cloud, operation: str, bucket: str) -> dict[str, Any]:
    with absent_ok():
        return dict(cloud.aws.call("s3", operation, Bucket=bucket))
    return {}


CHECKS = (
    Check(TERRAFORM, terraform),
    Check(LOGIN, aws_login, patience_s=30, actions=("sts:GetCallerIdentity",)),
    Check("clock", clock),
    # Terraform asks for a lock and for the state in the bucket.
    Check(STATE, platform, patience_s=120, needs=(TERRAFORM, LOGIN), actions=("s3:GetObject",)),
    Check("state lock", lock, needs=(TERRAFORM, LOGIN), actions=("s3:GetObject",)),
    Check("settings", agreement, needs=(STATE,)),
    Check(
        "bucket",
        bucket,
        needs=(STATE,),
        actions=(
            "s3:ListBucket",
            "s3:GetBucketVersioning",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetEncryptionConfiguration",
        ),
    ),
    Check(
        "training quota",
        training_quota,
        patience_s=60,
        needs=(STATE,),
        actions=("servicequotas:ListServiceQuotas",),
    ),
)
