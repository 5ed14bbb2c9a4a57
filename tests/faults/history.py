"""What was asked of a server and what it said, and whether what it holds in the end is what it must hold.

A place holds what has one name: a point of a metric, a parameter, a tag, a file, a run. Each attempt to write to it is
an operation, known before it is sent. The checker knows nothing of MLflow, faults or time: it compares operations with
what was read back.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Place = tuple[Hashable, ...]


class Outcome(StrEnum):
    """How an attempt ended."""

    # It may have had its effect, and may still have it: nobody answered.
    UNKNOWN = "unknown"
    ACKNOWLEDGED = "acknowledged"
    # An error was answered: it may have had its effect, and will have none from now on.
    FAILED = "failed"
    # It was refused, or never sent: it has no effect.
    REFUSED = "refused"


@dataclass
class Operation:
    """One attempt to write a value to a place; until its outcome is told it is unknown."""

    place: Place
    value: Hashable
    outcome: Outcome = Outcome.UNKNOWN


@dataclass(frozen=True)
class Violation:
    """One thing that must not be."""

    what: str
    place: Place
    found: tuple[Hashable, ...]
    asked: tuple[tuple[Hashable, str], ...]

    def __str__(self) -> str:
        asked = ", ".join(f"{value!r} ({outcome})" for value, outcome in self.asked) or "nothing"
        return f"{self.what}: {self.place} holds {list(self.found)}; asked for: {asked}"


class History:
    """Every operation, in the order in which each writer began it."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._lock = threading.Lock()

    def begin(self, writes: Mapping[Place, Hashable]) -> list[Operation]:
        """Take note of the writes of one request that is about to be sent."""
        begun = [Operation(place, value) for place, value in writes.items()]
        with self._lock:
            self._operations += begun
        return begun

    @staticmethod
    def end(operations: Iterable[Operation], outcome: Outcome) -> None:
        """Take note of how a request ended."""
        for operation in operations:
            operation.outcome = outcome

    def count(self, outcome: Outcome, kind: str = "") -> int:
        """Return how many operations ended so, of all kinds of places or of one."""
        return sum(item.outcome is outcome and kind in {"", item.place[0]} for item in self._operations)

    def places(self) -> set[Place]:
        """Return every place that something was written to."""
        with self._lock:
            return {item.place for item in self._operations}

    def check(self, found: Mapping[Place, Iterable[Hashable]]) -> list[Violation]:
        """Return what is wrong with what was read back: every value at every place that holds any."""
        asked: dict[Place, list[Operation]] = defaultdict(list)
        with self._lock:
            for operation in self._operations:
                asked[operation.place].append(operation)
        wrong = []
        for place in asked.keys() | found.keys():
            values = tuple(found.get(place, ()))
            what = _judge(asked[place], values)
            if what:
                said = tuple((item.value, item.outcome.value) for item in asked[place])
                wrong.append(Violation(what, place, values, said))
        return wrong


def _judge(operations: list[Operation], values: tuple[Hashable, ...]) -> str:
    acknowledged = [at for at, item in enumerate(operations) if item.outcome is Outcome.ACKNOWLEDGED]
    if len(values) > 1:
        return "doubled"
    if not values:
        return "lost" if acknowledged else ""
    last = acknowledged[-1] if acknowledged else 0
    possible = {item.value for item in operations if item.outcome is Outcome.UNKNOWN}
    possible |= {item.value for item in operations[last:] if item.outcome in {Outcome.ACKNOWLEDGED, Outcome.FAILED}}
    if values[0] in possible:
        return ""
    if acknowledged and any(item.value == values[0] for item in operations[:last]):
        return "lost"  # overwritten by what was there before it
    return "invented"


def stale(points: Mapping[str, Iterable[tuple[int, int, float]]], latest: Mapping[str, float]) -> list[str]:
    """Return the metrics whose latest value is not that of their last point.

    Args:
        points: step, time and value of every point, by metric.
        latest: what is said to be the latest value, by metric.
    """
    last = {key: max(found)[2] for key, found in points.items()}
    return sorted(key for key in last.keys() | latest.keys() if last.get(key) != latest.get(key))
