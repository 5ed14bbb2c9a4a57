"""Whether the MLflow of a platform in AWS answers: its health page, or for managed MLflow what SageMaker says of it."""

from __future__ import annotations

import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from yolops.aws import AwsError
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.aws import Aws

# A server installs itself when it boots, in minutes; a managed tracking server takes about 25 minutes to be created.
PATIENCE_S = 45 * 60.0
POLL_S = 2.0
ANSWER_PATIENCE_S = 5.0
HEALTHY = "healthy"
READY = {"Created", "Updated", "Started", "MaintenanceComplete"}
HOPELESS = {"CreateFailed", "UpdateFailed", "StartFailed", "Deleting", "Deleted", "DeleteFailed"}


def health(tracking_uri: str, aws: Aws) -> str:
    """Return `healthy`, or in a word or two what is seen instead.

    Args:
        tracking_uri: an address, or the ARN of a managed MLflow.
        aws: its region.
    """
    if not tracking_uri:
        return "absent"
    if not tracking_uri.startswith("arn:"):
        return HEALTHY if _answers(tracking_uri) else "no answer"
    try:
        status = _managed_status(tracking_uri, aws)
    except AwsError as error:
        if error.absent:
            return "absent"
        raise
    return HEALTHY if status in READY else status


def wait_until_healthy(
    tracking_uri: str, aws: Aws, tell: Callable[[str], object], patience_s: float = PATIENCE_S
) -> None:
    """Wait until MLflow answers.

    Args:
        tracking_uri: an address, or the ARN of a managed MLflow.
        aws: its region.
        tell: is called with what is seen meanwhile.
        patience_s: seconds it may take.

    Raises:
        YolopsError: it does not, or it never will.
    """
    deadline = time.monotonic() + patience_s
    while (seen := health(tracking_uri, aws)) != HEALTHY:
        if seen in HOPELESS:
            raise YolopsError(
                f"{tracking_uri}: SageMaker says {seen}", "see why in the SageMaker console; then yolops up"
            )
        if time.monotonic() > deadline:
            raise YolopsError(
                f"{tracking_uri}: MLflow did not answer within {patience_s / 60:.0f} minutes ({seen})",
                "is your address in allowed_cidrs? `yolops status` names the log of the server",
            )
        tell(seen)
        time.sleep(POLL_S)


def _answers(address: str) -> bool:
    local = (urllib.parse.urlsplit(address).hostname or "").startswith("127.")
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
    try:
        with opener.open(f"{address}/health", timeout=ANSWER_PATIENCE_S) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _managed_status(arn: str, aws: Aws) -> str:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "mlflow-app":
        return str(aws.call("sagemaker", "describe_mlflow_app", Arn=arn)["Status"])
    server = aws.call("sagemaker", "describe_mlflow_tracking_server", TrackingServerName=name)
    return str(server["TrackingServerStatus"])
