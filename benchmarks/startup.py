"""How long `yolops --help` takes, against a Python that does nothing, whole processes."""

from __future__ import annotations

import sys

from benchmarks.workbench import YOLOPS, Measured, pairs, seconds

COUNT = 15


def main() -> list[Measured]:
    """Measure as `make bench` does."""
    help_page, nothing = [*YOLOPS, "--help"], [sys.executable, "-c", "pass"]
    seconds(help_page)
    return [
        pairs(
            "yolops --help / python -c pass",
            lambda: seconds(help_page),
            lambda: seconds(nothing),
            count=COUNT,
            unit="s",
            bar="<= 8",
        )
    ]
