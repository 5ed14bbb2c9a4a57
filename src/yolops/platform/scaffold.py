"""What `yolops init` writes: the settings of a new platform, and its guess at the caller's own address."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import threading
import urllib.request
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.platform.mlflow_version import NAME
from yolops.platform.outputs import Mode
from yolops.platform.settings import AWS_MODES, DEFAULT_PROJECT, DEFAULT_REGION, NAME_RULE, PROJECT_NAME

if TYPE_CHECKING:
    from pathlib import Path

# Says which address a request comes from; run by AWS.
ADDRESS_SERVICE = "https://checkip.amazonaws.com"
ADDRESS_PATIENCE_S = 3.0
# As in terraform/variables.tf and terraform/options.tf.
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
SHORTEST_PREFIX = 8


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

    def answered(self, name: str, answer: str) -> Choices:
        """Return the choices with what a person typed for one of them.

        Args:
            name: the attribute.
            answer: the line that was typed.

        Raises:
            YolopsError: that cannot be chosen.
        """
        answer = answer.strip()
        value: Any = answer
        if name == "mode":
            if answer.lower() not in set(Mode):
                raise YolopsError(f'"{answer}" is no mode in AWS', "choose studio or custom")
            value = Mode(answer.lower())
        elif name == "allowed_cidrs":
            value = tuple(_range(part) for part in answer.replace(",", " ").split())
        chosen = replace(self, **{name: value})
        chosen.check()
        return chosen

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
                NAME_RULE,
            )
        if not REGION.fullmatch(self.region):
            raise YolopsError(f'"{self.region}" is no region of AWS', "give its code, such as eu-central-1")
        for cidr in self.allowed_cidrs:
            if ipaddress.ip_network(_range(cidr)).prefixlen < SHORTEST_PREFIX:
                raise YolopsError(
                    f"{cidr}: is open to the world",
                    "name your own networks; if you mean it: allow_public_access = true in terraform.tfvars",
                )


def settings_text(choices: Choices, mlflow: str) -> str:
    """Return the `terraform.tfvars` of a new platform.

    Args:
        choices: what a person chose.
        mlflow: the version that the server of custom mode stays at until it is upgraded, whatever later releases bring.
    """
    lines = [
        "# Settings of the platform; every other one is explained in variables.tf.",
        f"aws_region   = {json.dumps(choices.region)}",
        f"project_name = {json.dumps(choices.project)}",
        "",
        '# "studio" or "custom"; `yolops plan` shows what a switch would do.',
        f'deployment_mode = "{choices.mode}"',
    ]
    if choices.mode is Mode.CUSTOM:
        lines += ["", "# Changed by `yolops upgrade`, which migrates the tables.", f"{NAME} = {json.dumps(mlflow)}"]
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


def own_address(service: str = ADDRESS_SERVICE, patience_s: float = ADDRESS_PATIENCE_S) -> str:
    """Return the range of the one address that AWS sees this machine under; "" if that cannot be found out.

    Args:
        service: what is asked.
        patience_s: how long it may take, with looking up its name, for which there is no timeout.
    """
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.extend(_ask_address(service, patience_s)), daemon=True)
    asking.start()
    asking.join(patience_s)
    return found[0] if found else ""


def _ask_address(service: str, patience_s: float) -> list[str]:
    try:
        with urllib.request.urlopen(service, timeout=patience_s) as answer:  # noqa: S310 - a constant
            return [str(ipaddress.ip_network(answer.read(64).decode().strip()))]
    except (OSError, ValueError, http.client.HTTPException):
        return []


def _range(cidr: str) -> str:
    """Return a range of addresses as Terraform wants it; an address alone is a range of one."""
    try:
        return str(ipaddress.ip_network(cidr))
    except ValueError as error:
        raise YolopsError(f"{cidr}: no range of addresses ({error})", "write it like 203.0.113.7/32") from error
