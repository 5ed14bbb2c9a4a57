"""A platform in AWS that a test makes up, in front of whatever answers for AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolops.aws import Aws
from yolops.diagnosis.check import Seen
from yolops.diagnosis.custom import Custom
from yolops.diagnosis.mlflow_server import Entrance
from yolops.platform.access import Credentials
from yolops.platform.outputs import Mode, Outputs
from yolops.platform.settings import Settings
from yolops.platform.terraform import Terraform
from yolops.platform.trust import SYSTEM, Trust

REGION = "eu-central-1"


def entrance(tracking_uri: str, trust: Trust = SYSTEM, login: tuple[str, str] = ("", ""), **outputs: Any) -> Entrance:
    known: dict[str, Any] = {"mode": Mode.CUSTOM, "aws_region": REGION, "project_name": "cells", **outputs}
    found = Outputs(tracking_uri=tracking_uri, artifact_uri="", ui_url=tracking_uri, **known)
    return Entrance(lambda: found, lambda _: trust, lambda _: Credentials(*login))


def cloud(
    directory: Path, aws: Any = None, *, address: str = "", uri: str = "http://127.0.0.1:9", **outputs: Any
) -> Custom:
    settings = Settings(directory / "terraform.tfvars", Mode.CUSTOM, "cells", REGION)
    terraform = Terraform("terraform", directory, directory / "records", say=lambda _: None)
    return Custom(settings, aws or Aws(REGION), terraform, entrance(uri, **outputs), lambda: address)


def codes(seen: Seen) -> list[tuple[str, str]]:
    return [(finding.severity.value, finding.code) for finding in seen.findings]
