"""The MLflow of local mode: its process, its port, its database, its artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.diagnosis.check import Check, Notes, Seen, Skip
from yolops.diagnosis.machine import nearest, written
from yolops.diagnosis.packages import CLIENT, version_of
from yolops.platform.database import damage
from yolops.platform.local import State
from yolops.platform.ports import PREFERRED_PORTS, holder, is_free
from yolops.platform.server_command import ARTIFACTS, DATABASE

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.platform.local import LocalPlatform, Status

DATABASE_PATIENCE_S = 10.0
UP = "yolops up"


@dataclass(frozen=True)
class Local:
    """The platform of a workspace in local mode.

    Attributes:
        platform: its server.
        state: where it keeps what is in MLflow.
    """

    platform: LocalPlatform
    state: Path


def server(local: Local) -> Seen:
    """The server runs and answers, or was stopped on purpose."""
    seen = local.platform.status()
    notes = Notes(str(seen.url or local.state))
    if seen.state is State.UNHEALTHY:
        notes.error("server-unhealthy", f"the MLflow server runs and does not answer (log: {seen.log})", UP)
    elif seen.died:
        notes.error("server-died", f"the MLflow server has ended without `yolops down` (log: {seen.log})", UP)
    if seen.state is State.RUNNING:
        return notes.seen(f"{seen.url} answers (process {seen.pid})")
    return notes.seen("not running; what needs it starts it")


def port(local: Local) -> Seen:
    """The port of the server is its own, or free for it."""
    seen = local.platform.status()
    if seen.state is State.RUNNING:
        return Seen(f"{seen.port} is the server's own")
    notes = Notes(f"port {seen.port or PREFERRED_PORTS[0]}")
    if not any(is_free(number) for number in PREFERRED_PORTS):
        first, last = PREFERRED_PORTS[0], PREFERRED_PORTS[-1]
        notes.error("no-port-free", f"no port from {first} to {last} is free", f"{UP} --port with a free one")
    elif seen.state is State.STOPPED and seen.port and not is_free(seen.port):
        thief = holder(seen.port) or "another program"
        notes.warning(
            "port-taken",
            f"port {seen.port}, the address of this MLflow until now, is taken by {thief}",
            f"end that program, or let `{UP}` take the next port",
        )
    return notes.seen("free" if seen.port is None else f"{seen.port} is free")


def version(local: Local) -> Seen:
    """The server is of the same MLflow as the client."""
    seen: Status = local.platform.status()
    if seen.version is None:
        raise Skip("there was no server yet")
    notes = Notes(str(seen.url or local.state))
    client = version_of(CLIENT)
    if client is not None and client != seen.version:
        notes.warning(
            "mlflow-versions-differ",
            f"the server is MLflow {seen.version}, and the client here {client}",
            f"yolops down, then {UP}: it starts the MLflow that is installed, and copies the database before",
        )
    return notes.seen(f"MLflow {seen.version} on both sides")


def database(local: Local) -> Seen:
    """The database can be read, and is sound as far as SQLite can tell in some seconds."""
    file = local.state / DATABASE
    if not file.exists():
        raise Skip("there is none yet")
    notes = Notes(str(file))
    found = damage(file, DATABASE_PATIENCE_S)
    if found:
        notes.error(
            "database-damaged",
            f"the database is damaged ({found})",
            f"yolops down, put a copy of yours or {DATABASE}.before-* in its place, then {UP}",
        )
    size = file.stat().st_size / 1e6
    return notes.seen(f"{size:.1f} MB, sound" if found is not None else f"{size:.1f} MB; no damage found in time")


def artifacts(local: Local) -> Seen:
    """The directory of artifacts can be written."""
    return written(nearest(local.state / ARTIFACTS), "make it writable for the server, and check its disk")


CHECKS = (
    Check("MLflow server", server),
    Check("port", port),
    Check("MLflow versions", version),
    Check("database", database),
    Check("artifacts", artifacts),
)
