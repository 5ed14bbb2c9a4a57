"""Which faults happen when, drawn from a seed: the same seed gives the same faults at the same moments of the load."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from tests.faults import readers, writers
from tests.faults.client import Client
from tests.faults.deployment import Deployment
from tests.faults.faults import FAULTS
from tests.faults.history import History, Outcome, stale
from tests.faults.writers import Load, Writer

LOAD_S = (2.5, 5.0)
LONGEST_S = 2.5
MOST_FAULTS = 4
RUNS, WRITERS = 3, 6
UPLOADS = (1, 3, 12)
# How long a writer waits for an answer: some give up while the server is only slow, and ask again.
PATIENCE_S = (1.0, 3.0, 10.0)
# For what is repeated when the load has ended: the server may have to start first.
REPEAT_S = 120.0


@dataclass(frozen=True)
class Event:
    """One fault: when it begins, in seconds from the beginning of the load, and how long it lasts."""

    at: float
    fault: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.fault} at {self.at:.1f} s for {self.seconds:.1f} s"


@dataclass(frozen=True)
class Schedule:
    """What happens during a load.

    Attributes:
        seed: what the load draws from too.
        load_s: for how long the writers write.
        events: the faults, in order.
        uploads: how often a file is sent, where a batch is sent six times.
    """

    seed: str
    load_s: float
    events: tuple[Event, ...]
    uploads: int

    def __str__(self) -> str:
        return f"{self.load_s:.1f} s of load, {self.uploads} of uploads; " + "; ".join(map(str, self.events))


@dataclass(frozen=True)
class Result:
    """What a load left behind.

    Attributes:
        history: what was asked for.
        wrong: what is there and must not be, or the other way round.
        effects: how much each fault did, by name.
        refusals: valid requests that were refused for good.
        answers: how often which error was answered.
    """

    history: History
    wrong: list[str]
    effects: dict[str, int]
    refusals: list[str]
    answers: Counter[str]

    def __str__(self) -> str:
        counts = ", ".join(f"{self.history.count(outcome)} {outcome.value}" for outcome in Outcome)
        return f"{counts}; effects {self.effects}; answered {dict(self.answers)}"


def draw(seed: str, possible: Collection[str]) -> Schedule:
    """Draw a schedule.

    Args:
        seed: where it comes from.
        possible: the names of the faults that can happen here.
    """
    drawn = random.Random(seed)
    load_s = drawn.uniform(*LOAD_S)
    names, weights = list(possible), [FAULTS[name].weight for name in possible]
    chosen = drawn.choices(names, weights, k=drawn.randint(1, MOST_FAULTS))
    # Once is enough to wait for.
    kept = [name for at, name in enumerate(chosen) if name != "server killed" or name not in chosen[:at]]
    events = [Event(drawn.uniform(0.2, load_s), name, drawn.uniform(0.2, LONGEST_S)) for name in kept]
    return Schedule(seed, load_s, tuple(sorted(events, key=lambda event: event.at)), drawn.choice(UPLOADS))


def run(deployment: Deployment, schedule: Schedule) -> Result:
    """Write, have the faults happen, wait until all is well again, and compare what is there with what was said."""
    drawn = random.Random(f"{schedule.seed}-load")
    reader = deployment.client()
    try:
        experiment, runs = _given(deployment, reader, schedule)
        now = time.monotonic()
        until = now + schedule.load_s
        load = Load(History(), until, until + REPEAT_S, experiment, schedule.uploads)
        threads = writers.start(
            [
                Writer(
                    load,
                    deployment.client(drawn.choice(PATIENCE_S)),
                    runs[number % RUNS],
                    f"w{number}",
                    random.Random(f"{schedule.seed}-{number}"),
                )
                for number in range(WRITERS)
            ]
        )
        try:
            effects = _happen(deployment, schedule, now)
        finally:
            for thread in threads:
                thread.join()
        deployment.settle()
        held = readers.read(reader, experiment, runs, load.history.places())
        held.values.update(readers.take_files(deployment.aws, experiment))
    finally:
        reader.close()
    wrong = [str(item) for item in load.history.check(held.values)]
    wrong += [f"stale: the latest value of {key}" for key in stale(held.points, held.latest)]
    return Result(load.history, wrong, effects, load.refusals, load.answers)


def _given(deployment: Deployment, reader: Client, schedule: Schedule) -> tuple[str, list[str]]:
    """Create an experiment and its runs, before anything happens."""
    deployment.settle()
    name = f"{schedule.seed}-{time.time_ns()}"
    experiment = readers.patiently(lambda: reader.post("experiments/create", name=name)).json["experiment_id"]
    runs = []
    for number in range(RUNS):
        values = {"experiment_id": experiment, "run_name": f"{readers.GIVEN}-{number}"}
        made = readers.patiently(partial(reader.post, "runs/create", **values)).json
        runs.append(made["run"]["info"]["run_id"])
    return experiment, runs


def _happen(deployment: Deployment, schedule: Schedule, began: float) -> dict[str, int]:
    """Have each fault happen at its time; those that need the same part wait for each other."""
    parts = {part: threading.Lock() for fault in FAULTS.values() for part in fault.parts}
    effects: dict[str, int] = {}
    failed: list[BaseException] = []

    def happen(event: Event) -> None:
        fault = FAULTS[event.fault]
        time.sleep(max(0.0, began + event.at - time.monotonic()))
        held = [parts[part] for part in sorted(fault.parts)]
        for lock in held:
            lock.acquire()
        try:
            done = fault.effect(deployment, event.seconds, random.Random(f"{schedule.seed}-{event.at}"))
            effects[event.fault] = effects.get(event.fault, 0) + done
        except Exception as error:  # noqa: BLE001 - told below, in the thread of the test
            failed.append(error)
        finally:
            for lock in reversed(held):
                lock.release()

    threads = [threading.Thread(target=happen, args=(event,), name=event.fault) for event in schedule.events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return effects
