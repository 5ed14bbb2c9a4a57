"""Which MLflow the server of custom mode is: the versions a configuration can install, and the line that says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

NAME = "mlflow_version"
LINE = re.compile(rf'^(\s*{NAME}\s*=\s*)"[^"\n]*"', re.MULTILINE)
LOCKS = "modules/custom/server"


def shipped_versions(configuration: Path) -> list[str]:
    """Return the versions that a Terraform configuration can install, the oldest first."""
    locks = (configuration / LOCKS).glob("requirements-*.txt")
    return sorted((lock.stem.removeprefix("requirements-") for lock in locks), key=parts)


def parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, by which it is older or newer than another one."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def with_version(text: str, version: str) -> str:
    """Return settings that name a version, and are otherwise what they were."""
    if LINE.search(text):
        return LINE.sub(rf'\g<1>"{version}"', text, count=1)
    return f'{text.rstrip()}\n{NAME} = "{version}"\n'


def write_version(settings: Path, version: str) -> None:
    """Have the settings name a version.

    Raises:
        YolopsError: the file cannot be written.
    """
    try:
        text = with_version(settings.read_text(encoding="utf-8"), version)
        with whole_file(settings) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise YolopsError(f"{settings}: cannot be written ({error.strerror})", "make room, and it writable") from error
