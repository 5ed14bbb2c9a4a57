"""Whether the MLflow of a platform in AWS answers: its health page, or for managed MLflow what SageMaker says of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.aws import AwsError, absent_ok
from yolops.errors import YolopsError
from yolops.platform.boot_report import READY as BOOTED
from yolops.platform.boot_report import BootReport, read_boot_report
from yolops.platform.trust import SYSTEM, Trust, opener, refused_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.aws import Aws
    from yolops.platform.outputs import Outputs

# A server installs itself when it boots, in minutes; a managed tracking server takes about 25 minutes to be created.
PATIENCE_S = 45 * 60.0
# A server that says of itself that it is ready, and is not heard here by then, is out of reach.
REACH_PATIENCE_S = 60.0
POLL_S = 2.0
ANSWER_PATIENCE_S = 5.0
HEALTHY = "healthy"
READY = {"Created", "Updated", "Started", "MaintenanceComplete"}
HOPELESS = {"CreateFailed", "UpdateFailed", "StartFailed", "Deleting", "Deleted", "DeleteFailed"}


class BootError(YolopsError):
    """A server says that it cannot start."""


@dataclass(frozen=True)
class Server:
    """The MLflow of a platform, and where it is asked how it is.

    Attributes:
        tracking_uri: an address, or the ARN of a managed MLflow.
        aws: its region.
        trust: how a server with an address is known again.
        instance_id: the instance it runs on; empty where it is not one.
        log_group: where that instance tells of its boot.
    """

    tracking_uri: str
    aws: Aws
    trust: Trust = SYSTEM
    instance_id: str = ""
    log_group: str = ""

    @classmethod
    def of(cls, outputs: Outputs, aws: Aws, trust: Trust) -> Server:
        """Return the MLflow of a platform."""
        return cls(outputs.tracking_uri, aws, trust, outputs.server_instance_id, outputs.log_group_name)

    def health(self) -> str:
        """Return `healthy`, or in a word or two what is seen instead."""
        if not self.tracking_uri:
            return "absent"
        if not self.tracking_uri.startswith("arn:"):
            return self._answer()
        with absent_ok():
            status = _managed_status(self.tracking_uri, self.aws)
            return HEALTHY if status in READY else status
        return "absent"

    def known_boot(self) -> BootReport | None:
        """Return what the instance says of its boot; None where it is silent, or its log may not be read."""
        try:
            return read_boot_report(self.aws, self.log_group, self.instance_id)
        except AwsError:
            return None  # whoever may not read the log still learns whether MLflow answers

    def _answer(self) -> str:
        try:
            return self._ask()
        except (OSError, ValueError) as error:
            if not refused_certificate(error):
                return "no answer"
        if not self.trust.renew():
            return "its certificate is not published yet" if self.instance_id else "certificate not trusted"
        try:
            return self._ask()
        except (OSError, ValueError) as error:
            return "certificate not trusted" if refused_certificate(error) else "no answer"

    def _ask(self) -> str:
        door = opener(self.tracking_uri, self.trust)
        with door.open(f"{self.tracking_uri}/health", timeout=ANSWER_PATIENCE_S) as answer:
            return HEALTHY if answer.status == 200 else "no answer"


def wait_until_healthy(
    server: Server,
    tell: Callable[[str], object],
    patience_s: float = PATIENCE_S,
    reach_patience_s: float = REACH_PATIENCE_S,
) -> None:
    """Wait until MLflow answers.

    Args:
        server: the MLflow.
        tell: is called with what is seen meanwhile.
        patience_s: seconds it may take.
        reach_patience_s: seconds until a server is heard here that says it is ready.

    Raises:
        YolopsError: it does not, or it never will.
    """
    uri, deadline, ready_since = server.tracking_uri, time.monotonic() + patience_s, math.inf
    while (seen := server.health()) != HEALTHY:
        if seen in HOPELESS:
            raise YolopsError(f"{uri}: SageMaker says {seen}", "see why in the SageMaker console; then yolops up")
        if (boot := server.known_boot()) is not None:
            if boot.failed:
                raise _failure(boot, server)
            ready_since = min(ready_since, time.monotonic()) if boot.phase == BOOTED else math.inf
            seen = seen if boot.phase == BOOTED else boot.line()
        if time.monotonic() - ready_since > reach_patience_s:
            raise YolopsError(
                f"{uri}: the server is ready, and cannot be reached from here ({seen})",
                "add your address to allowed_cidrs in terraform.tfvars, then yolops up",
            )
        if time.monotonic() > deadline:
            raise YolopsError(
                f"{uri}: MLflow did not answer within {patience_s / 60:.0f} minutes ({seen})",
                "is your address in allowed_cidrs? `yolops status` names the log of the server",
            )
        tell(seen)
        time.sleep(POLL_S)


def _failure(boot: BootReport, server: Server) -> BootError:
    return BootError(
        f"{boot.instance_id}: the server could not start: {boot.reason or 'it does not say why'}",
        f"its log is in {server.log_group}; mend the cause, then have `yolops up` make another one: "
        f"aws ec2 terminate-instances --instance-ids {boot.instance_id} --region {server.aws.region}",
    )


def _managed_status(arn: str, aws: Aws) -> str:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "mlflow-app":
        return str(aws.call("sagemaker", "describe_mlflow_app", Arn=arn)["Status"])
    server = aws.call("sagemaker", "describe_mlflow_tracking_server", TrackingServerName=name)
    return str(server["TrackingServerStatus"])
