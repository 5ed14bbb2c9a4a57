"""What `yolops init` writes: the settings of a new platform, and its guess at the caller's own address."""

from __future__ import annotations

import ipaddress
import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.platform.outputs import Mode
from yolops.platform.settings import AWS_MODES, DEFAULT_PROJECT, DEFAULT_REGION, PROJECT_NAME

if TYPE_CHECKING:
    from pathlib import Path

# Says which address a request comes from; run by AWS.
ADDRESS_SERVICE = "https://checkip.amazonaws.com"
ADDRESS_PATIENCE_S = 3.0


@dataclass(frozen=True)
class Choices:
    """What a person chose for a new platform.

    Attributes:
        mode: `studio` or `custom`.
        project: what everything in AWS is tagged with.
        region: where it is.
        key_pair: the EC2 key pair for SSH; "" for access through AWS Systems Manager.
        allowed_cidrs: who reaches the server of custom mode.
    """

    mode: Mode = Mode.STUDIO
    project: str = DEFAULT_PROJECT
    region: str = DEFAULT_REGION
    key_pair: str = ""
    allowed_cidrs: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise what is wrong with a choice.

        Raises:
            YolopsError: a choice cannot be.
        """
        if self.mode not in AWS_MODES:
            raise YolopsError(f"{self.mode} is no mode in AWS", "choose studio or custom; local mode needs no init")
        if not PROJECT_NAME.fullmatch(self.project):
            raise YolopsError(
                f'"{self.project}" is not a name that AWS takes everywhere',
                "use 3 to 32 small letters, digits and hyphens; it begins with a letter and does not end with a hyphen",
            )
        for cidr in self.allowed_cidrs:
            try:
                ipaddress.ip_network(cidr)
            except ValueError as error:
                raise YolopsError(f"{cidr}: no range of addresses ({error})", "write it like 203.0.113.7/32") from error


def settings_text(choices: Choices) -> str:
    """Return the `terraform.tfvars` of a new platform."""
    lines = [
        "# Settings of the platform; every other one is explained in variables.tf.",
        f"aws_region   = {json.dumps(choices.region)}",
        f"project_name = {json.dumps(choices.project)}",
        "",
        '# "studio" or "custom"; `yolops plan` shows what a switch would do.',
        f'deployment_mode = "{choices.mode}"',
    ]
    if choices.mode is Mode.CUSTOM:
        lines += ["", "# Who reaches MLflow.", f"allowed_cidrs = {json.dumps(list(choices.allowed_cidrs))}", ""]
        if choices.key_pair:
            lines += ["# The EC2 key pair for SSH.", f"key_pair_name = {json.dumps(choices.key_pair)}"]
        else:
            lines += ["# No key pair and no port 22: aws ssm start-session.", 'admin_access = "ssm"']
    return "\n".join(lines) + "\n"


def write_new(path: Path, text: str) -> bool:
    """Write a file unless it is there, and return whether it holds this text now.

    Raises:
        YolopsError: it cannot be written.
    """
    try:
        if path.exists():
            return path.read_text(encoding="utf-8") == text
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise YolopsError(f"{path}: cannot be written ({error.strerror})", "make its directory writable") from error
    return True


def own_address() -> str:
    """Return the range of the one address that AWS sees this machine under; "" if that cannot be found out."""
    try:
        with urllib.request.urlopen(ADDRESS_SERVICE, timeout=ADDRESS_PATIENCE_S) as answer:
            return str(ipaddress.ip_network(answer.read(64).decode().strip()))
    except (OSError, ValueError):
        return ""
