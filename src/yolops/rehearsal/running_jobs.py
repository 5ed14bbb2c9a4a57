"""The training jobs that run, those of tuning jobs too: one thread and one container for each that has not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends

from yolops.aws import Aws
from yolops.rehearsal import tuning_jobs
from yolops.rehearsal.addresses import reachable
from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.job_container import JobContainer, has_namespaces
from yolops.rehearsal.job_run import INTERNAL_ERROR, JobRun
from yolops.rehearsal.training_jobs import living_jobs, move

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.rehearsal.turns import Turns

DIRECTORY = "jobs"


class RunningJobs:
    """What runs.

    Args:
        directory: the directory of the rehearsal.
        url: the address of the simulated AWS.
        turns: keeps requests and changes of jobs apart.
    """

    def __init__(self, directory: Path, url: str, turns: Turns) -> None:
        self._directory = directory / DIRECTORY
        self._url = url
        self._turns = turns
        self._runs: dict[str, JobRun] = {}
        self._closed = False

    def start(self) -> None:
        """Begin: what ran when an earlier rehearsal was killed has failed."""
        for _, job in living_jobs():
            move(job, "Failed", "Failed", FailureReason=INTERNAL_ERROR)

    def converge(self) -> None:
        """Start what was asked for since the last time; nobody may change a job meanwhile."""
        self._runs = {name: run for name, run in self._runs.items() if run.is_alive()}
        if not self._closed and tuning_jobs.converge():
            self._turns.changed()
        for region, job in living_jobs():
            if job.arn in self._runs or self._closed:
                continue
            directory = self._directory / region / job.fields["TrainingJobName"]
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            addresses = {
                str(instance.private_ip): address
                for backend in backends_of(ec2_backends)
                for instance, address in reachable(backend)
            }
            container = JobContainer(directory, self._url, region, isolated=has_namespaces(), addresses=addresses)
            run = JobRun(job, container, Aws(region), self._turns)
            self._runs[job.arn] = run
            run.start()

    def interrupt(self, name: str, grace_s: float) -> bool:
        """Take the spot instance of a job away, and return whether it had one that trains.

        Args:
            name: the name of the job.
            grace_s: seconds between SIGTERM and SIGKILL.
        """
        return any(run.interrupt(grace_s) for arn, run in list(self._runs.items()) if arn.endswith(f"/{name}"))

    def inventory(self) -> list[dict[str, Any]]:
        """Return the jobs that have not ended: `name`, `status`, and where their log is."""
        return [
            {
                "name": job.fields["TrainingJobName"],
                "status": job.fields["SecondaryStatus"],
                "log": str(self._directory / region / job.fields["TrainingJobName"] / "log"),
            }
            for region, job in living_jobs()
        ]

    def stop(self) -> None:
        """End all of them while the simulated AWS still answers; they have failed."""
        self._closed = True
        runs = list(self._runs.values())
        for run in runs:
            run.shut_down()
        for run in runs:
            run.join()
