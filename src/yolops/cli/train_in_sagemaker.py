"""`yolops train --on sagemaker`: a training job put together, looked at before it costs anything, and started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yolops.cli.job_following import begun
from yolops.cli.job_freight import Freight, gather, send
from yolops.cli.job_platform import JobPlatform, platform_of
from yolops.datasets.versions.catalogue import SHOWN_CHARACTERS
from yolops.diagnosis.run import run as run_checks
from yolops.diagnosis.training_job import CHECKS, Planned
from yolops.errors import YolopsError
from yolops.findings import errors
from yolops.platform.outputs import Mode
from yolops.training.job.contract import MODEL, JobRequest
from yolops.training.submission import code
from yolops.training.submission.job_login import ensure_user, let_train, login_of
from yolops.training.submission.spec import (
    CODE,
    ID_CHARACTERS,
    PACKAGES,
    JobSpec,
    Machine,
    check_machine,
    job_name,
    plan_job,
)
from yolops.training.submission.submit import Submitted, submit
from yolops.training.submission.tuning_spec import tuning_job_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yolops.cli.console import Console
    from yolops.cli.session import Session
    from yolops.diagnosis.check import Outcome
    from yolops.platform.outputs import Outputs
    from yolops.tracking.pending_runs import PendingRun
    from yolops.training.run_directory import TrainRequest

# Stands for the ID of a run that is not made yet.
NO_RUN = "0" * 32


@dataclass(frozen=True)
class Order:
    """A job that somebody wants.

    Attributes:
        outputs: the platform.
        machine: what it runs on.
        request: what it trains.
        freight: what it takes along.
    """

    outputs: Outputs
    machine: Machine
    request: TrainRequest
    freight: Freight

    def spec(self, run_id: str) -> JobSpec:
        """Return the job for a run."""
        return self._plan(job_name(self.outputs.project_name, self.request.name, run_id), run_id=run_id)

    def trial(self, parent_run: str) -> JobSpec:
        """Return the job of each trial below the run of a search, with the name of the tuning job.

        Raises:
            YolopsError: the project's name leaves no room for one.
        """
        name = tuning_job_name(self.outputs.project_name, self.request.name, parent_run)
        return self._plan(name, parent_run=parent_run)

    def _plan(self, name: str, *, run_id: str = "", parent_run: str = "") -> JobSpec:
        wanted, freight = self.request, self.freight
        request = JobRequest(
            run_id=run_id,
            parent_run=parent_run,
            experiment=wanted.experiment,
            name=wanted.name,
            model=freight.model,
            arguments=wanted.arguments,
            register_as=wanted.register_as,
            alias=wanted.alias,
            dataset=f"{self.outputs.dataset_uri}/{freight.name}",
            version=freight.version,
        )
        return plan_job(
            self.outputs,
            self.machine,
            request,
            name=name,
            keys={CODE: code.key_of(freight.archive), PACKAGES: freight.packages, MODEL: freight.model_prefix},
            data_bytes=freight.data_bytes,
        )


def train(
    session: Session, console: Console, request: TrainRequest, machine: Machine, *, dry_run: bool, wait: bool
) -> None:
    """Start a training job, or show it.

    Raises:
        YolopsError: something stands against it, or SageMaker refuses; where it is followed also that it failed.
    """
    check_machine(machine, request.arguments)
    platform = platform_of(session, console)
    order = ordered(platform, request, machine)
    spec = order.spec(NO_RUN)
    planned = Planned.of(spec, platform.outputs, is_pushed=order.freight.data is not None)
    if not preflight(console, planned, {"create_training_job": spec.create_request()}, dry_run=dry_run):
        return
    send(platform, order.freight)
    begun(platform, _submit(platform, order), wait=wait)


def ordered(platform: JobPlatform, request: TrainRequest, machine: Machine) -> Order:
    """Return the job that somebody wants, with what it takes along; nothing is sent.

    An experiment and an instance type that nobody named are those of the dataset and of `terraform.tfvars`.

    Raises:
        YolopsError: the dataset is not there or has errors, or an argument or the model cannot be.
    """
    machine = replace(machine, instance_type=machine.instance_type or platform.outputs.sagemaker_instance_type)
    freight = gather(platform, request, machine)
    return Order(platform.outputs, machine, replace(request, experiment=request.experiment or freight.name), freight)


def preflight(console: Console, planned: Planned, value: dict[str, Any], *, dry_run: bool) -> bool:
    """Look at everything that could stop a job, side by side, and return whether it shall be started.

    With `dry_run` it is only shown; `value` is what `--json` has beside the job and its checks.

    Raises:
        YolopsError: it would not work, with the first reason.
    """
    with console.progress("looking at quota, image, network and price") as progress:
        outcomes = run_checks([check.of(planned) for check in CHECKS], progress)
    found = [finding for outcome in outcomes for finding in outcome.findings]
    stops = errors(found)
    console.findings([finding for finding in found if finding not in stops[:1]])
    if dry_run:
        _show(console, planned.spec, outcomes, value)
    if stops:
        more = f" (and {len(stops) - 1} more, above)" if len(stops) > 1 else ""
        raise YolopsError(f"the job would not work: {stops[0].where}: {stops[0].what}{more}", stops[0].fix)
    for outcome in outcomes:
        if outcome.check == "price" and outcome.found and not dry_run:
            console.note(f"price: {outcome.found}")
    return not dry_run


def _submit(platform: JobPlatform, order: Order) -> Submitted[JobSpec]:
    let_in = gate_of(platform, order.request.experiment, order.request.register_as)

    def plan(run: PendingRun) -> JobSpec:
        let_in()
        return order.spec(run.run_id)

    return submit(platform.jobs, platform.rest, order.request.experiment, order.request.name, plan)


def gate_of(platform: JobPlatform, experiment: str, model: str = "") -> Callable[[], None]:
    """Let the login of jobs in, and return what lets it into the experiment once that is there; only in custom mode.

    Raises:
        YolopsError: MLflow does not know the login, and we are no administrator.
    """
    if platform.outputs.mode is not Mode.CUSTOM:
        return lambda: None
    login = login_of(platform.aws, platform.outputs)
    ensure_user(platform.rest, platform.session.access(platform.outputs), login)
    return lambda: let_train(platform.rest, login, experiment, model)


def _show(console: Console, spec: JobSpec, outcomes: Sequence[Outcome], value: dict[str, Any]) -> None:
    from yolops.cli.console import table

    rows = [
        ("job", _without_run(spec.name)),
        ("instance", f"{spec.instance_type}{' (spot)' if spec.spot else ''}, {spec.volume_gb} GB"),
        ("image", spec.image),
        ("may run", f"{spec.max_run_s} s" + (f", {spec.max_wait_s} s with all waiting" if spec.spot else "")),
        ("role", spec.role_arn),
        ("subnets", ", ".join(spec.subnet_ids)),
        ("dataset", f"{spec.request.dataset}@{spec.request.version[:SHOWN_CHARACTERS]}"),
        ("model", spec.request.model),
        *((f"channel {name}", uri) for name, uri in spec.channels.items()),
        ("checkpoints", _without_run(spec.checkpoint_uri)),
        *spec.environment.items(),
        *((f"tag {name}", value) for name, value in spec.tags.items()),
    ]
    checks = [(outcome.check, outcome.verdict.value, outcome.found) for outcome in outcomes]
    value = {"job": spec.as_dict(), **value, "checks": [outcome.as_dict() for outcome in outcomes]}
    console.data(value, table("", "", rows=rows), "", table("check", "", "found", rows=checks))


def _without_run(name: str) -> str:
    return name.replace(NO_RUN[:ID_CHARACTERS], "(ID of the run)")
