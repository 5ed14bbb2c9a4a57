"""The real MLflow servers of the rehearsal: others say which should run, and here the difference is made up.

A managed MLflow is served as that of local mode is. The server of custom mode is what its user data brings, run as a
process.

A server that dies is not started again before the rehearsal is: what happened to it can be read in its log.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from yolops import process, running_processes
from yolops.platform.health import address, is_healthy
from yolops.platform.ports import LOOPBACK
from yolops.platform.server_command import (
    GRACEFUL_SHUTDOWN_S,
    bytecode_directory,
    server_argv,
    server_environment,
)
from yolops.rehearsal.server_files import lay_out_server
from yolops.rehearsal.steady_port import steady_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LOG = "server.log"
STOP_PATIENCE_S = GRACEFUL_SHUTDOWN_S + 3.0


class Phase(StrEnum):
    """How far a server is."""

    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True)
class Machine:
    """One MLflow server that should run.

    Attributes:
        name: its directory below that of the rehearsal, such as `mlflow/team`.
        artifacts: the options of `mlflow server` that say where its artifacts go.
        host: the address it listens on.
        port: its port; 0 is any, but the same again after a restart.
        files: those of the user data it brings its own server with, by path.
        changes: the settings of that server that are others on this machine.
    """

    name: str
    artifacts: tuple[str, ...] = ()
    host: str = LOOPBACK
    port: int = 0
    files: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    changes: tuple[tuple[str, str | int], ...] = ()


@dataclass
class _Running:
    machine: Machine
    identity: running_processes.ProcessIdentity
    url: str
    authority: Path | None = None
    phase: Phase = Phase.STARTING


class Machines:
    """What runs.

    Args:
        directory: the directory of the rehearsal.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: dict[str, _Running] = {}

    def converge(self, wanted: Sequence[Machine]) -> None:
        """Start what is missing, and end what is there without being wanted."""
        names = {machine.name: machine for machine in wanted}
        for name, running in list(self._running.items()):
            if names.get(name) != running.machine:
                running_processes.stop(running.identity, STOP_PATIENCE_S)
                del self._running[name]
        for name, machine in names.items():
            if name not in self._running:
                self._running[name] = self._start(machine)

    def look(self) -> None:
        """See which servers answer by now, and which have died."""
        for running in self._running.values():
            if not running_processes.is_running(running.identity):
                running.phase = Phase.FAILED
            elif running.phase is Phase.STARTING and is_healthy(running.url, running.authority):
                running.phase = Phase.RUNNING

    def phases(self) -> Mapping[str, Phase]:
        """Return how far each server is, by name."""
        return {name: running.phase for name, running in list(self._running.items())}

    def url(self, name: str) -> str | None:
        """Return the address of a server that answers; None for any other."""
        running = self._running.get(name)
        return running.url if running is not None and running.phase is Phase.RUNNING else None

    def forget(self, name: str) -> None:
        """Delete what a server that has ended kept."""
        shutil.rmtree(self._directory / name, ignore_errors=True)

    def last_words(self, name: str) -> str:
        """Return the last line of the log of a server."""
        try:
            lines = (self._directory / name / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _start(self, machine: Machine) -> _Running:
        directory = self._directory / machine.name
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        port = machine.port or steady_port(directory / "port")
        url, authority = address(port, machine.host), None
        argv = server_argv(port, machine.host, machine.artifacts)
        if machine.files:
            lay_out_server(dict(machine.files), directory, dict(machine.changes))
            argv = [sys.executable, "-m", "yolops.rehearsal.server_process", machine.host, str(port)]
            url, authority = f"https://{machine.host}:{port}", directory / "ca.pem"
        identity = process.start_background(
            argv, log=directory / LOG, env=server_environment(bytecode_directory()), cwd=directory
        )
        return _Running(machine, identity, url, authority)
