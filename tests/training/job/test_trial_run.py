"""The run of a trial in a real MLflow: one for each job, whatever becomes of its first instance."""

from __future__ import annotations

import pytest

from yolops.errors import YolopsError
from yolops.tracking.pending_runs import create_pending
from yolops.tracking.rest import MlflowRest
from yolops.training.job.contract import JobRequest
from yolops.training.job.trial_run import find_trial_run, with_own_run

JOB = "cells-tune-01234567-001-0a1b2c3d"


def test_a_trial_makes_its_run_below_the_search_and_the_next_instance_finds_it_again(rest: MlflowRest) -> None:
    parent = create_pending(rest, "cells", "tune", {})
    request = JobRequest("", "cells", "tune", "m.yaml", parent_run=parent.run_id)
    assert find_trial_run(rest, parent.run_id, JOB) == ""
    first = with_own_run(rest, request, JOB)
    run = rest.get("runs/get", run_id=first.run_id)["run"]
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert (run["info"]["run_name"], run["info"]["status"]) == (JOB, "SCHEDULED")
    assert tags["mlflow.parentRunId"] == parent.run_id
    assert with_own_run(rest, request, JOB) == first
    other = with_own_run(rest, request, JOB.replace("001", "002"))
    assert other.run_id not in {first.run_id, parent.run_id}


def test_a_trial_says_when_mlflow_stays_away() -> None:
    request = JobRequest("", "cells", "tune", "m.yaml", parent_run="0" * 32)
    with pytest.raises(YolopsError, match="no answer from MLflow"):
        with_own_run(MlflowRest("http://127.0.0.1:9"), request, JOB, patience_s=0)
