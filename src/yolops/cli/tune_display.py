"""What a search has found, as it is shown wherever it was searched."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from yolops.cli.session import Session
    from yolops.training.study import Trial

# What is shown; --json has all of it.
MOST_TRIALS, MOST_ARGUMENTS = 10, 5


def found_lines(trials: Sequence[Trial], best: Trial, metric: str, arguments: Sequence[str]) -> list[Table | str]:
    """Return the best trials as a table, and the best of them in words.

    Args:
        trials: all of them.
        best: the best one.
        metric: what it has most of.
        arguments: those that are shown.
    """
    from yolops.cli.console import table

    ranked = sorted(trials, key=lambda trial: (trial.state == "complete", trial.value or 0.0), reverse=True)
    rows = [
        (trial.number, trial.state, trial.value, *(trial.arguments.get(name) for name in arguments))
        for trial in ranked[:MOST_TRIALS]
    ]
    shown = table("trial", "state", metric, *arguments, rows=rows)
    return [shown, "", f"best     trial {best.number} of {len(trials)}: {metric} {best.value:.3f}"]


def train_line(session: Session, data: str, arguments: Mapping[str, object]) -> str:
    """Return the command that trains with these arguments."""
    words = [f"--{name}={value}" for name, value in arguments.items()]
    return f"{session.command_prefix()} train {shlex.join([data, *words])}"
