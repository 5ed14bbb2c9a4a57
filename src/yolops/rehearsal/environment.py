"""The environment in which a program talks to the rehearsal, and cannot reach the real AWS by accident."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

REGION = "us-east-1"
# moto takes whatever key it does not know for the default account, and never checks a secret.
TEST_CREDENTIAL = "rehearsal"

# Whatever else could name an account, an endpoint or a way to credentials.
REMOVED = (
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "SAGEMAKER_MLFLOW_ASSUME_ROLE_ARN",
)


def environment(url: str, region: str = REGION) -> dict[str, str]:
    """Return what a program needs in its environment to talk to the rehearsal.

    Args:
        url: the address of the rehearsal.
        region: the AWS region it works in.
    """
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": TEST_CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": TEST_CREDENTIAL,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        # A profile may name endpoints and credentials of its own.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # What fails here fails again: nothing is gained by the quarter of an hour that Terraform would try.
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": url,
        "SAGEMAKER_ENDPOINT_URL": url,
        "MLFLOW_S3_ENDPOINT_URL": url,
        # An instance that boots knows S3 by its own name, which from here leads to the real one: what it would have
        # fetched from there, and sent there in parts, goes through MLflow.
        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    }


def enter(environ: MutableMapping[str, str], url: str, region: str = "") -> None:
    """Change an environment so that it belongs to the rehearsal.

    Args:
        environ: the environment of a process, or one that is made for a child.
        url: the address of the rehearsal.
        region: the AWS region; the one that is named there already, or us-east-1, if absent.
    """
    region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or REGION
    endpoints = [name for name in environ if name.startswith("AWS_ENDPOINT_URL_")]
    for name in (*REMOVED, *endpoints):
        environ.pop(name, None)
    environ.update(environment(url, region))
    for name in ("NO_PROXY", "no_proxy"):
        # requests and Go know networks, urllib only names.
        around = [item for item in environ.get(name, "").split(",") if item]
        environ[name] = ",".join(dict.fromkeys([*around, "127.0.0.0/8", "127.0.0.1", "localhost"]))
