"""An MLflow server in memory, which can be away, refuse things, and lose its answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from yolops.tracking.batches import Batch
from yolops.tracking.spool import Record, RunIntent
from yolops.tracking.tracking_server import Doubtful, Refused


class FakeTracking:
    """Keeps what it is told, as a real server would: the same point twice is one point."""

    def __init__(self) -> None:
        self.runs: dict[str, str] = {}
        self.points: set[tuple[str, float, int, int]] = set()
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.datasets: list[str] = []
        self.files: list[str] = []
        self.statuses: list[str] = []
        self.calls = 0
        self.is_away: Callable[[int], bool] = lambda call: False
        self.loses_answer: Callable[[int], bool] = lambda call: False
        self.doubts: Callable[[int], bool] = lambda call: False
        self.refuses: Callable[[str], bool] = lambda name: False

    def create_run(self, intent: RunIntent) -> tuple[str, str]:
        self._arrive()
        run_id = self.runs.setdefault(intent.spool_id, intent.run_id or f"run-{len(self.runs) + 1}")
        self._answer()
        return "1", run_id

    def last_steps(self, run_id: str) -> dict[str, int]:
        self._arrive()
        return {name: step for name, _, _, step in sorted(self.points, key=lambda point: point[3])}

    def log_batch(self, run_id: str, batch: Batch) -> None:
        self._arrive()
        for name in (*(point.name for point in batch.metrics), *dict(batch.params), *dict(batch.tags)):
            if self.refuses(name):
                raise Refused(f"{name} is not welcome")
        self.points |= {(point.name, point.value, point.time, point.step) for point in batch.metrics}
        self.params |= dict(batch.params)
        self.tags |= dict(batch.tags)
        self._answer()

    def log_dataset(self, run_id: str, record: Record) -> None:
        self._arrive()
        self.datasets.append(record["digest"])
        self._answer()

    def upload(self, run_id: str, path: Path, folder: str) -> None:
        self._arrive()
        if not path.is_file():
            raise Refused(f"{path}: no such file")
        self.files.append(f"{folder}/{path.name}".lstrip("/"))
        self._answer()

    def set_status(self, run_id: str, status: str, end_ms: int | None) -> None:
        self._arrive()
        self.statuses.append(status)
        self._answer()

    def series(self, name: str) -> list[tuple[int, float]]:
        """The steps and values of a metric, in order of steps."""
        return sorted((step, value) for metric, value, _, step in self.points if metric == name)

    def _arrive(self) -> None:
        self.calls += 1
        if self.is_away(self.calls):
            raise ConnectionError("no answer")
        if self.doubts(self.calls):
            raise Doubtful("two writers met")

    def _answer(self) -> None:
        if self.loses_answer(self.calls):
            raise ConnectionError("the answer was lost")
