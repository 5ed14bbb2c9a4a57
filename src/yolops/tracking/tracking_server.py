"""What is asked of an MLflow tracking server for writing, and how it says no; `mlflow_server` is the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yolops.tracking.batches import Batch
    from yolops.tracking.spool import Record, RunIntent


class Refused(Exception):
    """The server will never accept this, however often it is asked."""


class Doubtful(Exception):
    """The server says no, but has been known to say yes to the next attempt; refused when it stays with it."""


class NotLetIn(Exception):
    """The server does not know who asks, does not let him do this, or cannot show who it is: a login may be renewed."""


class TrackingServer(Protocol):
    """An MLflow tracking server. Any error but `Refused` means: try again."""

    def create_run(self, intent: RunIntent) -> tuple[str, str]:
        """Return experiment ID and run ID of the run of this spool, creating what does not exist yet."""
        ...

    def last_steps(self, run_id: str) -> Mapping[str, int]:
        """Return the highest step of each metric that the run has."""
        ...

    def log_batch(self, run_id: str, batch: Batch) -> None:
        """Store metrics, parameters and tags."""
        ...

    def log_dataset(self, run_id: str, record: Record) -> None:
        """Store a dataset as an input of the run."""
        ...

    def upload(self, run_id: str, path: Path, folder: str) -> None:
        """Store a file in a folder of the run's artifacts."""
        ...

    def set_status(self, run_id: str, status: str, end_ms: int | None) -> None:
        """Store the run's status and, unless it is running, its end in milliseconds since the epoch."""
        ...
