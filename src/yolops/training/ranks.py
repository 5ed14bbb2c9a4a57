"""Training on several GPUs of one machine: ultralytics' DDP, with a process for each GPU, of which the first reports.

Ultralytics would start these processes itself, after it has removed the directory of the training, and they would know
nobody to report to (`ultralytics/utils/dist.py`). So they are started here, as it does, with `torch.distributed.run`.
The first one says what happens through a socket and waits for each answer: what is done with an epoch or a checkpoint
is done here, in the process that owns the run, before the next epoch begins.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.process import start_background
from yolops.running_processes import exit_code, stop
from yolops.training.trainer import Trained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.running_processes import ProcessIdentity
    from yolops.training.trainer import Observer

PROGRAM = "yolops.training.rank"
LOG = "ranks.log"
POLL_S = 0.5
PATIENCE_S = 10.0
ANSWER = b"\n"


def train_in_ranks(
    directory: Path, task: Mapping[str, Any], count: int, observer: Observer, program: str = PROGRAM
) -> Trained:
    """Train in so many processes, and return what came out.

    Args:
        directory: of the training; what the processes print goes there.
        task: what each of them is told: see `rank.py`.
        count: how many, one for each GPU.
        observer: told what the first one says.
        program: the module that each of them runs.

    Raises:
        YolopsError: one of them failed.
    """
    with tempfile.TemporaryDirectory(prefix="yolops-") as temporary, socket.socket(socket.AF_UNIX) as listening:
        address = str(Path(temporary) / "first")
        listening.bind(address)
        listening.listen(1)
        listening.settimeout(POLL_S)
        file = Path(temporary) / "task.json"
        file.write_text(json.dumps({**task, "address": address}), encoding="utf-8")
        # Standalone: it chooses a free port of this machine itself.
        launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", program, str(file)]
        ranks = start_background([sys.executable, *launch], log=directory / LOG)
        try:
            trained = _listen(listening, ranks, observer)
        finally:
            stop(ranks, PATIENCE_S)
    if trained is None:
        raise YolopsError(
            f"the training failed in one of its {count} processes", f"read its traceback: {directory / LOG}"
        )
    return trained


def _listen(listening: socket.socket, ranks: ProcessIdentity, observer: Observer) -> Trained | None:
    """Do what the first process says until it has ended; None if it ended without a result."""
    connection = _accepted(listening, ranks)
    if connection is None:
        return None
    with connection, connection.makefile("rwb") as stream:
        # The end of the process closes its side, so nothing here waits for ever.
        for line in stream:
            said = json.loads(line)
            what, values = said["what"], said["values"]
            if what == "trained":
                return Trained(**values | {name: Path(values[name]) for name in ("best", "last")})
            _pass_on(what, values, observer)
            stream.write(ANSWER)
            stream.flush()
    return None


def _accepted(listening: socket.socket, ranks: ProcessIdentity) -> socket.socket | None:
    while exit_code(ranks) is None:
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        connection.settimeout(None)
        return connection
    return None


def _pass_on(what: str, values: dict[str, Any], observer: Observer) -> None:
    if what == "started":
        observer.started(**values)
    elif what == "epoch":
        observer.epoch(**values)
    elif what == "step":
        observer.step(**values)
    elif what == "saved":
        observer.saved(**values)
    elif what == "chosen":
        observer.chosen(Path(values["best"]), values["imgsz"])


class Reporting:
    """An observer in the first of several processes: says everything to the process that started them.

    Args:
        address: the socket of that process.
    """

    def __init__(self, address: str) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(address)
        self._stream = self._connection.makefile("rwb")

    def started(self, arguments: Mapping[str, object], facts: Mapping[str, str]) -> None:
        """Say what it begins with."""
        self._say("started", arguments=dict(arguments), facts=dict(facts))

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Say what an epoch has come to."""
        self._say("epoch", number=number, metrics=dict(metrics))

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        """Say how far it is."""
        self._say("step", number=number, epochs=epochs, done=done, total=total)

    def saved(self, number: int) -> None:
        """Say that a checkpoint stands, and leave it alone until it was kept."""
        self._say("saved", number=number)

    def chosen(self, best: Path, imgsz: int) -> None:
        """Say which checkpoint is the best."""
        self._say("chosen", best=str(best), imgsz=imgsz)

    def trained(self, trained: Trained) -> None:
        """Say what came out."""
        self._send("trained", asdict(trained) | {"best": str(trained.best), "last": str(trained.last)})

    def _say(self, what: str, **values: object) -> None:
        self._send(what, values)
        if self._stream.readline() != ANSWER:
            sys.exit("the process that started this one has ended")

    def _send(self, what: str, values: Mapping[str, object]) -> None:
        self._stream.write(json.dumps({"what": what, "values": values}, default=str).encode() + b"\n")
        self._stream.flush()


class Silent:
    """An observer in every other process."""

    def started(self, arguments: Mapping[str, object], facts: Mapping[str, str]) -> None:
        """Say nothing."""

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Say nothing."""

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        """Say nothing."""

    def saved(self, number: int) -> None:
        """Say nothing."""

    def chosen(self, best: Path, imgsz: int) -> None:
        """Say nothing."""
