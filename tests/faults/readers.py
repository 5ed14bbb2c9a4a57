"""Reads back what the server holds, through the same door as everybody, but patiently, and what S3 holds."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from tests.faults.client import API, Client, Reply
from tests.faults.history import Outcome, Place
from tests.rehearsal.conftest import Aws
from tests.server.conftest import BUCKET

PATIENCE_S, PAUSE_S = 180.0, 0.5
MOST = 20_000
# What the names of runs begin with that were there before the load.
GIVEN = "given"


@dataclass
class Held:
    """What was read back: the values at each place, and what is said to be the latest of each metric."""

    values: dict[Place, list[Hashable]]
    points: dict[str, list[tuple[int, int, float]]]
    latest: dict[str, float]


def read(client: Client, experiment: str, runs: list[str], asked: set[Place]) -> Held:
    """Read until nothing changes any more: what nobody waited for may still be under way.

    Args:
        client: who reads.
        experiment: what is read.
        runs: the runs that were written to.
        asked: where something was written; metrics are looked for there too when their run does not name them.
    """
    before = _rows(client, experiment, runs, asked)
    while (held := _rows(client, experiment, runs, asked)) != before:
        before = held
        time.sleep(PAUSE_S)
    return held


def take_files(aws: Aws, experiment: str) -> dict[Place, list[Hashable]]:
    """Return what is in S3 itself, not what the server says of it, and delete it: a thousand files slow S3 down."""
    storage, prefix = aws.client("s3"), f"mlflow/artifacts/{experiment}/"
    found: dict[Place, list[Hashable]] = {}
    for page in storage.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        for item in page.get("Contents", []):
            content = storage.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
            storage.delete_object(Bucket=BUCKET, Key=item["Key"])
            run, _, path = item["Key"].removeprefix(prefix).partition("/artifacts/")
            found["file", run, path] = [hashlib.sha256(content).hexdigest()]
    return found


def ask(client: Client, path: str) -> Reply:
    """Ask until there is an answer."""
    return patiently(lambda: client.get(path))


def patiently(send: Callable[[], Reply]) -> Reply:
    """Send the same until it is acknowledged."""
    deadline = time.monotonic() + PATIENCE_S
    while (reply := send()).outcome is not Outcome.ACKNOWLEDGED:
        assert time.monotonic() < deadline, f"{reply.status} {reply.body[:500]!r}"
        time.sleep(PAUSE_S)
    return reply


def _rows(client: Client, experiment: str, runs: list[str], asked: set[Place]) -> Held:
    held = Held(defaultdict(list), {}, {})
    for run in runs:
        data = ask(client, f"{API}/runs/get?run_id={run}").json["run"]["data"]
        for kind in ("param", "tag"):
            for item in data.get(f"{kind}s", []):
                if not item["key"].startswith("mlflow."):
                    held.values[kind, run, item["key"]].append(item["value"])
        latest = {item["key"]: float(item["value"]) for item in data.get("metrics", [])}
        held.latest |= {f"{run} {key}": value for key, value in latest.items()}
        for key in latest.keys() | {str(place[2]) for place in asked if place[:2] == ("metric", run)}:
            points = list(_points(client, run, key))
            if points:
                held.points[f"{run} {key}"] = points
            for step, at, value in points:
                held.values["metric", run, key, step, at].append(value)
    for name in _names_of_runs(client, experiment):
        held.values["run", name].append(name)
    return held


def _points(client: Client, run: str, key: str) -> Iterator[tuple[int, int, float]]:
    path = f"{API}/metrics/get-history?run_id={run}&metric_key={quote(key, safe='')}&max_results={MOST}"
    answer = ask(client, path).json
    assert not answer.get("next_page_token"), "more points than are read"
    for item in answer.get("metrics", []):
        yield int(item.get("step", 0)), int(item["timestamp"]), float(item["value"])


def _names_of_runs(client: Client, experiment: str) -> Iterator[str]:
    token = ""
    while True:
        question = {"experiment_ids": [experiment], "max_results": 1000, "page_token": token}
        answer = patiently(partial(client.post, "runs/search", **question)).json
        for run in answer.get("runs", []):
            if not run["info"]["run_name"].startswith(GIVEN):
                yield run["info"]["run_name"]
        token = answer.get("next_page_token", "")
        if not token:
            return
