"""The run of a trial: made by the trial itself, and found again by the name of its job when that is started anew."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.tracking.pending_runs import create_pending
from yolops.tracking.rest import LoginError, NotFoundError
from yolops.training.submission.facts import PENDING, PREFIX
from yolops.training.tune_directory import PARENT

if TYPE_CHECKING:
    from yolops.tracking.rest import MlflowRest
    from yolops.training.job.contract import JobRequest

# Each second is billed; a server that is started anew is back by then.
PATIENCE_S = 300.0
PAUSE_S = 2.0


def with_own_run(rest: MlflowRest, request: JobRequest, job: str, patience_s: float = PATIENCE_S) -> JobRequest:
    """Return the request of a trial with its own run and name.

    Args:
        rest: MLflow.
        request: what the trial trains.
        job: the name of its job.
        patience_s: how long MLflow may be away, in seconds.

    Raises:
        YolopsError: MLflow refuses, or stays away.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            run_id = find_trial_run(rest, request.parent_run, job) or _make(rest, request, job)
        except (LoginError, NotFoundError):
            raise
        except YolopsError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return replace(request, run_id=run_id, name=job)


def find_trial_run(rest: MlflowRest, parent_run: str, job: str) -> str:
    """Return the ID of the run of a trial; empty if it has none yet.

    Raises:
        YolopsError: MLflow does not answer, or refuses.
    """
    experiment = rest.get("runs/get", run_id=parent_run)["run"]["info"]["experiment_id"]
    wanted = f"tags.`{PREFIX}.name` = '{job}'"
    found = rest.post("runs/search", experiment_ids=[experiment], filter=wanted, max_results=1).get("runs", [])
    return str(found[0]["info"]["run_id"]) if found else ""


def _make(rest: MlflowRest, request: JobRequest, job: str) -> str:
    tags = {PARENT: request.parent_run, f"{PREFIX}.name": job, f"{PREFIX}.status": PENDING}
    return create_pending(rest, request.experiment, job, tags).run_id
