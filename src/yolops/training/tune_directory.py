"""The directory of one search: what was asked for, its study, and the spool of its run.

runs/<name>/
    tune.json       what was asked for
    study.db        what was tried, and what came of it (see study.py)
    trials.csv      the same as a table, and best.yaml: the arguments of the best trial
    spool/          what MLflow shall know
runs/<name>-<number>/   each trial, a training like any other (see run_directory.py)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yolops.training.recorded_directory import RecordedDirectory, Request
from yolops.training.run_directory import RunDirectory

if TYPE_CHECKING:
    from pathlib import Path

# MLflow's own tag, by which its UI shows a run below another one.
PARENT, TRIAL = "mlflow.parentRunId", "yolops.trial"


@dataclass(frozen=True, kw_only=True)
class TuneRequest(Request):
    """What a person asked for; the arguments are those of every trial.

    Attributes:
        space: what is varied, each as it is typed behind `--space`.
        metric: what the best trial has most of, by its name in `METRICS`.
        trials: how many.
        seed: makes the proposals repeatable.
    """

    space: tuple[str, ...]
    metric: str
    trials: int
    seed: int

    def params(self) -> dict[str, object]:
        """Return the parameters of its run: the space, and what is the same in every trial."""
        space = {f"space/{name}": values for name, _, values in (text.partition("=") for text in self.space)}
        return {**self.arguments, **space, "model": self.model, "metric": self.metric, "seed": self.seed}


class TuneDirectory(RecordedDirectory[TuneRequest]):
    """The directory of one search. Under the run of its spool MLflow shows those of the trials."""

    record, what, command = "tune.json", "search", "yolops tune"

    @classmethod
    def read_request(cls, value: dict[str, Any]) -> TuneRequest:
        """Return the request that JSON holds."""
        return TuneRequest(**value | {"space": tuple(value["space"])})

    @property
    def study(self) -> Path:
        """The file of its study."""
        return self.path / "study.db"

    def with_trials(self, trials: int) -> TuneDirectory:
        """Return the same search with another number of trials, and remember it."""
        directory = TuneDirectory(self.path, replace(self.request, trials=trials), self.fingerprint)
        directory.save()
        return directory

    def trials(self) -> dict[int, RunDirectory]:
        """Return the newest training of each trial that has begun, by its number."""
        run_id = self.spool.progress().run_id
        mine = [run for run in RunDirectory.all_below(self.path.parent) if run.request.tags.get(PARENT) == run_id]
        return {int(run.request.tags[TRIAL]): run for run in reversed(mine)}
