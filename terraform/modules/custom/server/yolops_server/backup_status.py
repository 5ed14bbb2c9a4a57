"""How far a backup or a restore is, in a small object beside the backup: whichever server is asked can tell."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from yolops_server.backup_store import MANIFEST, STATUS, now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops_server.backup_store import BackupStore

# Seconds between two writes.
EVERY_S = 1.0
# Seconds after which what has not begun yet will not begin any more.
BEGINS_WITHIN = timedelta(seconds=60)
# What people count, and the tables of MLflow that hold it.
COUNTED = {"experiments": "experiments", "runs": "runs", "models": "registered_models"}


class State(StrEnum):
    """Where it is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Status:
    """Writes how far one is.

    Args:
        store: the backups.
        backup: the ID of the backup that is being made, or another name beside them.
        about: what else there is to say, such as the ID of the backup that is being restored (`restores`).
    """

    def __init__(self, store: BackupStore, backup: str, about: Mapping[str, str]) -> None:
        self._store = store
        self._backup = backup
        self._about = about
        self._next = 0.0

    def say(self, phase: str) -> None:
        """Say what comes next."""
        print(f"{self._backup}: {phase}", flush=True)
        if time.monotonic() >= self._next:
            self._write(State.RUNNING, phase=phase)
            self._next = time.monotonic() + EVERY_S

    def end(self, state: State, **more: object) -> None:
        """Say how it ended."""
        self._write(state, **more)

    def _write(self, state: State, **more: object) -> None:
        said = {"state": state, **self._about, "at": now().isoformat(timespec="seconds")}
        self._store.write(self._backup, STATUS, said | more)


def state_of(said: Mapping[str, Any], *, busy: bool) -> State:
    """Return where something is that says this of itself; what was killed says nothing more.

    Args:
        said: what it wrote last.
        busy: whether anything is under way.
    """
    state = State(said["state"])
    if state is State.RUNNING and not busy and now() - datetime.fromisoformat(said["at"]) > BEGINS_WITHIN:
        return State.INTERRUPTED
    return state


def view(store: BackupStore, backup: str, *, busy: bool) -> dict[str, Any]:
    """Return what there is to say of a backup, whether it is whole or not.

    Args:
        store: the backups.
        backup: its ID.
        busy: whether any backup or restore is under way.
    """
    manifest = store.read(backup, MANIFEST)
    said = store.read(backup, STATUS) or {"state": State.DONE if manifest else State.INTERRUPTED}
    state = state_of(said, busy=busy)
    shown = {"id": backup, "state": state, "whole": manifest is not None}
    shown |= {name: said[name] for name in ("phase", "error", "restores", "result") if said.get(name)}
    return shown | (_summary(manifest) if manifest else {})


def _summary(manifest: Mapping[str, Any]) -> dict[str, Any]:
    runs = manifest["tables"]["runs"]
    counts = {name: runs[table]["rows"] for name, table in COUNTED.items()}
    size = {"database_bytes": manifest["database"]["size"], "artifacts": manifest["artifacts"]["objects"]}
    kept = {name: manifest[name] for name in ("made", "seconds", "why", "mlflow")}
    return kept | counts | size | {"artifact_bytes": manifest["artifacts"]["bytes"]}
