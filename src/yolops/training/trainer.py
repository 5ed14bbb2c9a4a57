"""What a trainer is: something that trains one detector and says what happens meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What is measured of a checkpoint on the validation images, and its name among the metrics of an epoch.
METRICS = {
    "precision": "metrics/precision(B)",
    "recall": "metrics/recall(B)",
    "mAP50": "metrics/mAP50(B)",
    "mAP50-95": "metrics/mAP50-95(B)",
}


class EndedEarly(YolopsError):
    """Raised by an observer who wants no more of a training."""


@dataclass(frozen=True)
class TrainSpec:
    """What shall be trained.

    Attributes:
        data: a normalised data.yaml, written by yolops.
        directory: where checkpoints, plots and tables go.
        model: weights, a model yaml, or the name of either, as a person typed it.
        arguments: the trainer's own arguments, as a person typed them.
        weights_directory: where weights that had to be downloaded are kept.
        resume_from: a checkpoint to go on from; None for a new training.
    """

    data: Path
    directory: Path
    model: str
    arguments: Mapping[str, object]
    weights_directory: Path
    resume_from: Path | None = None


@dataclass(frozen=True)
class Trained:
    """What came out of a training.

    Attributes:
        epochs: the epoch it ended with, counted from 1.
        best: the best checkpoint.
        last: the last checkpoint.
        metrics: of the best checkpoint on the validation images, by the names in `METRICS`.
        per_class: `mAP50` and `mAP50-95` of each class that the validation images show.
    """

    epochs: int
    best: Path
    last: Path
    metrics: Mapping[str, float]
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class Observer(Protocol):
    """Is told what happens while a trainer trains."""

    def started(self, arguments: Mapping[str, object], facts: Mapping[str, str]) -> None:
        """Training is about to begin, with all of these arguments and in these circumstances."""

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """An epoch, counted from 1, is done; called before its checkpoint is written.

        Raises:
            EndedEarly: the training shall end here.
        """

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        """In epoch `number` of `epochs`, `done` of `total` batches are trained."""

    def saved(self, number: int) -> None:
        """The checkpoint of an epoch stands, and another epoch follows; not called behind the last one."""

    def chosen(self, best: Path, imgsz: int) -> None:
        """The epochs are over and no checkpoint changes any more; what the best can do is measured now.

        Args:
            best: the best checkpoint.
            imgsz: pixels of the longer side that it was trained with.
        """


class Trainer(Protocol):
    """Trains one detector."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The distributions that decide what a training does."""

    def defaults(self) -> Mapping[str, object]:
        """Return the arguments that are trained with where a person gives none."""

    def check(self, arguments: Mapping[str, object], start: str | Path) -> None:
        """Refuse what cannot be trained, before anything is written.

        Args:
            arguments: as a person typed them.
            start: the model that a new training begins with as it was typed, or the checkpoint to go on from.

        Raises:
            YolopsError: an argument is unknown or cannot have that value, or the model does not exist.
        """

    def train(self, spec: TrainSpec, observer: Observer) -> Trained:
        """Train, and return what came out.

        Raises:
            YolopsError: for what a person can mend.
            KeyboardInterrupt: a person stopped it.
        """
