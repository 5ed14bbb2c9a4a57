"""The lock on Terraform's state, taken away from an owner only when that owner is known to be dead.

The lock of a local state is a lock of the operating system, which ends with its owner; only the note beside it stays.
The lock in a bucket is an object that stays, and can be judged only on the machine that it names.
"""

from __future__ import annotations

import fcntl
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.aws import Aws, absent_ok
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.platform.terraform import Terraform

STATE = "terraform.tfstate"
NOTE = ".terraform.tfstate.lock.info"


@dataclass(frozen=True)
class Lock:
    """What Terraform writes into a lock.

    Attributes:
        id: what `force-unlock` wants to hear.
        who: its owner, as `user@machine`.
        created: when it was taken.
    """

    id: str
    who: str
    created: str


def take_over(terraform: Terraform) -> Lock | None:
    """Remove the lock of an owner who is dead, and return it; None if there is no lock.

    Call it only when no Terraform runs in the directory.

    Raises:
        YolopsError: the owner lives, or that cannot be told from here.
    """
    bucket = _backend(terraform.directory)
    return _take_local(terraform.directory) if bucket is None else _take_remote(terraform, bucket)


def held(directory: Path) -> tuple[Lock, bool | None] | None:
    """Return the lock and whether its owner lives, where that can be told from here; changes nothing."""
    bucket = _backend(directory)
    if bucket is not None:
        lock = _remote(bucket)
        return None if lock is None else (lock, None)
    lock = _local(directory)
    return None if lock is None else (lock, _is_locked(directory / STATE))


def _take_local(directory: Path) -> Lock | None:
    lock = _local(directory)
    if lock is None:
        return None
    if _is_locked(directory / STATE):
        raise _alive(lock)
    (directory / NOTE).unlink(missing_ok=True)
    return lock


def _local(directory: Path) -> Lock | None:
    try:
        return _parse((directory / NOTE).read_bytes())
    except OSError:
        return None


def _is_locked(state: Path) -> bool:
    if not state.exists():
        return False
    with state.open("r+b") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _remote(backend: dict[str, Any]) -> Lock | None:
    asked = {"Bucket": backend["bucket"], "Key": f"{backend['key']}.tflock"}
    with absent_ok():
        return _parse(Aws(backend["region"]).call("s3", "get_object", **asked)["Body"].read())
    return None


def _take_remote(terraform: Terraform, backend: dict[str, Any]) -> Lock | None:
    lock = _remote(backend)
    if lock is None:
        return None
    machine = lock.who.rpartition("@")[2]
    if machine != socket.gethostname():
        raise YolopsError(
            f"the state is locked by {lock.who} since {lock.created}; whether that still runs can be seen only there",
            f"if it does not: terraform force-unlock {lock.id} in {terraform.directory}",
        )
    terraform.force_unlock(lock.id)
    return lock


def _backend(directory: Path) -> dict[str, Any] | None:
    """Return the settings of the S3 backend that `terraform init` has chosen; None for local state."""
    try:
        chosen = json.loads((directory / ".terraform" / STATE).read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, KeyError):
        return None
    return dict(chosen["config"]) if chosen.get("type") == "s3" else None


def _parse(text: bytes) -> Lock:
    try:
        value = json.loads(text)
    except ValueError:
        value = {}
    return Lock(value.get("ID", ""), value.get("Who", "somebody"), value.get("Created", "an unknown time"))


def _alive(lock: Lock) -> YolopsError:
    return YolopsError(f"the state is locked by {lock.who} since {lock.created}, who is at work", "wait until it ends")
