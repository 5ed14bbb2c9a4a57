"""The platform on this machine: one MLflow server on loopback, with SQLite and a directory of artifacts in `.yolops/`.

`up` starts it in the background and every later command finds it again. What is believed of a server is only what can
be seen of it: its process lives, that process listens on its port, and it answers. A record alone proves nothing, and
neither does an answer: another program may have the port by now.
"""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from yolops import process
from yolops.errors import YolopsError
from yolops.platform import server_command
from yolops.platform.database import copy_before
from yolops.platform.health import address, answers, is_alive, listens
from yolops.platform.outputs import Mode, Outputs
from yolops.platform.ports import LOOPBACK, PREFERRED_PORTS, candidate_ports, holder, is_free
from yolops.platform.server_record import ServerRecord, read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yolops.platform.workspace import Workspace

# A start takes 9 s on two cores, and 25 s when Python must compile MLflow first; slow disks take longer.
START_PATIENCE_S = 90.0
# Another `up` may be waiting for a slow start, and may have to end a server that hangs before that.
LOCK_PATIENCE_S = 150.0
# A server that is busy answers late: it is ended only when several questions in a row had no answer.
HEALTH_TRIES = 3
STOP_PATIENCE_S = server_command.GRACEFUL_SHUTDOWN_S + 3.0
POLL_S = 0.1
MOST_LOG_BYTES = 10_000_000
LOG_LINES_IN_ERRORS = 5


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
        pid: the server's process; None when it is stopped.
        version: the MLflow of the server, or of the last one; None if there never was one.
        since: when the server was started; None when it is stopped.
        log: the file with what the server says.
        database_bytes: the size of the database.
        artifact_bytes: the size of all artifacts together.
    """

    state: State
    url: str | None
    pid: int | None
    version: str | None
    since: datetime | None
    log: Path
    database_bytes: int
    artifact_bytes: int


class LocalPlatform:
    """The MLflow server of a workspace in local mode.

    Args:
        workspace: whose server it is.
        say: is told, in one line each, what a person should know of a start beyond its result.

    Raises:
        YolopsError: the workspace is not in local mode.
    """

    def __init__(self, workspace: Workspace, *, say: Callable[[str], object] | None = None) -> None:
        workspace.mode()
        self._workspace = workspace
        self._say = say or (lambda _: None)
        self.log = workspace.state / "server.log"
        self._record = workspace.state / "server.json"
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
        with self._alone():
            record = read_record(self._record)
            if record is not None and self._recovers(record):
                if port not in (None, record.port):
                    raise YolopsError(
                        f"{address(record.port)}: the server of this workspace already runs there, not on port {port}",
                        f"yolops down, then yolops up --port {port}",
                    )
                return self._outputs(record.port)
            self._end(record)
            return self._outputs(self._start(record, port))

    def down(self) -> bool:
        """End the server and everything it started, and return whether there was one.

        Raises:
            YolopsError: it cannot be ended.
        """
        if not self._workspace.state.is_dir():
            return False
        with self._alone():
            return self._end(read_record(self._record))

    def outputs(self) -> Outputs:
        """Return what describes the running platform.

        Raises:
            YolopsError: the server does not run, or does not answer.
        """
        record = read_record(self._record)
        if record is None or not is_alive(record):
            raise YolopsError(f"{self._workspace.root}: the platform is not running (log: {self.log})", "yolops up")
        if not answers(record):
            raise YolopsError(f"{address(record.port)}: the server does not answer (log: {self.log})", "yolops up")
        return self._outputs(record.port)

    def status(self) -> Status:
        """Return what can be seen of the platform; changes nothing."""
        record = read_record(self._record)
        live = record if record is not None and is_alive(record) else None
        if live is None:
            # A worker whose server was killed still answers, and nobody looks after it.
            state = State.UNHEALTHY if process.find_background(self.log) else State.STOPPED
        else:
            state = State.RUNNING if answers(live) else State.UNHEALTHY
        return Status(
            state=state,
            url=None if live is None else address(live.port),
            pid=None if live is None or live.process is None else live.process.pid,
            version=None if record is None else record.version,
            since=None if live is None else live.started_at,
            log=self.log,
            database_bytes=sum(_size(file) for file in self._workspace.state.glob("mlflow.db*") if _is_live(file)),
            artifact_bytes=sum(_size(file) for file in self._artifacts.rglob("*")),
        )

    def _outputs(self, port: int) -> Outputs:
        server = address(port)
        return Outputs(Mode.LOCAL, tracking_uri=server, artifact_uri=self._artifacts.as_uri(), ui_url=server)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one command at a time start or end the server; the system drops the lock of one that dies."""
        path = self._workspace.state / "server.lock"
        try:
            stream = path.open("w")
        except OSError as error:
            raise YolopsError(
                f"{path}: cannot be written ({error.strerror})",
                "make the directory writable, or use another --workspace",
            ) from error
        with stream:
            deadline = time.monotonic() + LOCK_PATIENCE_S
            while not _try_lock(stream.fileno()):
                if time.monotonic() >= deadline:
                    raise YolopsError(f"{path}: another yolops is starting or ending the server", "try again later")
                time.sleep(POLL_S)
            yield

    def _recovers(self, record: ServerRecord) -> bool:
        """Return whether the recorded server answers, now or as soon as it can be expected to."""
        if record.process is None:
            return False
        age = (datetime.now(UTC) - record.started_at).total_seconds()
        while 0 <= age < START_PATIENCE_S and is_alive(record) and not listens(record):
            # Whoever started it was killed while waiting for it.
            time.sleep(POLL_S)
            age = (datetime.now(UTC) - record.started_at).total_seconds()
        return any(is_alive(record) and answers(record) for _ in range(HEALTH_TRIES))

    def _end(self, record: ServerRecord | None) -> bool:
        """End the recorded server and whatever else still runs with this workspace's log."""
        known = [] if record is None or record.process is None else [record.process]
        found = process.find_background(self.log)
        for identity in [*(item for item in known if process.is_running(item)), *found]:
            process.stop(identity, STOP_PATIENCE_S)
        if record is not None and record.process is not None:
            write_record(self._record, record.stopped())
        return bool(found)

    def _start(self, record: ServerRecord | None, explicit: int | None) -> int:
        version = server_command.server_version()
        for port in candidate_ports(explicit, None if record is None else record.port):
            if is_free(port) and self._started_on(port, version):
                return port
            who = holder(port) or "another program"
            if port == explicit:
                raise YolopsError(f"port {port} is taken by {who}", "end that program, or choose another --port")
            self._say(f"port {port} is taken by {who}; trying the next")
        first, last = PREFERRED_PORTS[0], PREFERRED_PORTS[-1]
        raise YolopsError(f"no port from {first} to {last} is free on {LOOPBACK}", "choose a free one with --port")

    def _started_on(self, port: int, version: str) -> bool:
        """Start the server and wait until it answers; return False if another program got the port before it."""
        self._keep_database(version)
        self._rotate_log()
        offset = _size(self.log)
        identity = process.start_background(
            server_command.server_argv(port),
            log=self.log,
            env=server_command.server_environment(server_command.bytecode_directory()),
            cwd=self._workspace.state,
        )
        record = ServerRecord(port, version, datetime.now(UTC), identity)
        try:
            write_record(self._record, record)
            if self._comes_up(record, offset):
                return True
        except BaseException:  # also Ctrl-C: a server nobody waited for must not stay
            self._end(record)
            raise
        write_record(self._record, record.stopped())
        return False

    def _keep_database(self, version: str) -> None:
        """Copy the database before an MLflow that did not make it, or may not have, changes its tables."""
        record = read_record(self._record)
        if self._database.exists() and (record is None or record.version != version):
            copy = copy_before(self._database, version)
            maker = "an unknown MLflow" if record is None else f"MLflow {record.version}"
            self._say(f"the database is from {maker}; before MLflow {version} may change it, it was copied to {copy}")

    def _rotate_log(self) -> None:
        if _size(self.log) > MOST_LOG_BYTES:
            with suppress(OSError):  # a log that stays long is no reason not to start
                self.log.replace(self.log.with_name(self.log.name + ".1"))

    def _comes_up(self, record: ServerRecord, log_offset: int) -> bool:
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            if answers(record):
                return True
            if not is_alive(record):
                if not is_free(record.port):
                    return False
                raise YolopsError(
                    f"the MLflow server ended while it was starting{self._last_words(log_offset)}",
                    f"read {self.log}; a damaged database can be replaced by a mlflow.db.before-* beside it",
                )
            time.sleep(POLL_S)
        raise YolopsError(
            f"the MLflow server did not answer within {START_PATIENCE_S:g} s{self._last_words(log_offset)}",
            f"read {self.log}, then try again",
        )

    def _last_words(self, offset: int) -> str:
        try:
            with self.log.open("rb") as stream:
                stream.seek(offset)
                lines = stream.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        said = [line.rstrip() for line in lines if line.strip()][-LOG_LINES_IN_ERRORS:]
        return "".join([f" (log: {self.log})", *(f"\n    {line}" for line in said)])


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0


def _is_live(file: Path) -> bool:
    """Return whether a file is the database or belongs to it, rather than being an old copy."""
    return file.name.removeprefix(server_command.DATABASE) in ("", "-wal", "-shm")
