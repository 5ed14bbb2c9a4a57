"""How numbers of bytes, moments and registered models are written for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def model_text(model: Mapping[str, str]) -> str:
    """Return where MLflow loads a registered version from: `name`, `version`, and `alias` where it has one."""
    name, version, alias = model["name"], model["version"], model.get("alias")
    return f"models:/{name}@{alias} (version {version})" if alias else f"models:/{name}/{version}"
