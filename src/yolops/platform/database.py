"""A copy of the local database before another MLflow changes its tables.

`mlflow server` migrates an older database when it starts, without asking, and there is no way back: MLflow has no
downgrade command, and a migration that is killed half-way cannot be resumed. The copy is the way back.

Here, too: whether the database is sound.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

# Between two looks at the clock: steps of SQLite's virtual machine, well below a millisecond of them.
STEPS = 1000


def copy_before(database: Path, version: str) -> Path:
    """Copy a SQLite database to `<name>.before-<version>`, never over an older copy, and return the copy.

    Args:
        database: the file; a server may be writing to it.
        version: the MLflow that is about to change it.

    Raises:
        YolopsError: it cannot be read, or the copy cannot be written.
    """
    target = _unused(database.with_name(f"{database.name}.before-{version}"))
    try:
        # sqlite's own backup sees what is still in its write-ahead log; copying the file would not.
        with (
            whole_file(target) as draft,
            closing(sqlite3.connect(database)) as source,
            closing(sqlite3.connect(draft)) as copy,
        ):
            source.backup(copy)
    except (OSError, sqlite3.Error) as error:
        raise YolopsError(
            f"{database}: cannot be copied before MLflow {version} changes it ({error})",
            "make room on the disk; if the file is damaged, put a copy of yours in its place",
        ) from error
    return target


def damage(database: Path, patience_s: float) -> str | None:
    """Return what SQLite finds wrong with a database, "" if nothing, None if it was not done in time; changes nothing.

    Indices are not compared with their tables (https://sqlite.org/pragma.html#pragma_quick_check): that takes longer.

    Args:
        database: the file; a server may be writing to it.
        patience_s: seconds it may take.
    """
    deadline = time.monotonic() + patience_s
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
            found = [str(line) for (line,) in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.OperationalError as error:
        return None if time.monotonic() > deadline else str(error)
    except sqlite3.Error as error:
        return str(error)
    return "" if found == ["ok"] else "; ".join(" ".join(line.split()) for line in found)


def _unused(path: Path) -> Path:
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.{number}")
    return candidate
