"""Which arguments a search varies, and how: `lr0=1e-5..1e-2:log`, `nbs=8..64:int`, `optimizer=SGD|AdamW`. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from yolops.errors import UsageError
from yolops.training.arguments import parse_value

if TYPE_CHECKING:
    from collections.abc import Sequence

HINT = "write lr0=1e-5..1e-1:log, close_mosaic=0..10:int, or optimizer=SGD|AdamW"
# What is trained with, shown and recorded; five digits tell any two values of a search apart.
DIGITS = 5
# The space of ultralytics' own tuner for detectors (`ultralytics/engine/tuner.py`, 8.4.190, and its guide,
# docs.ultralytics.com/guides/hyperparameter-tuning), without `copy_paste`, which moves segments and does nothing with
# boxes. Rates that span decades are drawn by their logarithm.
DEFAULT_SPACE = (
    "lr0=1e-05..0.01:log",
    "lrf=0.01..1.0:log",
    "momentum=0.7..0.98",
    "weight_decay=0.0..0.001",
    "warmup_epochs=0.0..5.0",
    "warmup_momentum=0.0..0.95",
    "box=1.0..20.0",
    "cls=0.1..4.0",
    "cls_pw=0.0..1.0",
    "dfl=0.4..12.0",
    "hsv_h=0.0..0.1",
    "hsv_s=0.0..0.9",
    "hsv_v=0.0..0.9",
    "degrees=0.0..45.0",
    "translate=0.0..0.9",
    "scale=0.0..0.95",
    "shear=0.0..10.0",
    "perspective=0.0..0.001",
    "flipud=0.0..1.0",
    "fliplr=0.0..1.0",
    "bgr=0.0..1.0",
    "mosaic=0.0..1.0",
    "mixup=0.0..1.0",
    "cutmix=0.0..1.0",
    "close_mosaic=0..10:int",
)


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, both included.

    Attributes:
        name: the argument.
        low: the lower bound.
        high: the upper bound.
        log: draw the logarithm evenly, not the number.
        whole: whole numbers only.
    """

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    @property
    def example(self) -> float:
        """A value of it, for a trainer to look at."""
        # Where only whole numbers will do, 10.0 is taken for one.
        return int(self.high) if self.whole else self.low + (self.high - self.low) * 0.382

    def holds(self, value: object) -> bool:
        """Whether a value is one of it."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of some values.

    Attributes:
        name: the argument.
        values: at least two, no two alike.
    """

    name: str
    values: tuple[bool | float | str, ...]

    @property
    def example(self) -> bool | float | str:
        """A value of it, for a trainer to look at."""
        return self.values[-1]

    def holds(self, value: object) -> bool:
        """Whether a value is one of it."""
        return value in self.values


Dimension: TypeAlias = Range | Choice


def parse_space(texts: Sequence[str]) -> tuple[Dimension, ...]:
    """Return the space that was typed.

    Raises:
        UsageError: a text is none, or an argument occurs twice.
    """
    found = tuple(_parse(text) for text in texts)
    names = [dimension.name for dimension in found]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UsageError(f"--space {twice}: is there twice", "say it once")
    return found


def rounded(value: object) -> object:
    """Return a drawn value as it is trained with: a number that is not whole has five digits."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _parse(text: str) -> Dimension:
    name, _, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not name.isidentifier() or not values:
        raise UsageError(f"--space {text}: not an argument with its values", HINT)
    if ".." in values:
        return _range(text, name, *values.rpartition(":")[::2]) if ":" in values else _range(text, name, values, "")
    typed = [parse_value(value) for value in values.split("|")]
    choices = tuple(value for value in typed if isinstance(value, bool | float | int | str))
    if len(set(map(repr, choices))) < 2 or len(choices) < len(typed):
        raise UsageError(f"--space {text}: not a choice of two or more single values", HINT)
    return Choice(name, choices)


def _range(text: str, name: str, bounds: str, how: str) -> Range:
    if how not in {"", "log", "int"}:
        raise UsageError(f"--space {text}: {how!r} is neither log nor int", HINT)
    try:
        low, high = (float(bound) for bound in bounds.split(".."))
    except ValueError as error:
        raise UsageError(f"--space {text}: its bounds are not two numbers", HINT) from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"--space {text}: the first bound is not below the second", HINT)
    if how == "log" and low <= 0:
        raise UsageError(
            f"--space {text}: only numbers above 0 have a logarithm", "raise the lower bound, such as 1e-5"
        )
    if how == "int" and not (low.is_integer() and high.is_integer()):
        raise UsageError(f"--space {text}: its bounds are not whole numbers", HINT)
    return Range(name, low, high, log=how == "log", whole=how == "int")
