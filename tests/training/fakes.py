"""A trainer that does what it is told, senders that send nothing, and a display that remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolops.running_processes import ProcessIdentity
from yolops.tracking.spool import Spool
from yolops.training.recorded_directory import RecordedDirectory
from yolops.training.trainer import Observer, Trained, TrainSpec

ARGUMENTS = {"epochs": 3, "lr0": 0.01}


class FakeTrainer:
    """Says an epoch after the other, writing a checkpoint behind each, until something happens.

    Args:
        epochs: how many it trains.
        begin_with: the first epoch it says.
        ends_with: raised behind the last epoch.
        refuses: raised when it is asked whether it could train.
    """

    packages = ("numpy",)

    def __init__(
        self,
        epochs: int = 3,
        *,
        begin_with: int = 1,
        ends_with: BaseException | None = None,
        refuses: Exception | None = None,
    ) -> None:
        self._numbers = range(begin_with, epochs + 1)
        self._ends_with = ends_with
        self._refuses = refuses
        self.checked: list[tuple[Mapping[str, object], str | Path]] = []
        self.specs: list[TrainSpec] = []
        self.during: Callable[[], None] = lambda: None

    def check(self, arguments: Mapping[str, object], start: str | Path) -> None:
        self.checked.append((arguments, start))
        if self._refuses:
            raise self._refuses

    def train(self, spec: TrainSpec, observer: Observer) -> Trained:
        self.specs.append(spec)
        weights = spec.directory / "weights"
        weights.mkdir(exist_ok=True)
        observer.started(ARGUMENTS, {"hardware.device": "cpu", "yolops.weights": "random"})
        for number in self._numbers:
            observer.step(number, self._numbers.stop - 1, 1, 1)
            observer.epoch(number, {"metrics/mAP50(B)": number / 10})
            for name in ("last.pt", "best.pt"):
                (weights / name).write_text(f"epoch {number}")
            observer.saved(number)
        self.during()
        if self._ends_with:
            raise self._ends_with
        observer.chosen(weights / "best.pt", 160)
        (spec.directory / "results.csv").write_text("epoch\n")
        (spec.directory / "results.png").write_bytes(b"png")
        return Trained(
            epochs=self._numbers.stop - 1,
            best=weights / "best.pt",
            last=weights / "last.pt",
            metrics={"mAP50": 0.3},
            per_class={"red cell": {"mAP50": 0.2}, "red(cell": {"mAP50": 0.4}},
        )


@dataclass
class FakeSenders:
    """Starts nothing; every run is delivered at once, or none is.

    Attributes:
        delivers: whether the server is there.
        started: the runs whose sender was started.
    """

    delivers: bool = True
    started: list[Spool] = field(default_factory=list)

    def start(self, spool: Spool) -> ProcessIdentity:
        self.started.append(spool)
        return ProcessIdentity(0, 0.0)

    def wait(self, spool: Spool, sender: ProcessIdentity, waiting: Callable[[str], None]) -> bool:
        if not self.delivers:
            waiting("no answer")
        return self.delivers


@dataclass
class FakeDisplay:
    """Remembers what a person would see.

    Attributes:
        asked: what ends the training, if somebody has asked for that.
    """

    asked: BaseException | None = None
    notes: list[str] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    steps: list[tuple[int, int, int, int]] = field(default_factory=list)

    def stop_if_asked(self) -> None:
        if self.asked:
            raise self.asked

    def note(self, line: str) -> None:
        self.notes.append(line)

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        self.steps.append((number, epochs, done, total))

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        self.epochs.append(number)


def records_of(directory: RecordedDirectory[Any]) -> list[dict[str, Any]]:
    """Return what a run has said, in its order."""
    return [record for _, record in directory.spool.read(0, most=10_000)]


def tags_of(directory: RecordedDirectory[Any]) -> dict[str, str]:
    """Return what it says of itself in the end."""
    tags: dict[str, str] = {}
    for record in records_of(directory):
        tags |= record["values"] if record["kind"] == "tags" else {}
    return tags


def ends_of(directory: RecordedDirectory[Any]) -> list[str]:
    """Return how it has ended, each time."""
    return [record["status"] for record in records_of(directory) if record["kind"] == "end"]
