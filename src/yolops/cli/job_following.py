"""Following a training job of `yolops train` to its end, and what its run is told then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from yolops.aws import Aws, AwsError
from yolops.cli.wording import model_text
from yolops.costs.prices import PRICE_LIST_REGION, training_price
from yolops.errors import YolopsError
from yolops.models.registry import version_of_run
from yolops.tracking.pending_runs import set_tags
from yolops.training.sagemaker_job import COMPLETED
from yolops.training.submission.facts import cost, facts, total
from yolops.training.submission.spec import ID_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yolops.cli.job_platform import JobPlatform
    from yolops.cli.session import Session
    from yolops.tracking.rest import MlflowRest
    from yolops.training.job.contract import JobRequest
    from yolops.training.sagemaker_job import Job
    from yolops.training.submission.spec import JobSpec
    from yolops.training.submission.submit import Submitted

FOLLOW_S = 2.0
# Logged once an epoch, whatever is trained.
CLOCK = "speed/epoch_s"
DEFAULT_EPOCHS = 100


def begun(platform: JobPlatform, submitted: Submitted[JobSpec], *, wait: bool) -> None:
    """Say which job was started, and how to come back to it; or follow it, and show what came out.

    Raises:
        YolopsError: where it is followed, that it failed.
    """
    spec, run, console = submitted.spec, submitted.run, platform.console
    url = platform.outputs.run_page(run.experiment_id, run.run_id)
    lines = (f"job      {spec.name}", f"run      {url}")
    if wait:
        for line in lines:
            console.note(line)
        ended = follow(platform, submitted)
        show_ended(platform, platform.jobs.of_run(ended), spec.request)
    else:
        console.data({"job": spec.name, "arn": submitted.arn, "run_id": run.run_id, "run_url": url}, *lines)
        console.note(_ways_back(platform.session, spec.name))


def _ways_back(session: Session, name: str) -> str:
    """Return how a person comes back to a job, or stops it."""
    prefix = session.command_prefix()
    return f"follow it: {prefix} jobs logs --follow {name}; stop it: {prefix} jobs stop {name}"


def follow(platform: JobPlatform, submitted: Submitted[JobSpec]) -> Job:
    """Show what a job does until it has ended; Ctrl-C leaves it running.

    Raises:
        YolopsError: AWS refuses, or cannot be reached.
    """
    name, epochs = submitted.spec.name, int(str(submitted.spec.request.arguments.get("epochs", DEFAULT_EPOCHS)))
    jobs, console = platform.jobs, platform.console
    job = jobs.find(name)
    log, stage, bar = jobs.log(job), "", console.bar("training")
    try:
        while True:
            # Asked before the log is read: what ends a job is printed before it has ended.
            job = jobs.find(name)
            if job.stage != stage:
                stage = job.stage
                console.note(f"job: {stage}")
            for line in log.read():
                console.note(line.text)
            if not job.lives:
                return job
            bar.update(_epoch(platform.rest, submitted.run.run_id), epochs)
            time.sleep(FOLLOW_S)
    except (KeyboardInterrupt, YolopsError):
        bar.stop()
        console.note(f"the job goes on; {_ways_back(platform.session, name)}")
        raise
    finally:
        bar.stop()


def price_of(job: Job) -> float | None:
    """Return what the instance of a job costs on demand in USD per hour; None where AWS does not tell us."""
    try:
        return training_price(Aws(PRICE_LIST_REGION), job.region, job.instance_type)
    except AwsError:  # whoever may not read prices still sees what is billed
        return None


def record(rest: MlflowRest, jobs: Sequence[Job], dollars: float | None) -> None:
    """Tell the run of some jobs, the newest last, what is known of them, and of what they cost in USD.

    Raises:
        YolopsError: MLflow does not answer, or refuses.
    """
    set_tags(rest, jobs[-1].run_id, facts(jobs, dollars))


def cost_of(jobs: Sequence[Job]) -> float | None:
    """Return what jobs have cost in USD; None where that is not known."""
    dollars = total(cost(job, price_of(job)) for job in jobs)
    return None if dollars is None else round(dollars, 4)


def show_ended(platform: JobPlatform, jobs: Sequence[Job], request: JobRequest) -> None:
    """Show what came out of a job that has ended, the last of all jobs of its run.

    Raises:
        YolopsError: it failed.
    """
    job, dollars, rest = jobs[-1], cost_of(jobs), platform.rest
    record(rest, jobs, dollars)
    run = rest.get("runs/get", run_id=job.run_id)["run"]
    info, metrics = run["info"], run.get("data", {}).get("metrics", [])
    best = {
        item["key"].removeprefix("best/"): float(item["value"]) for item in metrics if item["key"].startswith("best/")
    }
    url = platform.outputs.run_page(info["experiment_id"], job.run_id)
    model = _registered(platform, request, job)
    value: dict[str, Any] = {
        "job": job.as_dict(),
        "earlier_jobs": [one.name for one in jobs[:-1]],
        "run_id": job.run_id,
        "run_url": url,
        "status": info["status"],
        "metrics": best,
        "model": model,
        "cost_usd": dollars,
    }
    lines = (
        "   ".join(f"{name} {number:.3f}" for name, number in best.items()),
        _billed(jobs, dollars),
        f"model    {model_text(model)}" if model else "",
        f"run      {url}",
    )
    platform.console.data(value, *filter(None, lines))
    if job.status != COMPLETED:
        why = f": {job.failure}" if job.failure else ""
        raise YolopsError(
            f"{job.name} has not completed, but is {job.status} ({job.stage}){why}",
            f"read its log: yolops jobs logs {job.name}; "
            f"go on with it: yolops train --resume {job.run_id[:ID_CHARACTERS]} --on sagemaker",
        )


def _registered(platform: JobPlatform, request: JobRequest, job: Job) -> dict[str, str]:
    """Return the version that a job has registered, as a training on this machine says it; nothing without one."""
    if not request.register_as or job.status != COMPLETED:
        return {}
    try:
        found = version_of_run(platform.rest, request.register_as, job.run_id)
    except YolopsError as error:  # the first job that registers a model owns it, and not everybody may see it
        platform.console.warn(f"its model cannot be shown: {error.message}")
        return {}
    alias = request.alias if request.alias in found.aliases else ""  # another run may have taken it by now
    return {"name": found.name, "version": str(found.version), "alias": alias}


def _billed(jobs: Sequence[Job], dollars: float | None) -> str:
    job = jobs[-1]
    billed = f"billed   {job.billed_seconds} s of {job.instance_type}"
    billed += f", {job.saving:.0%} saved by spot" if job.saving is not None else ""
    billed += f", {total(one.billed_seconds for one in jobs)} s with the jobs before" if jobs[1:] else ""
    return billed + (f", {dollars:.2f} USD" if dollars is not None else "")


def _epoch(rest: MlflowRest, run_id: str) -> int:
    """Return the last epoch that MLflow has of a run; 0 where it does not answer: the log goes on all the same."""
    try:
        data = rest.get("runs/get", run_id=run_id)["run"].get("data", {})
    except YolopsError:
        return 0
    return max((int(item.get("step", 0)) for item in data.get("metrics", []) if item["key"] == CLOCK), default=0)
