"""What a training says about its run. Every call returns at once; the sender brings it to MLflow."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from yolops.tracking.names import legal_name
from yolops.tracking.spool import Spool, SpoolWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


# A record must fit into one call (see batches.py), and a value that a server would not store into its column
# (https://mlflow.org/docs/latest/rest-api.html#log-batch, `MAX_PARAM_VAL_LENGTH`, `MAX_TAG_VAL_LENGTH`).
VALUES_PER_RECORD = 50
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 8000


class RunEnd(StrEnum):
    """How a run ended, in MLflow's words."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True)
class DatasetInput:
    """A dataset as MLflow records it with a run.

    Attributes:
        name: what people call it.
        digest: its content fingerprint, at most 36 characters (MLflow's limit).
        source: where it was read from.
        schema: class names.
        profile: counts of images and boxes by split and class.
    """

    name: str
    digest: str
    source: str
    schema: Mapping[str, object]
    profile: Mapping[str, object]


class RunLogger:
    """Writes one run into its spool.

    Args:
        spool: where to.
        clock: seconds since the epoch.

    Attributes:
        logged_until: the highest step that was said before this logger existed; -1 before the first.
    """

    def __init__(self, spool: Spool, clock: Callable[[], float] = time.time) -> None:
        self.spool = spool
        self._writer = SpoolWriter(spool)
        self._clock = clock
        # A resumed training repeats the epoch in which it was stopped; what was said of it stands.
        self.logged_until = _last_step(spool)

    def params(self, values: Mapping[str, object]) -> None:
        """Say the settings of the run; MLflow never lets one change afterwards."""
        self._append_values("params", {legal_name(key): str(value)[:MAX_PARAM_LENGTH] for key, value in values.items()})

    def tags(self, values: Mapping[str, object]) -> None:
        """Say something about the run that may be said anew later."""
        self._append_values("tags", {legal_name(key): str(value)[:MAX_TAG_LENGTH] for key, value in values.items()})

    def dataset(self, dataset: DatasetInput, context: str) -> None:
        """Say what data the run used and what for (`training`, `validation`)."""
        self._append("dataset", context=context, **asdict(dataset))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Say what was measured at a step; a step that was said before this logger existed is not said again.

        Args:
            values: by name; a name that MLflow would refuse is made legal.
            step: the epoch, counted from 1.
        """
        if step > self.logged_until:
            self._append_values("metrics", {legal_name(key): float(value) for key, value in values.items()}, step=step)

    def summary(self, values: Mapping[str, float]) -> None:
        """Say what was measured of the whole run, such as the AP of each class."""
        self._append_values("summary", {legal_name(key): float(value) for key, value in values.items()})

    def file(self, path: Path, folder: str = "") -> None:
        """Keep a file with the run, under its own name, in a folder of the run's artifacts."""
        self._append("file", path=str(path), folder=folder)

    def keep_if_killed(self, paths: Iterable[Path], folder: str = "") -> None:
        """Name files that the sender shall keep with the run if this process dies without a word."""
        self._append("if-killed", paths=[str(path) for path in paths], folder=folder)

    def request(self, kind: str, values: Mapping[str, object]) -> None:
        """Ask for something that a handler of the sender knows how to do, such as making a model."""
        self._append(kind, **values)

    def resumed(self) -> None:
        """Say that the run goes on in this process."""
        self._append("resumed")

    def end(self, end: RunEnd) -> None:
        """Say how the run ended. Nothing may be said behind it until the run is resumed."""
        self._append("end", status=end.value)

    def _append_values(self, kind: str, values: Mapping[str, object], **rest: object) -> None:
        items = list(values.items())
        for start in range(0, len(items), VALUES_PER_RECORD):
            self._append(kind, values=dict(items[start : start + VALUES_PER_RECORD]), **rest)

    def _append(self, kind: str, **values: object) -> None:
        self._writer.append({"kind": kind, "time": int(self._clock() * 1000), **values})


def _last_step(spool: Spool) -> int:
    offset, last = 0, -1
    while records := spool.read(offset, most=1000):
        offset = records[-1][0]
        last = max([last, *(record["step"] for _, record in records if record["kind"] == "metrics")])
    return last
