"""What the next command must know of the local server, in one small file: `.yolops/server.json`.

It is never trusted alone: the process it names may have died, and its number may be another program's by now.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.running_processes import ProcessIdentity
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class ServerRecord:
    """The last server that was started here.

    Attributes:
        port: where it listens, and where the next one should, so that the address stays the same.
        version: the MLflow it is; the database's tables are of that version.
        started_at: when it was started.
        process: its process; None once it was stopped.
    """

    port: int
    version: str
    started_at: datetime
    process: ProcessIdentity | None

    def stopped(self) -> ServerRecord:
        """Return the record as it is after the server was stopped."""
        return replace(self, process=None)


def read_record(path: Path) -> ServerRecord | None:
    """Return the record, or None where there is none that can be understood (a damaged one says nothing)."""
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(path: Path, record: ServerRecord) -> None:
    """Write the record whole or not at all: whoever reads meanwhile sees the old one or the new one.

    Raises:
        YolopsError: it cannot be written, for example because the disk is full.
    """
    try:
        with whole_file(path) as draft, draft.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(_plain(record), indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise YolopsError(
            f"{path}: cannot be written ({error.strerror})", "make room on the disk, and the directory writable"
        ) from error


def _plain(record: ServerRecord) -> dict[str, Any]:
    process = record.process
    return {
        "port": record.port,
        "version": record.version,
        "started_at": record.started_at.isoformat(),
        "process": process and asdict(process),
    }


def _parse(value: dict[str, Any]) -> ServerRecord:
    process = value["process"]
    return ServerRecord(
        port=int(value["port"]),
        version=str(value["version"]),
        started_at=datetime.fromisoformat(value["started_at"]).astimezone(UTC),
        process=None if process is None else ProcessIdentity(int(process["pid"]), float(process["started"])),
    )
