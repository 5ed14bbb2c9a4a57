"""What the process of the rehearsal says: stderr is its log."""

from __future__ import annotations

import sys


def log(line: str) -> None:
    """Say one line."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the log
