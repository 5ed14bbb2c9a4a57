"""What the run of a search in SageMaker is told: what is searched, each trial as it ends, and in the end the best.

All of it can be said again, by whoever comes back to the search: points have the time of what they are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yolops.tracking.pending_runs import set_tags
from yolops.training.submission.facts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.tracking.rest import MlflowRest
    from yolops.training.sagemaker_tuning import TunedJob, Tuning
    from yolops.training.study import Trial
    from yolops.training.tune_directory import TuneRequest

# The dataset as it was named, for the line that trains the best again, and what the trials start from.
DATA, MODEL = "yolops.data", "yolops.model"
STATUSES = {"Completed": "FINISHED", "Stopped": "KILLED"}


def say_search(rest: MlflowRest, run_id: str, request: TuneRequest, tags: Mapping[str, str]) -> None:
    """Say what is searched, and that it has begun.

    Args:
        rest: MLflow.
        run_id: of the search.
        request: what was asked for.
        tags: where it comes from.

    Raises:
        YolopsError: MLflow does not answer, or refuses.
    """
    given = [{"key": name, "value": str(value)} for name, value in request.params().items()]
    rest.post("runs/log-batch", run_id=run_id, params=given)
    set_tags(rest, run_id, {**tags, DATA: request.data, MODEL: request.model})
    rest.post("runs/update", run_id=run_id, status="RUNNING")


def say_trial(rest: MlflowRest, run_id: str, metric: str, job: TunedJob, best: float | None) -> None:
    """Say how a trial ended, and which value was the best by then, as points over the number of the trial.

    Raises:
        YolopsError: MLflow does not answer, or refuses.
    """
    values = {f"trial/{metric}": job.trial.value, f"best/{metric}": best}
    time_ms = int(job.ended.timestamp() * 1000) if job.ended else 0
    points: list[dict[str, Any]] = [
        {"key": name, "value": value, "timestamp": time_ms, "step": job.trial.number}
        for name, value in values.items()
        if value is not None
    ]
    if points:
        rest.post("runs/log-batch", run_id=run_id, metrics=points)


def say_end(rest: MlflowRest, tuning: Tuning, best: Trial | None, best_run: str, end_ms: int) -> None:
    """Say what the best trial is, and that the search has ended.

    Raises:
        YolopsError: MLflow does not answer, or refuses.
    """
    run_id, tags = tuning.request.parent_run, {f"{PREFIX}.status": tuning.status}
    if tuning.failure:
        tags["yolops.error"] = tuning.failure
    if best is not None:
        arguments = {f"best/{name}": str(value) for name, value in best.arguments.items()}
        tags |= {"yolops.best_trial": str(best.number), "yolops.best_run": best_run, **arguments}
    set_tags(rest, run_id, tags)
    rest.post("runs/update", run_id=run_id, status=STATUSES.get(tuning.status, "FAILED"), end_time=end_ms)
