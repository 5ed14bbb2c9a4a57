"""Submitting: the run first, so that it is there whatever becomes of the job, then the job; both or a failed run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from yolops.errors import YolopsError
from yolops.tracking.pending_runs import PendingRun, create_pending, mark_failed, set_tags
from yolops.training.submission.facts import PENDING, PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.tracking.rest import MlflowRest


class Spec(Protocol):
    """A job of SageMaker that is not there yet."""

    @property
    def name(self) -> str:
        """Its name."""

    def create_request(self) -> dict[str, Any]:
        """Return what SageMaker is asked for."""


class Jobs(Protocol):
    """Starts jobs."""

    def create(self, request: dict[str, Any]) -> str:
        """Start a job, and return its ARN."""


S = TypeVar("S", bound=Spec)


@dataclass(frozen=True)
class Submitted(Generic[S]):
    """A job that SageMaker has taken.

    Attributes:
        spec: as it was asked for.
        arn: its ARN.
        run: its run.
    """

    spec: S
    arn: str
    run: PendingRun


def submit(jobs: Jobs, rest: MlflowRest, experiment: str, name: str, plan: Callable[[PendingRun], S]) -> Submitted[S]:
    """Make a run and start its job.

    Args:
        jobs: training jobs or tuning jobs of the platform.
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


def submit_again(jobs: Jobs, rest: MlflowRest, run_id: str, spec: S) -> Submitted[S]:
    """Start a job that goes on with a run.

    Args:
        jobs: training jobs of the platform.
        rest: its MLflow.
        run_id: of the run.
        spec: the job; its name is the same for whoever goes on now, so that SageMaker takes one of them.

    Raises:
        YolopsError: MLflow or SageMaker refuses; the run is as it was then.
    """
    info = rest.get("runs/get", run_id=run_id)["run"]["info"]
    # Before the job, which makes it RUNNING.
    rest.post("runs/update", run_id=run_id, status="SCHEDULED")
    try:
        arn = jobs.create(spec.create_request())
    except BaseException:
        with suppress(YolopsError):  # why there is no job says more
            rest.post("runs/update", run_id=run_id, status=info["status"])
        raise
    set_tags(rest, run_id, {f"{PREFIX}.status": PENDING, f"{PREFIX}.name": spec.name, f"{PREFIX}.failure": ""})
    return Submitted(spec, arn, PendingRun(info["experiment_id"], run_id))
