"""`yolops jobs`: the training jobs of a platform in AWS."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.group import group
from yolops.cli.session import Json, Session, opened
from yolops.cli.wording import brief, minute
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from yolops.aws import Aws
    from yolops.cli.console import Console
    from yolops.training.sagemaker_job import Job, SageMakerJobs
    from yolops.training.sagemaker_tuning import Tuning

FOLLOW_S = 2.0
Name = Annotated[str, typer.Argument(metavar="JOB", help="Name of the job; last is the newest one.")]
Most = Annotated[int, typer.Option("--limit", min=1, max=100, help="How many, the newest first.")]


def commands() -> typer.Typer:
    """Build the commands about jobs."""
    return group(
        "See training jobs in SageMaker, and stop them.", list=_list, show=_show, logs=_logs, stop=_stop, cost=_cost
    )


def _list(context: typer.Context, most: Most = 20, as_json: Json = False) -> None:
    """List the newest training jobs of this platform."""
    from yolops.cli.console import table

    session, console = opened(context, as_json)
    jobs = _jobs(session).newest(most)
    rows = [(job.name, _status(job), brief(job.created), _took(job), job.instance_type, _spot(job)) for job in jobs]
    shown = table("job", "status", "started", "took", "instance", "spot", rows=rows) if rows else "no training jobs yet"
    console.data([job.as_dict() for job in jobs], shown)


def _show(context: typer.Context, job: Name, as_json: Json = False) -> None:
    """Show one training job: its stages, what it ran on, what is billed, and why it failed if it did."""
    from yolops.cli.console import table

    session, console = opened(context, as_json)
    found = _jobs(session).find(job)
    cost = _tell_run(session, console, found)
    about = [
        ("job", found.name),
        ("status", _status(found)),
        ("why", found.failure),
        ("started", minute(found.created)),
        ("took", _took(found)),
        ("instance", f"{found.instance_type}{' (spot)' if found.spot else ''}"),
        ("billed", _seconds(found.billed_seconds)),
        ("saved by spot", _percent(found.saving)),
        ("cost", "" if cost is None else f"{cost:.2f} USD"),
        ("run", found.run_id),
        ("image", found.image),
        ("model", found.model_uri),
        ("ARN", found.arn),
    ]
    stages = [(stage, f"{began.astimezone():%H:%M:%S}") for stage, began in found.stages]
    console.data(
        found.as_dict() | {"cost_usd": cost},
        table("", "", rows=[row for row in about if row[1]]),
        "",
        table("stage", "began", rows=stages),
    )


def _logs(
    context: typer.Context,
    job: Name,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends; Ctrl-C leaves it running.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print what a training job has printed, over all of its instances."""
    session, console = opened(context, as_json)
    jobs = _jobs(session)
    found = jobs.find(job)
    log = jobs.log(found)
    if console.as_json:
        console.data([{"time": line.time, "text": line.text} for line in log.read()])
        return
    while True:
        # Asked before the log is read: what ends a job is printed before it has ended.
        lives = follow and jobs.find(found.name).lives
        for line in log.read():
            console.data(None, line.text)
        if not lives:
            break
        time.sleep(FOLLOW_S)


def _stop(context: typer.Context, job: Name, as_json: Json = False) -> None:
    """Ask a training job, or a whole search in SageMaker, to end. A job has two minutes to write down what it has."""
    from yolops.training.sagemaker_tuning import SageMakerTunings

    session, console = opened(context, as_json)
    jobs, tunings = _jobs(session), SageMakerTunings(*_place(session))
    found: Job | Tuning
    try:
        found, stop, again = jobs.find(job), jobs.stop, "jobs show"
    except YolopsError:
        search = tunings.get(job)
        if search is None:
            raise
        found, stop, again = search, tunings.stop, "tune --on sagemaker --resume"
    if found.lives:
        stop(found.name)
        text = f"{found.name} is being stopped; see it end: {session.command_prefix()} {again} {found.name}"
    else:
        text = f"{found.name} has ended already ({found.status})"
    console.data({"job": found.name, "was": found.status, "stopping": found.lives}, text)


def _cost(context: typer.Context, most: Most = 100, as_json: Json = False) -> None:
    """Show what is billed for the newest training jobs, in seconds and USD of each instance type."""
    from yolops.cli.console import table
    from yolops.cli.job_following import price_of

    session, console = opened(context, as_json)
    jobs = [job for job in _jobs(session).newest(most) if job.billed_seconds is not None]
    rows = [
        (job.name, job.instance_type, _spot(job), job.seconds or 0, job.billed_seconds or 0, _percent(job.saving))
        for job in jobs
    ]
    sums: Counter[str] = Counter()
    for job in jobs:
        sums[job.instance_type] += job.billed_seconds or 0
    columns = ("job", "instance", "spot", "seconds", "billed seconds", "saved")
    shown = table(*columns, rows=rows) if rows else "no training job has ended yet"
    dollars = {
        name: round(price * sums[name] / 3600, 2)
        for name, job in {job.instance_type: job for job in jobs}.items()
        if (price := price_of(job)) is not None
    }
    totals = [
        f"{name}: {seconds / 3600:.2f} h billed" + (f", {dollars[name]:.2f} USD" if name in dollars else "")
        for name, seconds in sums.items()
    ]
    value = {"jobs": [job.as_dict() for job in jobs], "billed_seconds": sums, "usd": dollars}
    console.data(value, shown, *totals)


def _tell_run(session: Session, console: Console, job: Job) -> float | None:
    """Tell the run of a job what is known by now of all of its jobs, and return what this one has cost in USD."""
    from yolops.cli.job_following import cost_of, record

    if job.run_id and not job.lives:
        try:
            every = _jobs(session).of_run(job)
            if not every[-1].lives:
                record(session.mlflow(), every, cost_of(every))
        except YolopsError as error:
            console.note(f"its run was not told: {error.message}")
    return cost_of([job])


def _jobs(session: Session) -> SageMakerJobs:
    from yolops.training.sagemaker_job import SageMakerJobs

    return SageMakerJobs(*_place(session))


def _place(session: Session) -> tuple[Aws, str]:
    """Return region and project of the platform, which the settings of a workspace say without Terraform."""
    from yolops.aws import Aws

    if described := session.described():
        return Aws(described.aws_region), described.project_name
    settings = session.workspace.settings()
    if settings is None:
        raise YolopsError("training jobs are those of a platform in AWS, and this workspace has none", "yolops init")
    return Aws(settings.region), settings.project_name


def _status(job: Job) -> str:
    again = f", interrupted {job.interruptions}x" if job.interruptions else ""
    stage = f" ({job.stage}{again})" if job.stage != job.status else again
    return f"{job.status}{stage}"


def _took(job: Job) -> str:
    return _seconds(round(((job.ended or datetime.now(UTC)) - job.created).total_seconds()))


def _seconds(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds} s"


def _percent(part: float | None) -> str:
    return "" if part is None else f"{part:.0%}"


def _spot(job: Job) -> str:
    return "yes" if job.spot else "no"
