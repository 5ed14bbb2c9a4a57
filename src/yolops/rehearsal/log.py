"""What the process of the rehearsal says: stderr is its log."""

from __future__ import annotations

import sys


def log(line: str) -> None:
    """Say one line."""
    sys.stderr.write(f"{line}\n")
