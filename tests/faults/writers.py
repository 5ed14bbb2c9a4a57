"""Load like that of trainings: what the sender of yolops sends, repeated until it is acknowledged, and written down."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from tests.faults.client import ARTIFACTS, Client, Reply
from tests.faults.history import History, Outcome, Place

METRICS = ("train/loss", "metrics/mAP50_B", "lr/pg0")
SIZES = (200, 2_000, 20_000, 200_000, 1_000_000)
# The moment the first point of a run was made; each writer counts on from here.
EPOCH_MS = 1_700_000_000_000
REPEAT_S = 0.3
# Some writers do not insist: what becomes of a request that nobody repeats must be seen too.
RESIGNS = 0.15


@dataclass
class Load:
    """What runs until it is told to stop.

    Attributes:
        history: what was asked for.
        until: when to begin nothing new.
        patience_until: when to stop repeating.
        experiment: that of all runs.
        uploads: how often a file is sent, where a batch is sent six times.
        refusals: valid requests that were refused for good; the sender would lose them.
        answers: how often which error was answered.
    """

    history: History
    until: float
    patience_until: float
    experiment: str
    uploads: int
    refusals: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


@dataclass
class Writer:
    """One connection that writes into one run.

    Args:
        load: what it belongs to.
        client: its connection.
        run: where it writes.
        name: its own, so that no two write to the same place.
        drawn: decides what it does.
    """

    load: Load
    client: Client
    run: str
    name: str
    drawn: random.Random
    step: int = 0
    number: int = 0

    def __call__(self) -> None:
        """Write until the load ends."""
        actions = (
            [self.log_batch] * 6
            + [self.set_tag, self.log_param] * 2
            + [self.upload] * self.load.uploads
            + [self.create_run]
        )
        try:
            while time.monotonic() < self.load.until:
                self.number += 1
                self.drawn.choice(actions)()
                time.sleep(self.drawn.uniform(0.0, 0.03))
        finally:
            self.client.close()

    def log_batch(self) -> None:
        """Send points, and a parameter and a tag with them, in one request."""
        writes: dict[Place, Hashable] = {}
        metrics, params, tags = [], [], []
        for _ in range(self.drawn.choice((1, 10, 50))):
            self.step += 1
            for metric in METRICS:
                key, value, at = f"{self.name}/{metric}", self.drawn.random(), EPOCH_MS + self.step
                metrics.append({"key": key, "value": value, "timestamp": at, "step": self.step})
                writes["metric", self.run, key, self.step, at] = value
        if self.drawn.random() < 0.3:
            key = f"{self.name}/batch{self.number}"
            params, tags = [{"key": key, "value": key[::-1]}], [{"key": key, "value": key}]
            writes |= {("param", self.run, key): key[::-1], ("tag", self.run, key): key}
        self._insist(
            writes,
            lambda: self.client.post("runs/log-batch", run_id=self.run, metrics=metrics, params=params, tags=tags),
        )

    def set_tag(self) -> None:
        """Overwrite one of three tags."""
        key, value = f"{self.name}/tag{self.drawn.randrange(3)}", str(self.number)
        self._insist(
            {("tag", self.run, key): value},
            lambda: self.client.post("runs/set-tag", run_id=self.run, key=key, value=value),
        )

    def log_param(self) -> None:
        """Set a parameter, which can be set once."""
        key, value = f"{self.name}/param{self.number}", str(self.drawn.random())
        self._insist(
            {("param", self.run, key): value},
            lambda: self.client.post("runs/log-parameter", run_id=self.run, key=key, value=value),
        )

    def upload(self) -> None:
        """Store a file."""
        content, path = self.drawn.randbytes(self.drawn.choice(SIZES)), f"{self.name}/{self.number}.bin"
        address = f"{ARTIFACTS}/{self.load.experiment}/{self.run}/artifacts/{path}"
        self._insist(
            {("file", self.run, path): hashlib.sha256(content).hexdigest()},
            lambda: self.client.send("PUT", address, content),
        )

    def create_run(self) -> None:
        """Create a run; who repeats this has two, so it is asked once."""
        name = f"{self.name}-{self.number}"
        begun = self.load.history.begin({("run", name): name})
        reply = self.client.post("runs/create", experiment_id=self.load.experiment, run_name=name)
        self.load.history.end(begun, reply.outcome)

    def _insist(self, writes: dict[Place, Hashable], ask: Callable[[], Reply]) -> None:
        insists = self.drawn.random() >= RESIGNS
        while True:
            begun = self.load.history.begin(writes)
            reply = ask()
            self.load.history.end(begun, reply.outcome)
            if reply.status not in {0, 200}:
                self.load.answers[f"{reply.status} {reply.code}".strip()] += 1
            if reply.outcome is Outcome.REFUSED and reply.status:
                self.load.refusals.append(f"{next(iter(writes))}: {reply.status} {reply.body[:300]!r}")
                return
            if reply.outcome is Outcome.ACKNOWLEDGED:
                return
            if not insists or time.monotonic() > self.load.patience_until:
                return
            time.sleep(self.drawn.uniform(0.1, REPEAT_S))


def start(writers: list[Writer]) -> list[threading.Thread]:
    """Let writers write, each in a thread of its own."""
    threads = [threading.Thread(target=writer, name=writer.name) for writer in writers]
    for thread in threads:
        thread.start()
    return threads
