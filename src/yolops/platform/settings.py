"""What a person decides about a platform in AWS: `terraform.tfvars`.

Terraform evaluates it; here only what the commands themselves must know is read, so that they ask the right account,
region and project before Terraform runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.platform.outputs import Mode

if TYPE_CHECKING:
    from pathlib import Path

# As in terraform/variables.tf.
DEFAULT_REGION = "us-east-1"
DEFAULT_PROJECT = "yolops"
PROJECT_NAME = re.compile(r"(?!aws|ssm|xn--|sthree-)(?!.*--)[a-z][a-z0-9-]{1,30}[a-z0-9]")
NAME_RULE = (
    "use 3 to 32 small letters, digits and single hyphens; it begins with a letter, though not with aws or ssm, and "
    "does not end with a hyphen"
)
AWS_MODES = (Mode.STUDIO, Mode.CUSTOM)


@dataclass(frozen=True)
class Settings:
    """What the commands know of `terraform.tfvars`.

    Attributes:
        path: the file.
        mode: `custom` or `studio`.
        project_name: what everything in AWS is tagged with.
        region: where it is.
        delete_bucket_contents: the bucket may be deleted with what is in it.
    """

    path: Path
    mode: Mode
    project_name: str = DEFAULT_PROJECT
    region: str = DEFAULT_REGION
    delete_bucket_contents: bool = False

    @property
    def configuration(self) -> Path:
        """The directory with the Terraform configuration, in which the file lies."""
        return self.path.parent


def read_settings(path: Path) -> Settings:
    """Read a `terraform.tfvars`.

    Raises:
        YolopsError: it cannot be read, is not valid, or names a mode that does not exist.
    """
    values = _parse(path)
    mode = _text(path, values, "deployment_mode", Mode.STUDIO.value)
    if mode not in AWS_MODES:
        raise YolopsError(
            f'{_at(path, "deployment_mode")}: deployment_mode is "{mode}", which does not exist',
            'choose "studio" or "custom"; local mode is a workspace without terraform.tfvars',
        )
    project = _text(path, values, "project_name", DEFAULT_PROJECT)
    if not PROJECT_NAME.fullmatch(project):
        raise YolopsError(
            f'{_at(path, "project_name")}: project_name "{project}" is not a name that AWS takes everywhere',
            NAME_RULE,
        )
    delete = values.get("delete_bucket_contents", False)
    region = _text(path, values, "aws_region", DEFAULT_REGION)
    return Settings(path, Mode(mode), project, region, delete_bucket_contents=delete is True)


def _parse(path: Path) -> dict[str, Any]:
    try:
        import hcl2
        from hcl2.utils import SerializationOptions
        from lark.exceptions import LarkError
    except ImportError as error:
        raise YolopsError(
            "the modes in AWS need python-hcl2, which is not installed", "pip install 'yolops[aws]'"
        ) from error
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise YolopsError(f"{path}: cannot be read ({error})", "make it a readable file of UTF-8 text") from error
    try:
        return dict(hcl2.loads(text + "\n", serialization_options=SerializationOptions(strip_string_quotes=True)))
    except LarkError as error:
        last = len(text.splitlines())
        line = min(getattr(error, "line", last), last)
        line = line if line > 0 else last  # what is missing at the end of the file has no line
        raise YolopsError(
            f"{path}:{line}: not valid Terraform variables", 'write name = "value", one on each line'
        ) from error


def _text(path: Path, values: dict[str, Any], name: str, default: str) -> str:
    value = values.get(name, default)
    if not isinstance(value, str):
        raise YolopsError(f"{_at(path, name)}: {name} must be text", f'write {name} = "{default}"')
    return value


def _at(path: Path, name: str) -> str:
    """Return the file with the line that sets a variable."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if re.match(rf"\s*{name}\s*=", line):
            return f"{path}:{number}"
    return str(path)
