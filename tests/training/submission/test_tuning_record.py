"""What a real MLflow has of a search in SageMaker: the same however often, and by whomever, it was told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from yolops.tracking.pending_runs import create_pending
from yolops.tracking.rest import MlflowRest
from yolops.training.job.contract import JobRequest
from yolops.training.sagemaker_tuning import TunedJob, Tuning
from yolops.training.study import Trial
from yolops.training.submission.tuning_record import say_end, say_search, say_trial
from yolops.training.tune_directory import TuneRequest

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
METRIC = "mAP50-95"
REQUEST = TuneRequest(
    data="/data/cells/data.yaml",
    model="yolo11n.pt",
    experiment="cells",
    name="tune",
    space=("lr0=1e-3..1e-1:log",),
    metric=METRIC,
    trials=2,
    seed=7,
    arguments={"epochs": 3},
)


def search(rest: MlflowRest, status: str, failure: str = "") -> Tuning:
    run_id = create_pending(rest, "cells", "tune", {}).run_id
    say_search(rest, run_id, REQUEST, {"yolops.version": "1"})
    return Tuning("cells-tune-1", status, failure, METRIC, 2, JobRequest("", "cells", "tune", "m", parent_run=run_id))


def run_of(rest: MlflowRest, tuning: Tuning) -> tuple[str, dict[str, str], dict[str, str]]:
    run: dict[str, Any] = rest.get("runs/get", run_id=tuning.request.parent_run)["run"]
    tags = {item["key"]: item["value"] for item in run["data"]["tags"]}
    return run["info"]["status"], tags, {item["key"]: item["value"] for item in run["data"]["params"]}


def points(rest: MlflowRest, tuning: Tuning, name: str) -> list[tuple[int, float]]:
    found = rest.get("metrics/get-history", run_id=tuning.request.parent_run, metric_key=name)["metrics"]
    return [(int(point["step"]), float(point["value"])) for point in found]


def trial(number: int, value: float | None) -> TunedJob:
    state = "failed" if value is None else "complete"
    return TunedJob(f"job-{number}", Trial(number, {"lr0": 0.01}, state, value), NOON + timedelta(hours=number), "")


def test_a_search_runs_and_says_what_it_varies_from_where_its_trials_start_and_what_is_the_same(
    rest: MlflowRest,
) -> None:
    status, tags, params = run_of(rest, search(rest, "InProgress"))
    assert status == "RUNNING"
    assert (tags["yolops.data"], tags["yolops.model"], tags["yolops.version"]) == (REQUEST.data, REQUEST.model, "1")
    same = {"epochs": "3", "model": "yolo11n.pt", "metric": METRIC, "seed": "7"}
    assert params == same | {"space/lr0": "1e-3..1e-1:log"}


def test_what_is_said_again_by_whoever_comes_back_is_there_once(rest: MlflowRest) -> None:
    tuning, first, second, failed = search(rest, "Completed"), trial(1, 0.5), trial(2, 0.25), trial(3, None)
    for _ in range(2):
        say_trial(rest, tuning.request.parent_run, METRIC, first, 0.5)
        say_trial(rest, tuning.request.parent_run, METRIC, second, 0.5)
        say_trial(rest, tuning.request.parent_run, METRIC, failed, 0.5)
        say_end(rest, tuning, first.trial, "run-1", 1_800_000_000_000)
    assert points(rest, tuning, f"trial/{METRIC}") == [(1, 0.5), (2, 0.25)]
    assert points(rest, tuning, f"best/{METRIC}") == [(1, 0.5), (2, 0.5), (3, 0.5)]
    status, tags, _ = run_of(rest, tuning)
    assert status == "FINISHED"
    assert (tags["yolops.best_trial"], tags["yolops.best_run"], tags["best/lr0"]) == ("1", "run-1", "0.01")


@pytest.mark.parametrize(
    ("ended", "failure", "status"),
    [("Stopped", "", "KILLED"), ("Failed", "All training jobs failed.", "FAILED")],
)
def test_a_search_without_a_best_trial_ends_as_what_it_was(
    rest: MlflowRest, ended: str, failure: str, status: str
) -> None:
    tuning = search(rest, ended, failure)
    say_end(rest, tuning, None, "", 1_800_000_000_000)
    found, tags, _ = run_of(rest, tuning)
    assert (found, tags["yolops.job.status"], tags.get("yolops.error", "")) == (status, ended, failure)
    assert "yolops.best_trial" not in tags
