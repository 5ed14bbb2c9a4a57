"""Runs that are there before anything trains: made, marked and told what is known beside the training, through REST."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.tracking.rest import ExistsError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.tracking.rest import MlflowRest

# https://mlflow.org/docs/latest/rest-api.html: of a tag's value, before a server cuts it or refuses it
MOST_TAG = 5000


@dataclass(frozen=True)
class PendingRun:
    """A run that waits for its training.

    Attributes:
        experiment_id: the experiment it is in.
        run_id: its ID.
    """

    experiment_id: str
    run_id: str


def create_pending(rest: MlflowRest, experiment: str, name: str, tags: Mapping[str, str]) -> PendingRun:
    """Make a run whose status is SCHEDULED, and its experiment if need be.

    Raises:
        YolopsError: the server refuses, or the experiment was deleted.
    """
    experiment_id = _experiment(rest, experiment)
    given = [{"key": key, "value": value} for key, value in tags.items()]
    made = rest.post("runs/create", experiment_id=experiment_id, run_name=name, start_time=_now_ms(), tags=given)
    run_id = str(made["run"]["info"]["run_id"])
    rest.post("runs/update", run_id=run_id, status="SCHEDULED")
    return PendingRun(experiment_id, run_id)


def mark_failed(rest: MlflowRest, run_id: str, why: str) -> None:
    """End a run that will never train.

    Raises:
        YolopsError: the server refuses.
    """
    set_tags(rest, run_id, {"yolops.error": why})
    rest.post("runs/update", run_id=run_id, status="FAILED", end_time=_now_ms())


def set_tags(rest: MlflowRest, run_id: str, tags: Mapping[str, str]) -> None:
    """Say more of a run.

    Raises:
        YolopsError: the server refuses.
    """
    given = [{"key": key, "value": value[:MOST_TAG]} for key, value in tags.items()]
    rest.post("runs/log-batch", run_id=run_id, tags=given)


def _experiment(rest: MlflowRest, name: str) -> str:
    for _ in range(2):  # somebody else may make it between the two
        try:
            found = rest.get("experiments/get-by-name", experiment_name=name)["experiment"]
        except NotFoundError:
            try:
                return str(rest.post("experiments/create", name=name)["experiment_id"])
            except ExistsError:
                continue
        if found.get("lifecycle_stage") == "deleted":
            break
        return str(found["experiment_id"])
    raise YolopsError(f"the experiment {name!r} was deleted", "restore it in MLflow, or give another --experiment")


def _now_ms() -> int:
    return int(time.time() * 1000)
