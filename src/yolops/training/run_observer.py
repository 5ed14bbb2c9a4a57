"""What happens while a training goes on: brought to its run, and shown to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from yolops.training.run_record import say_best

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from yolops.tracking.run_logger import RunLogger
    from yolops.training.run_directory import RunDirectory

    Watch = Callable[[int, Mapping[str, float]], None]


class Display(Protocol):
    """Shows a person what a training does, and knows when it shall end."""

    def stop_if_asked(self) -> None:
        """Raise what ends the training when somebody has asked for that; a library may have swallowed it."""

    def note(self, line: str) -> None:
        """Say one thing."""

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        """In epoch `number` of `epochs`, `done` of `total` batches are trained."""

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Epoch `number` is done."""


class RunObserver:
    """Brings what a trainer says to the run and to a person; an `Observer`.

    Args:
        logger: takes it for the run.
        directory: the training's.
        display: shows it.
        saved: called with the directory and the number of the epoch when a checkpoint stands in it.
        watch: told the number and the metrics of each epoch; it may raise `EndedEarly`.
        is_new: the run does not have its parameters yet.
    """

    def __init__(
        self,
        logger: RunLogger,
        directory: RunDirectory,
        display: Display,
        saved: Callable[[RunDirectory, int], None],
        watch: Watch,
        *,
        is_new: bool,
    ) -> None:
        self._logger = logger
        self._directory = directory
        self._display = display
        self._saved = saved
        self._watch = watch
        self._is_new = is_new
        self.epochs = max(logger.logged_until, 0)

    def started(self, arguments: Mapping[str, object], facts: Mapping[str, str]) -> None:
        """Record what is trained with, and where."""
        # MLflow never lets a parameter change, and a resumed training may run with another batch size.
        if self._is_new:
            self._logger.params(arguments)
        self._logger.tags(facts)
        if facts.get("yolops.weights", "").startswith("random"):
            self._display.note(f"weights: {facts['yolops.weights']}; the detector learns everything anew")

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Record an epoch."""
        self._logger.metrics(metrics, step=number)
        self._display.epoch(number, metrics)
        self.epochs = number
        self._watch(number, metrics)

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        """Show how far an epoch is."""
        self._display.step(number, epochs, done, total)

    def saved(self, number: int) -> None:
        """Hand a checkpoint on."""
        self._saved(self._directory, number)

    def chosen(self, best: Path, imgsz: int) -> None:
        """Ask for a model of the best checkpoint."""
        # Now, so that MLflow has the model by the time the last measurement is done.
        say_best(self._logger, self._directory, best, imgsz)
