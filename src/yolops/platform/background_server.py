"""One server that goes on when the command that started it has ended, and that every later command finds again.

What is believed of a server is only what can be seen of it: its process lives, that process listens on its port, and it
answers. A record alone proves nothing, and neither does an answer: another program may have the port by now.
"""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yolops import process, running_processes
from yolops.errors import YolopsError
from yolops.platform.health import answers, is_alive, listens
from yolops.platform.ports import LOOPBACK, candidate_ports, holder, is_free
from yolops.platform.server_record import ServerRecord, read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

# A start takes 4 s of a core, and more than twice that when Python must compile MLflow first; slow disks take longer.
START_PATIENCE_S = 90.0
# Another `up` may be waiting for a slow start, and may have to end a server that hangs before that.
LOCK_PATIENCE_S = 150.0
# A server that is busy answers late: it is ended only when several questions in a row had no answer.
HEALTH_TRIES = 3
POLL_S = 0.1
MOST_LOG_BYTES = 10_000_000
LOG_LINES_IN_ERRORS = 5
# How every system and every server spells it, but for the case of its first letter.
TAKEN = "ddress already in use"


@dataclass(frozen=True)
class Program:
    """What runs as the server.

    Attributes:
        name: how people call it, such as `the MLflow server`.
        version: its version, for the record.
        argv: its command on a port.
        environment: what is added to the environment it inherits.
        ports: the ports it may have, the best first.
        hint: what to do when it ends while it is starting.
    """

    name: str
    version: str
    argv: Callable[[int], Sequence[str]]
    environment: Mapping[str, str]
    ports: Sequence[int]
    hint: str


class BackgroundServer:
    """Starts, finds and ends one server of a workspace.

    Args:
        directory: where it runs, and where its record and its log are.
        lock: the file by which only one command at a time starts or ends it.
        stop_patience_s: seconds it may take to end by itself.
        found_by: the log, or the directory of logs, by which whatever it started is found; its own log if absent.
        say: is told, in one line each, what a person should know of a start beyond its result.
    """

    def __init__(
        self,
        directory: Path,
        *,
        lock: Path,
        stop_patience_s: float,
        found_by: Path | None = None,
        say: Callable[[str], object],
    ) -> None:
        self._directory = directory
        self._lock = lock
        self._stop_patience_s = stop_patience_s
        self._say = say
        self.log = directory / "server.log"
        self._record = directory / "server.json"
        self._found_by = found_by or self.log

    def record(self) -> ServerRecord | None:
        """Return the record of the last server, or None if there never was one."""
        return read_record(self._record)

    def processes(self) -> list[running_processes.ProcessIdentity]:
        """Return what runs of the server and of everything it started."""
        return running_processes.find_background(self._found_by)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one command at a time start or end the server; the system drops the lock of one that dies.

        Raises:
            YolopsError: the lock cannot be written, or another command holds it for too long.
        """
        try:
            stream = self._lock.open("w")
        except OSError as error:
            raise YolopsError(
                f"{self._lock}: cannot be written ({error.strerror})",
                "make the directory writable, or use another --workspace",
            ) from error
        with stream:
            deadline = time.monotonic() + LOCK_PATIENCE_S
            while not _try_lock(stream.fileno()):
                if time.monotonic() >= deadline:
                    raise YolopsError(
                        f"{self._lock}: another yolops is starting or ending the server", "try again later"
                    )
                time.sleep(POLL_S)
            yield

    def recovers(self, record: ServerRecord) -> bool:
        """Return whether the recorded server answers, now or as soon as it can be expected to."""
        if record.process is None:
            return False
        age = (datetime.now(UTC) - record.started_at).total_seconds()
        while 0 <= age < START_PATIENCE_S and is_alive(record) and not listens(record):
            # Whoever started it was killed while waiting for it.
            time.sleep(POLL_S)
            age = (datetime.now(UTC) - record.started_at).total_seconds()
        return any(is_alive(record) and answers(record) for _ in range(HEALTH_TRIES))

    def end(self, record: ServerRecord | None) -> bool:
        """End the recorded server and whatever else still runs with its log, and return whether anything did.

        Raises:
            YolopsError: something of it cannot be ended.
        """
        known = [] if record is None or record.process is None else [record.process]
        found = self.processes()
        for identity in [*(item for item in known if running_processes.is_running(item)), *found]:
            running_processes.stop(identity, self._stop_patience_s)
        if record is not None and record.process is not None:
            write_record(self._record, record.stopped())
        return bool(found)

    def start(self, program: Program, explicit: int | None = None) -> ServerRecord:
        """Start the server, wait until it answers, and return its record.

        Args:
            program: what runs.
            explicit: the port it must have; otherwise its former one or the first free one.

        Raises:
            YolopsError: no port is free, or it did not start.
        """
        former = self.record()
        for port in candidate_ports(explicit, None if former is None else former.port, program.ports):
            if is_free(port) and (record := self._started_on(port, program)):
                return record
            who = holder(port) or "another program"
            if port == explicit:
                raise YolopsError(f"port {port} is taken by {who}", "end that program, or choose another --port")
            self._say(f"port {port} is taken by {who}; trying the next")
        first, last = program.ports[0], program.ports[-1]
        raise YolopsError(f"no port from {first} to {last} is free on {LOOPBACK}", "choose a free one with --port")

    def _started_on(self, port: int, program: Program) -> ServerRecord | None:
        """Start the server and wait until it answers; return None if another program got the port before it."""
        self._rotate_log()
        offset = size_of(self.log)
        identity = process.start_background(
            program.argv(port), log=self.log, env=program.environment, cwd=self._directory
        )
        record = ServerRecord(port, program.version, datetime.now(UTC), identity)
        try:
            write_record(self._record, record)
            if self._comes_up(record, program, offset):
                return record
        except BaseException:  # also Ctrl-C: a server nobody waited for must not stay
            self.end(record)
            raise
        write_record(self._record, record.stopped())
        return None

    def _rotate_log(self) -> None:
        if size_of(self.log) > MOST_LOG_BYTES:
            with suppress(OSError):  # a log that stays long is no reason not to start
                self.log.replace(self.log.with_name(self.log.name + ".1"))

    def _comes_up(self, record: ServerRecord, program: Program, log_offset: int) -> bool:
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            if answers(record):
                return True
            if not is_alive(record):
                said = self._last_words(log_offset)
                # Who had the port may have given it back by now.
                if not is_free(record.port) or TAKEN in said:
                    return False
                raise YolopsError(f"{program.name} ended while it was starting{said}", program.hint)
            time.sleep(POLL_S)
        raise YolopsError(
            f"{program.name} did not answer within {START_PATIENCE_S:g} s{self._last_words(log_offset)}",
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


def size_of(file: Path) -> int:
    """Return the bytes of a file, 0 where there is none."""
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
