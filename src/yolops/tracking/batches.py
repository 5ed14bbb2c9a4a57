"""Turning records into as few calls as MLflow's limits allow. Pure: nothing here knows a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yolops.tracking.spool import Record

# The limits of one log-batch call (https://mlflow.org/docs/latest/rest-api.html#log-batch): 1,000 metrics, 100 params,
# 100 tags, 1,000 in total, 1 MB.
MAX_METRICS = 1000
MAX_PARAMS = 100
MAX_TAGS = 100
MAX_TOTAL = 1000
MAX_BYTES = 900_000
MEASURED = frozenset({"metrics", "summary"})
BATCHED = MEASURED | {"params", "tags"}


@dataclass(frozen=True)
class MetricPoint:
    """One value of one metric, with its time in milliseconds since the epoch."""

    name: str
    value: float
    time: int
    step: int


@dataclass(frozen=True)
class Batch:
    """What one log-batch call carries."""

    metrics: tuple[MetricPoint, ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.metrics or self.params or self.tags)

    @property
    def last_step(self) -> int:
        """The highest step in the batch, -1 where there is none."""
        return max((point.step for point in self.metrics), default=-1)


class BatchBuilder:
    """Collects records until the next one would not fit into one call."""

    def __init__(self) -> None:
        self._metrics: list[MetricPoint] = []
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._bytes = 0

    def add(self, record: Record) -> bool:
        """Add a whole record; False when there is no room for it, or when it cannot be batched."""
        kind, values = record["kind"], record.get("values", {})
        size = sum(len(name.encode()) + len(str(value).encode()) + 100 for name, value in values.items())
        if kind not in BATCHED or not self._has_room(kind, len(values), size):
            return False
        self._bytes += size
        if kind == "params":
            self._params.update(values)
        elif kind == "tags":
            self._tags.update(values)
        else:
            step = record.get("step", 0)
            self._metrics += [MetricPoint(name, value, record["time"], step) for name, value in values.items()]
        return True

    def build(self) -> Batch:
        """Return what was collected."""
        return Batch(tuple(self._metrics), tuple(self._params.items()), tuple(self._tags.items()))

    def _has_room(self, kind: str, count: int, size: int) -> bool:
        used = {"params": len(self._params), "tags": len(self._tags)}.get(kind, len(self._metrics))
        most = {"params": MAX_PARAMS, "tags": MAX_TAGS}.get(kind, MAX_METRICS)
        total = len(self._params) + len(self._tags) + len(self._metrics)
        return used + count <= most and total + count <= MAX_TOTAL and self._bytes + size <= MAX_BYTES
