"""The directory of one training: checkpoints, plots, what is needed to go on, and the spool of its run.

runs/<name>/
    yolops.json     what was asked for
    data/           the dataset as the trainer sees it: links, and a data.yaml of ours
    weights/        last.pt, best.pt, and state.pt with what last.pt leaves out
    results.csv     a line per epoch, and the plots
    spool/          what MLflow shall know (see tracking/spool.py)
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.tracking.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNS = "runs"
RECORD = "yolops.json"


@dataclass(frozen=True)
class TrainRequest:
    """What a person asked for.

    Attributes:
        data: the data.yaml as it was named, absolute.
        model: weights, a model yaml, or the name of either.
        arguments: the trainer's own arguments.
        experiment: name of the MLflow experiment.
        name: name of the run.
        register_as: name of the registered model; empty for none.
        alias: alias of the registered version; empty for none.
        tags: what else the run says of itself, such as the run that it is a part of.
    """

    data: str
    model: str
    experiment: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    register_as: str = ""
    alias: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunDirectory:
    """The directory of one training.

    Attributes:
        path: where it is.
        request: what was asked for.
        fingerprint: of the dataset that it began with.
    """

    path: Path
    request: TrainRequest
    fingerprint: str

    @property
    def spool(self) -> Spool:
        """The spool of its run."""
        return Spool(self.path / "spool")

    @property
    def last(self) -> Path:
        """The checkpoint to go on from."""
        return self.path / "weights" / "last.pt"

    @property
    def best(self) -> Path:
        """The best checkpoint."""
        return self.path / "weights" / "best.pt"

    @property
    def data(self) -> Path:
        """Where the dataset is laid out for the trainer."""
        return self.path / "data"

    @classmethod
    def create(cls, parent: Path, request: TrainRequest, fingerprint: str) -> RunDirectory:
        """Make a directory that no other training has, called after the run: `name`, else `name-2` and so on.

        Raises:
            YolopsError: it cannot be made.
        """
        try:
            parent.mkdir(parents=True, exist_ok=True)
            path = make_unique(parent, request.name)
            record = {"fingerprint": fingerprint, "request": asdict(request)}
            (path / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            message = f"{parent}: the run's directory cannot be made ({error.strerror})"
            raise YolopsError(message, "make it writable, free space, or give another --workspace") from error
        return cls(path, request, fingerprint)

    @classmethod
    def load(cls, path: Path) -> RunDirectory:
        """Return the directory of a training that was begun earlier.

        Raises:
            YolopsError: it is none.
        """
        try:
            record = json.loads((path / RECORD).read_text(encoding="utf-8"))
            return cls(path, TrainRequest(**record["request"]), record["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise YolopsError(f"{path}: not the directory of a training ({error})", "see: yolops runs list") from error


def all_runs(parent: Path) -> list[RunDirectory]:
    """Return every training below `parent`, the newest first; what is none is passed over."""
    found = []
    for record in sorted(parent.glob(f"*/{RECORD}"), key=lambda file: file.stat().st_mtime, reverse=True):
        try:
            found.append(RunDirectory.load(record.parent))
        except YolopsError:
            continue
    return found


def all_spools(parent: Path) -> list[Spool]:
    """Return what all runs below `parent` have to say, those of trainings and those of searches."""
    return [Spool(intent.parent) for intent in sorted(parent.glob("*/spool/run.json"))]


def find_run(parent: Path, which: str) -> RunDirectory:
    """Return the training that a person means by `last`, a checkpoint, a directory, a run's name or its MLflow ID.

    Raises:
        YolopsError: there is no such training.
    """
    runs = all_runs(parent)
    if not runs:
        raise YolopsError(f"{parent}: there is no training to resume", "start one: yolops train data.yaml")
    if which == "last":
        return runs[0]
    given = Path(which)
    # A checkpoint lies two levels below its training's directory.
    place = (given.parent.parent if given.suffix == ".pt" else given).resolve()
    for run in runs:
        if which in {run.path.name, run.spool.progress().run_id} or run.path.resolve() == place:
            return run
    known = ", ".join(run.path.name for run in runs[:5])
    raise YolopsError(f"--resume {which}: no training of this workspace", f"give `last`, its ID, or one of: {known}")


def make_unique(parent: Path, name: str) -> Path:
    """Make a directory that nothing else has, called `name`, else `name-2` and so on."""
    count = 1
    while True:
        path = parent / (name if count == 1 else f"{name}-{count}")
        try:
            path.mkdir()
        except FileExistsError:
            count += 1
        else:
            return path
