"""One training job from its first status to its last: a thread that does what SageMaker would do on an instance.

Starting, Downloading, Training, Uploading, and an end. A stop, a time limit and the loss of a spot instance all begin
with SIGTERM and end with SIGKILL after a grace; only the last one brings the job back, on an instance that has nothing
but the checkpoints that had reached S3. What counts is written in "Managed Spot Training" and "Use checkpoints".
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.rehearsal import job_contract
from yolops.rehearsal.job_contract import SUBMIT_DIRECTORY
from yolops.rehearsal.job_log import JobLog
from yolops.rehearsal.job_metrics import JobMetrics
from yolops.rehearsal.job_transfers import (
    Checkpoints,
    JobFailed,
    download_channel,
    download_code,
    upload_archive,
)
from yolops.rehearsal.jobs import IN_PROGRESS, STOPPING
from yolops.rehearsal.training_jobs import move

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.aws import Aws
    from yolops.rehearsal.job_container import JobContainer
    from yolops.rehearsal.resources import Resource
    from yolops.rehearsal.turns import Turns

# From SIGTERM to SIGKILL, of a stop as of an interruption.
GRACE_S = 120.0
SHUTDOWN_GRACE_S = 2.0
POLL_S = 0.1
SYNC_S = 1.0
MOST_REASON = 1024
# What spot instances have cost for years, roughly, of the price on demand: the simulation must say something.
SPOT_SHARE = 0.3
INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."


class End(Enum):
    """Why a container ended; the value is the secondary status that the job has in the end."""

    EXITED = "Completed"
    STOPPED = "Stopped"
    RUNTIME = "MaxRuntimeExceeded"
    WAIT = "MaxWaitTimeExceeded"
    INTERRUPTED = "Interrupted"
    SHUTDOWN = "Failed"


class JobRun(threading.Thread):
    """The work of one job.

    Args:
        job: the job, which is moved on.
        container: where it runs.
        aws: the simulated AWS, in the region of the job.
        turns: keeps others from looking at the job while it is changed.
    """

    def __init__(self, job: Resource, container: JobContainer, aws: Aws, turns: Turns) -> None:
        super().__init__(name=f"job {job.arn}", daemon=True)
        self._job = job
        self._container = container
        self._aws = aws
        self._turns = turns
        self._metrics = JobMetrics(job.fields["AlgorithmSpecification"].get("MetricDefinitions") or [])
        self._shut_down = threading.Event()
        self._interruption: float | None = None
        self._seconds_on_instances = 0.0
        self._began = 0.0

    def interrupt(self, grace_s: float) -> bool:
        """Take the spot instance away, and return whether there was one that trains.

        Args:
            grace_s: seconds between SIGTERM and SIGKILL.
        """
        fields = self._job.fields
        if not fields["EnableManagedSpotTraining"] or fields["SecondaryStatus"] != "Training":
            return False
        self._interruption = grace_s
        return True

    def shut_down(self) -> None:
        """End at once; the job has failed."""
        self._shut_down.set()

    def run(self) -> None:
        """Do it; begun by `start`."""
        try:
            self._run()
        except JobFailed as failure:
            self._fail(str(failure))
        except Exception:  # noqa: BLE001 - whatever it was, the job has ended
            traceback.print_exc()
            self._fail(INTERNAL_ERROR)
        finally:
            self._clear()

    def _run(self) -> None:
        while True:
            self._began = time.monotonic()
            end, code = self._attempt()
            if end is not End.INTERRUPTED:
                break
            self._seconds_on_instances += time.monotonic() - self._began
            self._move("Interrupted")
            self._clear()
            self._move("Restarting")
        if end is End.SHUTDOWN:
            self._fail(INTERNAL_ERROR)
            return
        if end is End.EXITED and code != 0:
            self._upload_output()
            self._fail(f"AlgorithmError: {self._container.failure()}"[:MOST_REASON] + f", exit code: {code}")
            return
        self._move("Uploading")
        upload_archive(self._aws, self._container.ml / "model", self._fields["ModelArtifacts"]["S3ModelArtifacts"])
        self._upload_output()
        self._move(end.value, "Completed" if end is End.EXITED else "Stopped", **self._times())

    def _attempt(self) -> tuple[End, int]:
        """Run the job on one instance, and return why that ended and with which exit code."""
        job = self._fields
        self._container.lay_out(job)
        self._move("Downloading", TrainingStartTime=job.get("TrainingStartTime") or datetime.now(UTC))
        for channel in job.get("InputDataConfig") or []:
            source = channel["DataSource"]["S3DataSource"]["S3Uri"]
            download_channel(self._aws, source, self._container.ml / "input" / "data" / channel["ChannelName"])
        code = (job.get("HyperParameters") or {}).get(SUBMIT_DIRECTORY, "").strip('"')
        if code.startswith("s3://"):
            download_code(self._aws, code, self._container.ml / "code")
        checkpoints = None
        if uri := (job.get("CheckpointConfig") or {}).get("S3Uri"):
            place = self._container.ml / job_contract.checkpoints_path(job)
            checkpoints = Checkpoints(self._aws, uri, place)
            checkpoints.restore()
        end, _ = self._reason_to_end(time.monotonic())
        if end is not End.EXITED:
            return end, 0
        log = JobLog(self._aws, job["TrainingJobName"], self._container.log, self._metrics.read)
        self._move("Training")
        self._container.start(job, self._job.arn)
        return self._watch(log, checkpoints)

    def _watch(self, log: JobLog, checkpoints: Checkpoints | None) -> tuple[End, int]:
        """See a container to its end."""
        end, deadline, synced = End.EXITED, math.inf, 0.0
        while (code := self._container.exit_code()) is None:
            now = time.monotonic()
            if end is End.EXITED:
                end, grace = self._reason_to_end(now)
                if end is not End.EXITED:
                    deadline = now + grace
                    self._container.ask_to_end()
            elif now >= deadline or (self._shut_down.is_set() and end is not End.SHUTDOWN):
                self._container.kill()
            _bring(log.send)
            if checkpoints is not None and now - synced >= SYNC_S:
                synced = now
                _bring(checkpoints.send)
            time.sleep(POLL_S)
        self._container.kill()
        _bring(partial(log.send, whole=True))
        if checkpoints is not None:
            _bring(checkpoints.send)
        if self._shut_down.is_set():  # whoever ends the rehearsal sends SIGTERM to all of its processes
            end = End.SHUTDOWN
        return end, code

    def _reason_to_end(self, now: float) -> tuple[End, float]:
        """Return why the container must end now, and within how many seconds."""
        condition = self._fields["StoppingCondition"]
        age = (datetime.now(UTC) - self._fields["CreationTime"]).total_seconds()
        if self._shut_down.is_set():
            return End.SHUTDOWN, SHUTDOWN_GRACE_S
        if self._fields["TrainingJobStatus"] == STOPPING:
            return End.STOPPED, GRACE_S
        if self._seconds_on_instances + now - self._began >= condition["MaxRuntimeInSeconds"]:
            self._move(STOPPING, STOPPING)
            return End.RUNTIME, GRACE_S
        if age >= condition.get("MaxWaitTimeInSeconds", math.inf):
            self._move(STOPPING, STOPPING)
            return End.WAIT, GRACE_S
        if self._interruption is not None:
            grace, self._interruption = self._interruption, None
            return End.INTERRUPTED, grace
        return End.EXITED, 0.0

    @property
    def _fields(self) -> dict[str, Any]:
        return self._job.fields

    def _upload_output(self) -> None:
        output = self._container.ml / "output" / "data"
        if output.is_dir() and any(output.iterdir()):
            place = self._fields["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/")[0]
            upload_archive(self._aws, output, f"{place}/output.tar.gz")

    def _fail(self, reason: str) -> None:
        self._move("Failed", "Failed", FailureReason=reason, **self._times())

    def _times(self) -> dict[str, Any]:
        seconds = math.ceil(self._seconds_on_instances + time.monotonic() - self._began)
        share = SPOT_SHARE if self._fields["EnableManagedSpotTraining"] else 1.0
        return {
            "TrainingEndTime": datetime.now(UTC),
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": math.ceil(seconds * share),
        }

    def _move(self, secondary: str, status: str = "", **fields: Any) -> None:
        with self._turns.alone():
            now = self._fields["TrainingJobStatus"]
            if final := self._metrics.final():
                fields["FinalMetricDataList"] = final
            move(self._job, status or (STOPPING if now == STOPPING else IN_PROGRESS), secondary, **fields)
            self._turns.changed()

    def _clear(self) -> None:
        try:
            self._container.kill()
        except YolopsError:
            traceback.print_exc()
        self._container.remove_files()


def _bring(send: Callable[[], None]) -> None:
    """Send what is there; what cannot be sent now is sent the next time, and is no reason to end a job."""
    try:
        send()
    except YolopsError:
        traceback.print_exc()
