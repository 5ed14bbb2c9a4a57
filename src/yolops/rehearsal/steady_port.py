"""A port on loopback that stays the same over restarts of the rehearsal, so that what refers to it goes on working."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from yolops.platform.ports import LOOPBACK, is_free
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path


def steady_port(file: Path) -> int:
    """Return the port a server had before if it can have it again, or else a free one.

    Args:
        file: where the port is remembered.
    """
    former = int(file.read_text(encoding="utf-8")) if file.exists() else 0
    if not former or not is_free(former):
        with socket.create_server((LOOPBACK, 0)) as free:
            former = int(free.getsockname()[1])
        with whole_file(file) as draft:
            draft.write_text(str(former), encoding="utf-8")
    return former
