"""How numbers of bytes and moments are written for people."""

from __future__ import annotations

from datetime import datetime


def size_text(size: float) -> str:
    """Return a number of bytes in MB, or from a billion on in GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def minute(moment: datetime) -> str:
    """Return date and time, here, to the minute."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def brief(moment: datetime, now: datetime | None = None) -> str:
    """Return day and time, here, for a table that shall fit on a screen; of another year the date, as `ls -l` does."""
    here, today = moment.astimezone(), (now or datetime.now().astimezone()).astimezone()
    return f"{here:%m-%d %H:%M}" if here.year == today.year else f"{here:%Y-%m-%d}"
