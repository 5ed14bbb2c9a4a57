"""Following a search in SageMaker to its end: a line for each trial, and what the runs are told then."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from yolops.cli.job_following import price_of, record
from yolops.cli.tune_display import MOST_ARGUMENTS, found_lines, train_line
from yolops.errors import YolopsError
from yolops.tracking.pending_runs import mark_failed, set_tags
from yolops.training.job.trial_run import find_trial_run
from yolops.training.submission.facts import cost, total
from yolops.training.submission.tuning_record import DATA, MODEL, say_end, say_trial
from yolops.training.tune_directory import TRIAL

if TYPE_CHECKING:
    from yolops.cli.job_platform import JobPlatform
    from yolops.cli.session import Session
    from yolops.tracking.rest import MlflowRest
    from yolops.training.sagemaker_job import Job, SageMakerJobs
    from yolops.training.sagemaker_tuning import TunedJob, Tuning
    from yolops.training.study import Trial

FOLLOW_S = 5.0


@dataclass(frozen=True)
class Followed:
    """A search that has ended.

    Attributes:
        tuning: its tuning job.
        trials: its trials, in their order.
        runs: the run of each trial that has one, by the name of its job.
        dollars: what it has cost in USD; None where that is not known.
        billed_seconds: how many are billed.
    """

    tuning: Tuning
    trials: list[TunedJob]
    runs: dict[str, str]
    dollars: float | None
    billed_seconds: int

    @property
    def best(self) -> TunedJob | None:
        """The best trial; None where none is complete."""
        complete = [one for one in self.trials if one.trial.state == "complete"]
        return max(complete, key=lambda one: one.trial.value or 0.0, default=None)


class _Recorder:
    """Tells the runs of a search how its trials ended, each once."""

    def __init__(self, rest: MlflowRest, jobs: SageMakerJobs, tuning: Tuning) -> None:
        self._rest = rest
        self._jobs = jobs
        self._tuning = tuning
        self._best: float | None = None
        self._price: float | None = None
        self._bills: dict[str, float | None] = {}
        self.runs: dict[str, str] = {}
        self.billed_seconds = 0

    @property
    def dollars(self) -> float | None:
        """What all trials have cost by now in USD; None where that is not known."""
        dollars = total(self._bills.values())
        return None if dollars is None else round(dollars, 4)

    def record(self, trials: list[TunedJob]) -> list[TunedJob]:
        """Record the trials that have ended since the last time, and return them."""
        new = [one for one in trials if one.trial.state != "running" and one.name not in self._bills]
        for one in sorted(new, key=lambda one: (str(one.ended), one.name)):
            job = self._jobs.find(one.name)
            dollars = self._bills[one.name] = self._cost(job)
            self.billed_seconds += job.billed_seconds or 0
            if one.trial.state == "complete" and one.trial.value is not None:
                self._best = one.trial.value if self._best is None else max(self._best, one.trial.value)
            say_trial(self._rest, self._tuning.request.parent_run, self._tuning.metric, one, self._best)
            if run_id := find_trial_run(self._rest, self._tuning.request.parent_run, one.name):
                self.runs[one.name] = run_id
                record(self._rest, [replace(job, run_id=run_id)], dollars)
                set_tags(self._rest, run_id, {TRIAL: str(one.trial.number)})
                self._end_run(run_id, one)
        return new

    def _end_run(self, run_id: str, one: TunedJob) -> None:
        """End a run whose trial was killed before it could say so: the toolkit keeps SIGTERM from it."""
        status = self._rest.get("runs/get", run_id=run_id)["run"]["info"]["status"]
        if one.trial.state == "failed" and status in {"RUNNING", "SCHEDULED"}:
            mark_failed(self._rest, run_id, one.failure or "its job was stopped")

    def _cost(self, job: Job) -> float | None:
        if not self._bills:
            self._price = price_of(job)
        return cost(job, self._price)


def follow(platform: JobPlatform, name: str) -> Followed:
    """Show how the trials of a search end until all have; Ctrl-C leaves it running.

    Raises:
        YolopsError: AWS or MLflow refuses, or cannot be reached.
    """
    tunings, console = platform.searches, platform.console
    bar = console.bar("searching")
    try:
        recorder = _Recorder(platform.rest, platform.jobs, tunings.find(name))
        console.note(f"search   {name}")
        while True:
            # Asked before the trials are: the last ones end before the search does.
            tuning = tunings.find(name)
            trials = tunings.jobs(name)
            for one in recorder.record(trials):
                console.note(_line(one, tuning.metric))
            if not tuning.lives:
                break
            bar.update(sum(one.trial.state != "running" for one in trials), tuning.trials)
            time.sleep(FOLLOW_S)
    except (KeyboardInterrupt, YolopsError):
        bar.stop()
        prefix = platform.session.command_prefix()
        console.note(
            f"the search goes on; follow it: {prefix} tune --on sagemaker --resume {name}; "
            f"stop it: {prefix} jobs stop {name}"
        )
        raise
    finally:
        bar.stop()
    return Followed(tuning, trials, recorder.runs, recorder.dollars, recorder.billed_seconds)


def show_ended(platform: JobPlatform, found: Followed) -> None:
    """Record and show what a search has found.

    Raises:
        YolopsError: no trial has come to its end.
    """
    tuning, best, rest = found.tuning, found.best, platform.rest
    run_id = tuning.request.parent_run
    ends = [one.ended for one in found.trials if one.ended is not None]
    end_ms = int(max(ends).timestamp() * 1000) if ends else int(time.time() * 1000)
    best_run = found.runs.get(best.name, "") if best else ""
    say_end(rest, tuning, best.trial if best else None, best_run, end_ms)
    if best is None:
        why = tuning.failure or next((one.failure for one in found.trials if one.failure), "it was stopped")
        raise YolopsError(
            f"{tuning.name} is {tuning.status}, and no trial has come to its end: {why}",
            "read the log of a trial: yolops jobs list, yolops jobs logs JOB",
        )
    run = rest.get("runs/get", run_id=run_id)["run"]
    tags = {item["key"]: item["value"] for item in run["data"]["tags"]}
    command = _train_line(platform.session, tags, tuning, best.trial)
    url = platform.outputs.run_page(run["info"]["experiment_id"], run_id)
    trials, drawn = [one.trial for one in found.trials], list(best.trial.arguments)[:MOST_ARGUMENTS]
    value: dict[str, Any] = {
        "search": tuning.name,
        "status": tuning.status,
        "run_id": run_id,
        "run_url": url,
        "metric": tuning.metric,
        "best": asdict(best.trial),
        "trials": [
            asdict(one.trial) | {"job": one.name, "run_id": found.runs.get(one.name, "")} for one in found.trials
        ],
        "train": command,
        "billed_seconds": found.billed_seconds,
        "cost_usd": found.dollars,
    }
    billed = f"billed   {found.billed_seconds} s" + (f", {found.dollars:.2f} USD" if found.dollars is not None else "")
    platform.console.data(
        value,
        *found_lines(trials, best.trial, tuning.metric, drawn),
        billed,
        f"train    {command}",
        f"run      {url}",
    )


def _train_line(session: Session, tags: dict[str, str], tuning: Tuning, best: Trial) -> str:
    arguments = {"model": tags.get(MODEL, tuning.request.model), **tuning.request.arguments, **best.arguments}
    return train_line(session, tags.get(DATA, tuning.request.dataset), arguments)


def _line(one: TunedJob, metric: str) -> str:
    drawn = " ".join(f"{name}={value}" for name, value in list(one.trial.arguments.items())[:MOST_ARGUMENTS])
    what = f"{metric} {one.trial.value:.3f}" if one.trial.value is not None else one.failure or "without a value"
    return f"trial {one.trial.number}: {one.trial.state}, {what}   {drawn}"
