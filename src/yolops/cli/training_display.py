"""What a person sees while a detector is trained: a line for each epoch, and a bar on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yolops.cli.interrupts import raise_if_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yolops.cli.console import Console

# What stands in an epoch's line, under the names that ultralytics gives.
SHOWN = {
    "mAP50": "metrics/mAP50(B)",
    "mAP50-95": "metrics/mAP50-95(B)",
    "box": "train/box_loss",
    "cls": "train/cls_loss",
    "dfl": "train/dfl_loss",
}


class TrainingDisplay:
    """Shows a training on the console.

    Args:
        console: where to.
        stop_if_asked: see `Display`.
    """

    def __init__(self, console: Console, stop_if_asked: Callable[[], None] = raise_if_interrupted) -> None:
        self._console = console
        self.stop_if_asked = stop_if_asked
        self._bar = console.bar("training")
        self._epochs = 0

    def note(self, line: str) -> None:
        """Say one thing."""
        self._bar.stop()
        self._console.note(line)

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        """Move the bar."""
        self.stop_if_asked()
        self._epochs = epochs
        self._bar.update((number - 1) * total + done, epochs * total, f"epoch {number}/{epochs}")

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Print an epoch's line."""
        width = len(str(self._epochs))
        values = "  ".join(f"{name} {metrics[key]:.3f}" for name, key in SHOWN.items() if key in metrics)
        seconds = metrics.get("speed/epoch_s", 0.0)
        self._console.note(f"epoch {number:{width}}/{self._epochs}  {values}  {seconds:.1f} s")
