"""The platform on this machine: one MLflow server on loopback, with SQLite and a directory of artifacts in `.yolops/`.

`up` starts it in the background and every later command finds it again (see `background_server`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.platform import server_command
from yolops.platform.background_server import BackgroundServer, Program, size_of
from yolops.platform.database import copy_before
from yolops.platform.health import address, answers, is_alive
from yolops.platform.outputs import Mode, Outputs
from yolops.platform.ports import PREFERRED_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from yolops.platform.workspace import Workspace

STOP_PATIENCE_S = server_command.GRACEFUL_SHUTDOWN_S + 3.0


class State(StrEnum):
    """What can be seen of the server."""

    RUNNING = "running"
    STOPPED = "stopped"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class Status:
    """The local platform as it is now.

    Attributes:
        state: whether its server runs and answers; `unhealthy` is alive without an answer, or only in part.
        url: the server's address; None when it is stopped.
        port: its port, or that of the last one; None if there never was one.
        pid: the server's process; None when it is stopped.
        version: the MLflow of the server, or of the last one; None if there never was one.
        since: when the server was started; None when it is stopped.
        log: the file with what the server says.
        database_bytes: the size of the database.
        artifact_bytes: the size of all artifacts together.
        died: the last server has ended, and not because it was asked to.
    """

    state: State
    url: str | None
    port: int | None
    pid: int | None
    version: str | None
    since: datetime | None
    log: Path
    database_bytes: int
    artifact_bytes: int
    died: bool


class LocalPlatform:
    """The MLflow server of a workspace in local mode.

    Args:
        workspace: whose server it is.
        say: is told, in one line each, what a person should know of a start beyond its result.

    Raises:
        YolopsError: the workspace is not in local mode.
    """

    def __init__(self, workspace: Workspace, *, say: Callable[[str], object] | None = None) -> None:
        if workspace.mode() is not Mode.LOCAL:
            raise YolopsError(
                f"{workspace.settings_file}: the platform of this workspace runs in AWS, not on this machine",
                "for local mode, use a workspace without terraform.tfvars (--workspace DIRECTORY)",
            )
        self._workspace = workspace
        self._say = say or (lambda _: None)
        self._server = BackgroundServer(
            workspace.state, lock=workspace.state / "server.lock", stop_patience_s=STOP_PATIENCE_S, say=self._say
        )
        self.log = self._server.log
        self._database = workspace.state / server_command.DATABASE
        self._artifacts = workspace.state / server_command.ARTIFACTS

    def up(self, port: int | None = None) -> Outputs:
        """Start the server unless it runs already, wait until it answers, and return its outputs.

        Args:
            port: the port it must have; otherwise its former one or the first free one from 5000.

        Raises:
            YolopsError: the port is taken, or the server did not start.
        """
        self._workspace.create_state()
        with self._server.alone():
            record = self._server.record()
            if record is not None and self._server.recovers(record):
                if port not in (None, record.port):
                    raise YolopsError(
                        f"{address(record.port)}: the server of this workspace already runs there, not on port {port}",
                        f"yolops down, then yolops up --port {port}",
                    )
                return self._outputs(record.port)
            self._server.end(record)
            version = server_command.server_version()
            self._keep_database(version)
            return self._outputs(self._server.start(self._program(version), port).port)

    def down(self) -> bool:
        """End the server and everything it started, and return whether there was one.

        Raises:
            YolopsError: it cannot be ended.
        """
        if not self._workspace.state.is_dir():
            return False
        with self._server.alone():
            return self._server.end(self._server.record())

    def outputs(self) -> Outputs:
        """Return what describes the running platform.

        Raises:
            YolopsError: the server does not run, or does not answer.
        """
        record = self._server.record()
        if record is None or not is_alive(record):
            raise YolopsError(f"{self._workspace.root}: the platform is not running (log: {self.log})", "yolops up")
        if not answers(record):
            raise YolopsError(f"{address(record.port)}: the server does not answer (log: {self.log})", "yolops up")
        return self._outputs(record.port)

    def status(self) -> Status:
        """Return what can be seen of the platform; changes nothing."""
        record = self._server.record()
        live = record if record is not None and is_alive(record) else None
        if live is None:
            # What it had started may outlive a server that was killed.
            state = State.UNHEALTHY if self._server.processes() else State.STOPPED
        else:
            state = State.RUNNING if answers(live) else State.UNHEALTHY
        return Status(
            state=state,
            url=None if live is None else address(live.port),
            port=None if record is None else record.port,
            pid=None if live is None or live.process is None else live.process.pid,
            version=None if record is None else record.version,
            since=None if live is None else live.started_at,
            log=self.log,
            database_bytes=sum(size_of(file) for file in self._workspace.state.glob("mlflow.db*") if _is_live(file)),
            artifact_bytes=sum(size_of(file) for file in self._artifacts.rglob("*")),
            died=live is None and record is not None and record.process is not None,
        )

    def _outputs(self, port: int) -> Outputs:
        server = address(port)
        return Outputs(Mode.LOCAL, tracking_uri=server, artifact_uri=self._artifacts.as_uri(), ui_url=server)

    def _program(self, version: str) -> Program:
        return Program(
            name="the MLflow server",
            version=version,
            argv=server_command.server_argv,
            environment=server_command.server_environment(server_command.bytecode_directory()),
            ports=PREFERRED_PORTS,
            hint=f"read {self.log}; a damaged database can be replaced by a mlflow.db.before-* beside it",
        )

    def _keep_database(self, version: str) -> None:
        """Copy the database before an MLflow that did not make it, or may not have, changes its tables."""
        record = self._server.record()
        if self._database.exists() and (record is None or record.version != version):
            copy = copy_before(self._database, version)
            maker = "an unknown MLflow" if record is None else f"MLflow {record.version}"
            self._say(f"the database is from {maker}; before MLflow {version} may change it, it was copied to {copy}")


def _is_live(file: Path) -> bool:
    """Return whether a file is the database or belongs to it, rather than being an old copy."""
    return file.name.removeprefix(server_command.DATABASE) in ("", "-wal", "-shm")
