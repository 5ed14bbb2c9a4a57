"""The directory of one training: checkpoints, plots, what is needed to go on, and the spool of its run.

runs/<name>/
    yolops.json     what was asked for
    data/           the dataset as the trainer sees it: links, and a data.yaml of ours
    weights/        last.pt, best.pt, and state.pt with what last.pt leaves out
    results.csv     a line per epoch, and the plots
    spool/          what MLflow shall know (see tracking/spool.py)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yolops.tracking.spool import Spool
from yolops.training.recorded_directory import RecordedDirectory, Request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUNS = "runs"
RECORD = "yolops.json"


@dataclass(frozen=True)
class TrainRequest(Request):
    """What a person asked for.

    Attributes:
        register_as: name of the registered model; empty for none.
        alias: alias of the registered version; empty for none.
        tags: what else the run says of itself, such as the run that it is a part of.
    """

    register_as: str = ""
    alias: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class RunDirectory(RecordedDirectory[TrainRequest]):
    """The directory of one training."""

    record, what, command = RECORD, "training", "yolops train"

    @classmethod
    def read_request(cls, value: dict[str, Any]) -> TrainRequest:
        """Return the request that JSON holds."""
        return TrainRequest(**value)

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


def all_spools(parent: Path) -> list[Spool]:
    """Return what all runs below `parent` have to say, those of trainings and those of searches."""
    return [Spool(intent.parent) for intent in sorted(parent.glob("*/spool/run.json"))]
