"""How numbers of bytes and moments are written for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def size_text(size: float) -> str:
    """Return a number of bytes in MB, or from a billion on in GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def minute(moment: datetime) -> str:
    """Return date and time, here, to the minute."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
