"""Managed MLflow of SageMaker over plain HTTP: an ARN instead of an address, and a signature instead of a login.

Addresses, headers and service names are those of AWS's own plugin, https://github.com/aws/sagemaker-mlflow.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from yolops.aws import Aws
from yolops.errors import YolopsError
from yolops.tracking.rest import MlflowRest

if TYPE_CHECKING:
    import urllib.request

    from yolops.platform.access import Access

# By type of resource: the address, the header that says which one is meant, the service that a request is signed for.
KINDS = {
    "mlflow-tracking-server": (
        "https://{region}.experiments.sagemaker.aws",
        "x-mlflow-sm-tracking-server-arn",
        "sagemaker-mlflow",
    ),
    "mlflow-app": ("https://mlflow.sagemaker.{region}.app.aws", "x-sm-mlflow-app-arn", "sagemaker"),
}


def mlflow_of(access: Access) -> MlflowRest:
    """Return what questions to an MLflow are asked with, whoever runs it.

    Raises:
        YolopsError: its ARN is of something else.
    """
    if access.tracking_uri.startswith("arn:"):
        return managed_mlflow(access.tracking_uri)
    return MlflowRest(access.tracking_uri, access.credentials, trust=access.trust)


def managed_mlflow(arn: str) -> MlflowRest:
    """Return what questions to a managed MLflow are asked with.

    Raises:
        YolopsError: the ARN is of something else.
    """
    parts = arn.split(":", 5)
    kind = parts[5].partition("/")[0] if len(parts) == 6 else ""
    if kind not in KINDS:
        raise YolopsError(f"{arn}: not the ARN of a managed MLflow", "yolops status shows the platform's own")
    address, header, service = KINDS[kind]
    aws = Aws(parts[3])

    def sign(request: urllib.request.Request) -> None:
        body = request.data if isinstance(request.data, bytes) else b""
        headers = {header: arn, "X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest()}
        for name, value in aws.signed(service, request.get_method(), request.full_url, body, headers).items():
            request.add_header(name, value)

    base = os.environ.get("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT") or address.format(region=aws.region)
    return MlflowRest(base, sign=sign)
