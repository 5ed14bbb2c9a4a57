"""Submitting: the run first, so that it is there whatever becomes of the job, then the job; both or a failed run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.tracking.pending_runs import PendingRun, create_pending, mark_failed, set_tags
from yolops.training.submission.facts import PENDING, PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.tracking.rest import MlflowRest
    from yolops.training.sagemaker_job import SageMakerJobs
    from yolops.training.submission.spec import JobSpec


@dataclass(frozen=True)
class Submitted:
    """A job that SageMaker has taken.

    Attributes:
        spec: as it was asked for.
        arn: its ARN.
        run: its run.
    """

    spec: JobSpec
    arn: str
    run: PendingRun


def submit(
    jobs: SageMakerJobs, rest: MlflowRest, experiment: str, name: str, plan: Callable[[PendingRun], JobSpec]
) -> Submitted:
    """Make a run and start its job.

    Args:
        jobs: those of the platform.
        rest: its MLflow.
        experiment: the experiment of the run, which is made if need be.
        name: of the run.
        plan: returns the job of a run.

    Raises:
        YolopsError: MLflow or SageMaker refuses; a run that was made says so.
    """
    run = create_pending(rest, experiment, name, {f"{PREFIX}.status": PENDING})
    try:
        spec = plan(run)
        set_tags(rest, run.run_id, {f"{PREFIX}.name": spec.name})
        arn = jobs.create(spec.create_request())
    except YolopsError as error:
        mark_failed(rest, run.run_id, f"no job was started: {error.message}")
        raise
    except BaseException:
        mark_failed(rest, run.run_id, "interrupted before its job was started")
        raise
    return Submitted(spec, arn, run)
