"""The files of the Terraform configuration: where they come from, and their way into a workspace or a rehearsal.

A file that a person has edited is theirs: it is known by its hash, which is remembered when the file is written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yolops
from yolops.errors import YolopsError
from yolops.platform.workspace import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_FILE = ".terraform.lock.hcl"
BACKEND = "backend.tf"
CODE = (".tf", ".tf.json", ".hcl", ".example", "README.md")
# What Terraform makes beside a configuration, and what is only for those who develop it.
NOT_COPIED = (".terraform", "tests", "__pycache__")
IGNORED = """\
.terraform/
*.tfstate
*.tfstate.*
.terraform.tfstate.lock.info
crash.log
*.pem
"""


@dataclass(frozen=True)
class Laid:
    """What became of the files of a configuration.

    Attributes:
        written: those that were not there, or were there as we had written them.
        edited: those that somebody has edited and that were left alone.
    """

    written: tuple[str, ...]
    edited: tuple[str, ...]


def configuration_source() -> Path:
    """Return the configuration that belongs to this yolops: inside the package, or at the root of a checkout.

    Raises:
        YolopsError: there is none.
    """
    package = Path(yolops.__file__).resolve().parent
    for place in (package / "terraform", package.parents[1] / "terraform"):
        if (place / MAIN).is_file():
            return place
    raise YolopsError("this yolops comes without its Terraform configuration", "install it again: pip install yolops")


def lay_out(source: Path, target: Path, record: Path) -> Laid:
    """Write a configuration into a directory, except for files that somebody has edited there.

    Args:
        source: the configuration.
        target: where it goes; made if need be. The same directory as the source is left as it is.
        record: the file that remembers what was written.

    Raises:
        YolopsError: a file cannot be written.
    """
    if target.exists() and target.samefile(source):
        return Laid((), ())
    known = _read_record(record)
    wanted = {name: (source / name).read_bytes() for name in _names(source)} | {".gitignore": IGNORED.encode()}
    written, edited = [], []
    try:
        for name, content in wanted.items():
            present = (target / name).read_bytes() if (target / name).is_file() else None
            if present is not None and present != content and known.get(name) != _hash(present):
                if name != LOCK_FILE:  # Terraform itself adds to it
                    edited.append(name)
                continue
            known[name] = _hash(content)
            if present != content:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).write_bytes(content)
                written.append(name)
        record.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(target, error) from error
    return Laid(tuple(written), tuple(edited))


def mirror(source: Path, target: Path) -> None:
    """Make a directory hold a configuration and its settings, but neither its state nor its backend.

    Args:
        source: the configuration.
        target: the copy; what Terraform made in it stays.

    Raises:
        YolopsError: a file cannot be written.
    """
    wanted = {name for name in _names(source) if name != BACKEND}
    wanted |= {path.name for path in source.glob("*.tfvars*") if path.is_file()}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for stale in set(_names(target)) - wanted - {LOCK_FILE}:
            (target / stale).unlink()
        for name in wanted:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)
    except OSError as error:
        raise _unwritable(target, error) from error


def fingerprint(configuration: Path) -> str:
    """Return a hash that changes when `terraform init` must run again: of every file with code and of the lock."""
    code = hashlib.sha256()
    for name in sorted(_names(configuration)):
        if name.endswith((".tf", ".tf.json", LOCK_FILE)):
            code.update(name.encode() + b"\0" + (configuration / name).read_bytes())
    return code.hexdigest()


def _names(root: Path) -> Iterator[str]:
    """Yield what belongs to a configuration; not its settings, its state, or whatever else a person keeps there."""
    own = [path for path in root.glob("*") if path.name.endswith(CODE)]
    for path in sorted([*own, *(root / "modules").rglob("*")]):
        if path.is_file() and not set(path.relative_to(root).parts) & set(NOT_COPIED):
            yield path.relative_to(root).as_posix()


def _read_record(record: Path) -> dict[str, str]:
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in known.items()} if isinstance(known, dict) else {}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _unwritable(target: Path, error: OSError) -> YolopsError:
    return YolopsError(
        f"{error.filename or target}: cannot be written ({error.strerror})", "make room, and the directory writable"
    )
