"""Where an upgrade is tried: schemas and a directory of its own, which nothing that is served ever touches.

Whatever a trial that was killed has left there, the server that has begun it removes, or else the next start or trial.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from yolops_server.backup import LOCK
from yolops_server.database import alone
from yolops_server.table_swap import drop_copies, places, run

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from yolops_server.settings import Settings
    from yolops_server.table_swap import Places

# Seconds to wait for tables that are still in use.
PATIENCE_S = 5


def places_of_trial(settings: Settings) -> Places:
    """Return the schemas: `replaced` gets the tables of a backup, and `restored` migrated copies of them."""
    return places(settings, "trial_migrated", "trial_former", "trial")


def directory(settings: Settings) -> Path:
    """Return the directory, which need not be there."""
    return Path(settings.cache) / "trial"


def remove(connection: Connection, settings: Settings) -> None:
    """Remove what a trial has made.

    Args:
        connection: leads to the database.
        settings: the settings of the server; nobody tries an upgrade now.
    """
    drop_copies(connection, places_of_trial(settings))
    shutil.rmtree(directory(settings), ignore_errors=True)


def remove_remains(engine: Engine, settings: Settings, patience_s: int = 0) -> None:
    """Remove what a trial that was killed has left, unless another server tries an upgrade now.

    Args:
        engine: leads to the database.
        settings: the settings of the server.
        patience_s: how long to wait for the lock: the database may not know yet that one was killed.
    """
    # What the database still does for one that was killed keeps its tables; then the next trial removes them.
    with suppress(TimeoutError, OperationalError), alone(engine, LOCK, patience_s) as connection:
        run(connection, f"SET lock_wait_timeout = {PATIENCE_S}")
        remove(connection, settings)
