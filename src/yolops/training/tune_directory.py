"""The directory of one search: what was asked for, its study, and the spool of its run.

runs/<name>/
    tune.json       what was asked for
    study.db        what was tried, and what came of it (see study.py)
    trials.csv      the same as a table, and best.yaml: the arguments of the best trial
    spool/          what MLflow shall know
runs/<name>-<number>/   each trial, a training like any other (see run_directory.py)
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.tracking.spool import Spool
from yolops.training.run_directory import all_runs, make_unique

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yolops.training.run_directory import RunDirectory

RECORD = "tune.json"
# MLflow's own tag, by which its UI shows a run below another one.
PARENT, TRIAL = "mlflow.parentRunId", "yolops.trial"


@dataclass(frozen=True)
class TuneRequest:
    """What a person asked for.

    Attributes:
        data: the data.yaml as it was named, absolute.
        model: weights, a model yaml, or the name of either.
        experiment: name of the MLflow experiment.
        name: name of the search and of its run.
        arguments: what every trial is trained with.
        space: what is varied, each as it is typed behind `--space`.
        metric: what the best trial has most of, by its name in `METRICS`.
        trials: how many.
        seed: makes the proposals repeatable.
    """

    data: str
    model: str
    experiment: str
    name: str
    space: tuple[str, ...]
    metric: str
    trials: int
    seed: int
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TuneDirectory:
    """The directory of one search.

    Attributes:
        path: where it is.
        request: what was asked for.
        fingerprint: of the dataset that it began with.
    """

    path: Path
    request: TuneRequest
    fingerprint: str

    @property
    def spool(self) -> Spool:
        """The spool of its run, under which MLflow shows those of the trials."""
        return Spool(self.path / "spool")

    @property
    def study(self) -> Path:
        """The file of its study."""
        return self.path / "study.db"

    @classmethod
    def create(cls, parent: Path, request: TuneRequest, fingerprint: str) -> TuneDirectory:
        """Make a directory that no other run has.

        Raises:
            YolopsError: it cannot be made.
        """
        try:
            parent.mkdir(parents=True, exist_ok=True)
            directory = cls(make_unique(parent, request.name), request, fingerprint)
            directory._save()
        except OSError as error:
            message = f"{parent}: the directory of the search cannot be made ({error.strerror})"
            raise YolopsError(message, "make it writable, free space, or give another --workspace") from error
        return directory

    @classmethod
    def load(cls, path: Path) -> TuneDirectory:
        """Return the directory of a search that was begun earlier.

        Raises:
            YolopsError: it is none.
        """
        try:
            record = json.loads((path / RECORD).read_text(encoding="utf-8"))
            asked = record["request"]
            return cls(path, TuneRequest(**asked | {"space": tuple(asked["space"])}), record["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise YolopsError(f"{path}: not the directory of a search ({error})", "see: yolops runs list") from error

    def with_trials(self, trials: int) -> TuneDirectory:
        """Return the same search with another number of trials, and remember it."""
        directory = replace(self, request=replace(self.request, trials=trials))
        directory._save()
        return directory

    def trials(self) -> dict[int, RunDirectory]:
        """Return the newest training of each trial that has begun, by its number."""
        run_id = self.spool.progress().run_id
        mine = [run for run in all_runs(self.path.parent) if run.request.tags.get(PARENT) == run_id]
        return {int(run.request.tags[TRIAL]): run for run in reversed(mine)}

    def _save(self) -> None:
        new = self.path / f"{RECORD}.new"
        record = {"fingerprint": self.fingerprint, "request": asdict(self.request)}
        new.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        new.replace(self.path / RECORD)


def find_search(parent: Path, which: str) -> TuneDirectory:
    """Return the search that a person means by `last`, its name, its directory or its MLflow ID.

    Raises:
        YolopsError: there is no such search.
    """
    records = sorted(parent.glob(f"*/{RECORD}"), key=lambda file: file.stat().st_mtime, reverse=True)
    if not records:
        raise YolopsError(f"{parent}: there is no search to go on with", "start one: yolops tune data.yaml")
    if which == "last":
        return TuneDirectory.load(records[0].parent)
    for record in records:
        search = TuneDirectory.load(record.parent)
        if which in {search.path.name, str(search.path), search.spool.progress().run_id}:
            return search
    known = ", ".join(record.parent.name for record in records[:5])
    raise YolopsError(f"--resume {which}: no search of this workspace", f"give `last`, its ID, or one of: {known}")
