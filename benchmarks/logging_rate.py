"""Metric points per second through `RunLogger` against `mlflow.log_metric` in a loop, to one local server.

Ours are counted from the first word to the server's acknowledgement of the last point, by a sender that has imported
MLflow already, as the one of a training has when epochs begin to be reported.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING

import mlflow
from mlflow import MlflowClient

from benchmarks.workbench import Measured, pairs, platform
from yolops.tracking.mlflow_server import MlflowServer
from yolops.tracking.run_logger import RunEnd, RunLogger
from yolops.tracking.sender import Sender, Surroundings
from yolops.tracking.spool import RunIntent, Spool

if TYPE_CHECKING:
    from pathlib import Path

OUR_STEPS = 2000
PEER_STEPS = 20
NAMES = [f"metric/{number}" for number in range(10)]
COUNT = 3


def _ours(root: Path, uri: str) -> float:
    intent = RunIntent(uuid.uuid4().hex, uri, "rate", "ours", int(time.time() * 1000))
    spool = Spool.create(root / intent.spool_id, intent)
    sender = Sender(spool, MlflowServer(MlflowClient(uri)), {}, Surroundings(lambda: True))
    at_work = threading.Thread(target=sender.run)
    at_work.start()
    while not spool.progress().run_id:
        time.sleep(0.01)
    began = time.perf_counter()
    logger = RunLogger(spool)
    for step in range(OUR_STEPS):
        logger.metrics({name: float(step) for name in NAMES}, step=step)
    logger.end(RunEnd.FINISHED)
    at_work.join()
    took = time.perf_counter() - began
    stored = MlflowClient(uri).get_metric_history(spool.progress().run_id, NAMES[0])
    if len(stored) != OUR_STEPS:
        raise RuntimeError(f"{len(stored)} points arrived of {OUR_STEPS}")
    return OUR_STEPS * len(NAMES) / took


def _peer(uri: str) -> float:
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("rate")
    with mlflow.start_run():
        began = time.perf_counter()
        for step in range(PEER_STEPS):
            for name in NAMES:
                mlflow.log_metric(name, float(step), step=step)
        return PEER_STEPS * len(NAMES) / (time.perf_counter() - began)


def main() -> list[Measured]:
    """Measure as `make bench` does."""
    with platform() as (root, uri):
        return [
            pairs(
                "points through RunLogger / mlflow.log_metric",
                lambda: _ours(root, uri),
                lambda: _peer(uri),
                count=COUNT,
                unit="points/s",
                bar=">= 20",
            )
        ]
