"""What a run has to say, on disk before it is sent: the file between a training and its sender.

A spool is a directory. The training appends to it, one process at a time; the sender reads it, one process at a time:

    run.json        what the run is called and where it goes, written once
    owner.json      the process that trains
    records.jsonl   one record a line, in the order in which they were said; a line without its newline is no record
    progress.json   what the server has acknowledged: a byte offset into records.jsonl, the run's ID, results
    rejected.jsonl  records that the server will never accept, with its reason
    sender.log      what the sender did

Because a record carries its own time, sending it twice stores the same point, and the offset moves only behind
acknowledged records: nothing is lost and nothing counts twice, whichever process dies when.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
import uuid
from collections import deque
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.running_processes import ProcessIdentity
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = 1
MEMORY_LIMIT = 100_000
Record = dict[str, Any]


@dataclass(frozen=True)
class RunIntent:
    """The run that a spool is about, as the server shall know it.

    Attributes:
        spool_id: marks the run in MLflow, so that it is found again when the answer to its creation got lost.
        tracking_uri: the MLflow server it goes to.
        experiment: the experiment's name.
        run_name: the run's name.
        started_ms: when it started, in milliseconds since the epoch.
        run_id: the run, where somebody else has created it; empty for a new one.
    """

    spool_id: str
    tracking_uri: str
    experiment: str
    run_name: str
    started_ms: int
    run_id: str = ""

    @classmethod
    def now(cls, tracking_uri: str, experiment: str, run_name: str, run_id: str = "") -> RunIntent:
        """Return that of a run which begins now."""
        return cls(uuid.uuid4().hex, tracking_uri, experiment, run_name, int(time.time() * 1000), run_id)


@dataclass(frozen=True)
class Progress:
    """What the server has acknowledged.

    Attributes:
        offset: how many bytes of records.jsonl are done with.
        run_id: the run in MLflow, once it exists.
        last_step: the highest step of any training metric sent; -1 before the first.
        ended: whether the run's end has been sent.
        rejected: how many records the server refused for good.
        trouble: why the last attempt failed; empty when it did not.
        gave_up: whether the last sender has ended without having sent all, because there was no point in trying on.
        results: what handlers of records returned, such as the version of a registered model.
    """

    offset: int = 0
    run_id: str = ""
    experiment_id: str = ""
    last_step: int = -1
    ended: bool = False
    rejected: int = 0
    trouble: str = ""
    gave_up: bool = False
    results: dict[str, Any] = field(default_factory=dict)


class Spool:
    """One run's spool directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.records_file = directory / "records.jsonl"
        self.rejected_file = directory / "rejected.jsonl"
        self.log_file = directory / "sender.log"

    @classmethod
    def create(cls, directory: Path, intent: RunIntent) -> Spool:
        """Make the spool of a new run.

        Raises:
            YolopsError: the directory exists or cannot be written.
        """
        spool = cls(directory)
        try:
            directory.mkdir(parents=True, mode=0o700)
            _replace(directory / "run.json", {"format": FORMAT, **asdict(intent)})
            spool.records_file.touch()
        except OSError as error:
            message = f"{directory}: the run cannot be recorded ({error.strerror})"
            raise YolopsError(message, "make it writable, or free space on its disk") from error
        return spool

    def intent(self) -> RunIntent:
        """Return what the run is called and where it goes.

        Raises:
            YolopsError: this is no spool, or one of a newer yolops.
        """
        try:
            raw = json.loads((self.directory / "run.json").read_text(encoding="utf-8"))
            version = raw.pop("format")
            if version != FORMAT:
                raise YolopsError(f"{self.directory}: written by another yolops (format {version})", "use that one")
            return RunIntent(**raw)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise YolopsError(
                f"{self.directory}: not the record of a run ({error})", "remove it if nothing misses it"
            ) from error

    def move_to(self, tracking_uri: str) -> None:
        """Send to this address from now on; the server has moved, and a sender at work notices."""
        intent = self.intent()
        if intent.tracking_uri != tracking_uri:
            _replace(
                self.directory / "run.json", {"format": FORMAT, **asdict(replace(intent, tracking_uri=tracking_uri))}
            )

    def progress(self) -> Progress:
        """Return what the server has acknowledged; nothing where that is not known, and then all is sent anew."""
        try:
            return Progress(**json.loads((self.directory / "progress.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return Progress()

    def save_progress(self, progress: Progress) -> None:
        """Remember what the server has acknowledged; a reader sees the old value or the new one."""
        _replace(self.directory / "progress.json", asdict(progress))

    def is_delivered(self) -> bool:
        """Whether the run has ended and the server has all of it."""
        progress = self.progress()
        return progress.ended and progress.offset >= self.size()

    def size(self) -> int:
        """Return how many bytes have been written to records.jsonl."""
        return self.records_file.stat().st_size

    def set_owner(self, owner: ProcessIdentity) -> None:
        """Remember which process trains."""
        _replace(self.directory / "owner.json", asdict(owner))

    def owner(self) -> ProcessIdentity | None:
        """Return the process that trains, None before one has said so."""
        try:
            return ProcessIdentity(**json.loads((self.directory / "owner.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def read(self, offset: int, most: int) -> list[tuple[int, Record]]:
        """Return up to `most` whole records from `offset` on, each with the offset behind it."""
        found: list[tuple[int, Record]] = []
        with self.records_file.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n") or len(found) == most:
                    break
                offset += len(line)
                found.append((offset, json.loads(line)))
        return found

    def reject(self, record: Record, reason: str) -> None:
        """Keep a record that the server will never accept, with its reason."""
        with self.rejected_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"reason": reason, "record": record}) + "\n")

    @contextmanager
    def locked(self, role: str) -> Iterator[bool]:
        """Hold one of the two places at the spool, `writer` or `sender`; yields False when another process has it."""
        with (self.directory / f"{role}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def is_locked(self, role: str) -> bool:
        """Whether some process holds this place at the spool."""
        with self.locked(role) as alone:
            return not alone


class SpoolWriter:
    """Appends records. Never waits for the network and never raises: a full disk must not end a training.

    While the disk refuses, up to 100,000 records are kept in memory, and written when it accepts again.
    """

    def __init__(self, spool: Spool) -> None:
        self._path = spool.records_file
        self._waiting: deque[bytes] = deque()
        self._is_torn = True

    def append(self, record: Record) -> None:
        """Append one record."""
        if len(self._waiting) >= MEMORY_LIMIT:
            self._flush()
        if len(self._waiting) < MEMORY_LIMIT:
            self._waiting.append(json.dumps(record, separators=(",", ":")).encode() + b"\n")
            self._flush()

    def _flush(self) -> None:
        try:
            if self._is_torn:
                _cut_torn_line(self._path)
                self._is_torn = False
            with self._path.open("r+b", buffering=0) as file:
                file.seek(0, os.SEEK_END)
                while self._waiting:
                    line = self._waiting[0]
                    if file.write(line) != len(line):
                        raise OSError(errno.ENOSPC, "the line was written in part")
                    self._waiting.popleft()
        except OSError:
            self._is_torn = True


def _cut_torn_line(path: Path) -> None:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def _replace(path: Path, value: dict[str, Any]) -> None:
    with whole_file(path) as draft:
        draft.write_text(json.dumps(value), encoding="utf-8")
