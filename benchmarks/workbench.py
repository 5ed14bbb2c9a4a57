"""What the benchmarks share: a workspace with a platform, timed whole processes, ratios of pairs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.platform.local import LocalPlatform
from yolops.platform.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

YOLOPS = (sys.executable, "-m", "yolops.cli.entry")


@dataclass(frozen=True)
class Measured:
    """One ratio.

    Attributes:
        what: what was compared with which peer.
        ours: median of ours, in `unit`.
        peer: median of the peer's, in `unit`.
        ratio: median of the ratios, pair by pair.
        spread: the least and the greatest of them.
        unit: `s`, or `points/s`.
        bar: what the ratio must not pass; `<=` or `>=` and a number.
    """

    what: str
    ours: float
    peer: float
    ratio: float
    spread: tuple[float, float]
    unit: str
    bar: str

    @property
    def holds(self) -> bool:
        """Whether the ratio keeps to its bar."""
        sign, number = self.bar.split()
        limit = float(number)
        return {"<=": self.ratio <= limit, "<": self.ratio < limit, ">=": self.ratio >= limit}[sign]

    def __str__(self) -> str:
        low, high = self.spread
        return (
            f"{self.what}: {self.ratio:.3f} ({low:.3f} to {high:.3f}), ours {self.ours:.4g} {self.unit}, "
            f"peer {self.peer:.4g} {self.unit}, bar {self.bar}: {'holds' if self.holds else 'MISSED'}"
        )


def pairs(
    what: str, ours: Callable[[], float], peer: Callable[[], float], *, count: int, unit: str, bar: str
) -> Measured:
    """Measure the two in turn, so that a machine that slows down slows both, and compare pair by pair."""
    measured = [(ours(), peer()) for _ in range(count)]
    return compared(what, [pair[0] for pair in measured], [pair[1] for pair in measured], unit=unit, bar=bar)


def compared(what: str, first: list[float], second: list[float], *, unit: str, bar: str) -> Measured:
    """Compare ours with the peer's, measured in turn."""
    ratios = [a / b for a, b in zip(first, second, strict=True)]
    median = statistics.median
    return Measured(what, median(first), median(second), median(ratios), (min(ratios), max(ratios)), unit, bar)


def seconds(command: Sequence[str], *, cwd: Path | None = None, **environment: str) -> float:
    """Return the wall time of a whole process that must succeed."""
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return took


@contextmanager
def platform() -> Iterator[tuple[Path, str]]:
    """Yield a workspace with a running platform, and its tracking URI."""
    with tempfile.TemporaryDirectory(prefix="yolops-bench-") as temporary:
        local = LocalPlatform(Workspace(Path(temporary)))
        try:
            yield Path(temporary), local.up().tracking_uri
        finally:
            local.down()
