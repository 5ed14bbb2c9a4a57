"""`yolops train --resume RUN --on sagemaker`: a training whose job has ended goes on in another, in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yolops.cli.job_following import begun
from yolops.cli.job_platform import platform_of
from yolops.cli.train_in_sagemaker import gate_of, preflight
from yolops.datasets.versions.store import AbsentError
from yolops.diagnosis.training_job import Planned
from yolops.errors import YolopsError
from yolops.tracking.runs import find_run
from yolops.training.job.checkpoints import PLACES, TAIL_BYTES, epoch_at_end
from yolops.training.sagemaker_job import NEWEST
from yolops.training.submission.code import key_of
from yolops.training.submission.facts import PREFIX
from yolops.training.submission.resumption import changed, plan_resumed, read_former, refuse
from yolops.training.submission.spec import CODE, check_machine
from yolops.training.submission.submit import submit_again

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.cli.session import Session
    from yolops.datasets.versions.store import Store
    from yolops.tracking.rest import MlflowRest
    from yolops.training.sagemaker_job import Job, SageMakerJobs
    from yolops.training.submission.resumption import Changes, Former


def resume(session: Session, console: Console, which: str, wanted: Changes, *, dry_run: bool, wait: bool) -> None:
    """Go on with a training in a new job, or show it.

    `which` is its run by name or ID, or `last` for that of the newest job.

    Raises:
        YolopsError: it cannot go on or would be another training, or SageMaker refuses.
    """
    platform = platform_of(session, console)
    outputs, rest, jobs, store = platform.outputs, platform.rest, platform.jobs, platform.bucket
    newest = jobs.of_run(_job_of(rest, jobs, which))[-1]
    former = read_former(jobs.describe(newest.name))
    refuse(find_run(rest, newest.run_id), newest, former)
    machine = changed(former.machine, wanted)
    check_machine(machine, former.request.arguments)
    epoch = newest_epoch(store, former)
    refuse_other_code(store, former)
    spec = plan_resumed(outputs, former, machine)
    console.note(f"it goes on behind epoch {epoch}")
    value = {"create_training_job": spec.create_request(), "behind_epoch": epoch}
    if not preflight(console, Planned.of(spec, outputs, is_pushed=False), value, dry_run=dry_run):
        return
    gate_of(platform, former.request.experiment, former.request.register_as)()
    begun(platform, submit_again(jobs, rest, newest.run_id, spec), wait=wait)


def _job_of(rest: MlflowRest, jobs: SageMakerJobs, which: str) -> Job:
    if which == NEWEST:
        job = jobs.find(NEWEST)
    else:
        run = find_run(rest, which)
        name = run.tags.get(f"{PREFIX}.name", "")
        if not name:
            raise YolopsError(
                f"{run.name}: was not trained in a job of SageMaker",
                f"go on with it where it was trained: yolops train --resume {run.name}",
            )
        job = jobs.find(name)
    if not job.run_id:
        raise YolopsError(f"{job.name}: is no training of its own", "name a run: yolops runs list")
    return job


def newest_epoch(store: Store, former: Former) -> int:
    """Return the epoch that the newest whole checkpoint was written behind.

    Raises:
        YolopsError: there is none.
    """
    prefix = f"{former.checkpoint_uri.removeprefix(f'{store.where}/')}/"
    kept = [item for item in store.below(prefix) if item.key.removeprefix(prefix) in PLACES]
    tails = [store.get(item.key, max(0, item.size - TAIL_BYTES), item.size) for item in kept]
    newest = max((epoch_at_end(bytes(tail)) for tail in tails), default=0)
    if not newest:
        what = "no whole checkpoint" if kept else "no checkpoint"
        raise YolopsError(
            f"{former.checkpoint_uri}: there is {what} to go on from; the job wrote none before it ended",
            "start the training anew",
        )
    return newest


def refuse_other_code(store: Store, former: Former) -> None:
    """Refuse what is missing of the job before, or is not what it was: it would be another training.

    Raises:
        YolopsError: its code, its packages or its model is gone, or the code is other code.
    """
    keys = {name: uri.removeprefix(f"{store.where}/") for name, uri in former.channels.items()}
    again = "start a new training"
    for name, key in keys.items():
        if name != CODE and not any(store.below(key)):
            raise YolopsError(f"{former.channels[name]}: is gone, and the training began with it", again)
    try:
        content = store.get(keys[CODE])
    except AbsentError as error:
        raise YolopsError(f"{former.channels[CODE]}: the code that the training began with is gone", again) from error
    if key_of(bytes(content)) != keys[CODE]:
        raise YolopsError(f"{former.channels[CODE]}: is not the code that the training began with", again)
