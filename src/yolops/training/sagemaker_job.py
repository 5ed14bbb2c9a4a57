"""Training jobs of SageMaker as a platform's people see them: the one door to SageMaker's jobs and to their logs.

A job belongs to a platform by its name, which begins with that of the project; roles and policies are cut the same way.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from yolops.aws import absent_ok
from yolops.errors import YolopsError
from yolops.training.job.contract import JobRequest
from yolops.training.submission.spec import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yolops.aws import Aws

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
LIVING = frozenset({"InProgress", "Stopping"})
COMPLETED = "Completed"
NEWEST = "last"
# As many as their names have room for the number of.
MOST_OF_RUN = 99


@dataclass(frozen=True)
class Job:
    """One training job.

    Attributes:
        name: its name, unique in account and region.
        status: `InProgress`, `Stopping`, `Completed`, `Failed` or `Stopped`.
        stage: SageMaker's secondary status, such as `Downloading` or `Interrupted`.
        created: when it was asked for.
        ended: when its instance was given back; None before.
        arn: its ARN.
        instance_type: what it runs on.
        spot: whether that is a spot instance.
        image: the training image.
        seconds: how long it was on instances; None while it runs.
        billed_seconds: how many of them are billed, after the discount of spot; None while it runs.
        interruptions: how often its spot instance was taken away.
        model_uri: where its `model.tar.gz` is, once it has been uploaded.
        failure: why it failed, in SageMaker's words; empty if it did not.
        stages: each stage with when it began.
        run_id: its run in MLflow; empty for a job that is none of `yolops train`.
    """

    name: str
    status: str
    stage: str
    created: datetime
    ended: datetime | None
    arn: str
    instance_type: str
    spot: bool
    image: str
    seconds: int | None
    billed_seconds: int | None
    interruptions: int
    model_uri: str
    failure: str
    stages: tuple[tuple[str, datetime], ...]
    run_id: str = ""

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVING

    @property
    def region(self) -> str:
        """Where it runs."""
        return self.arn.split(":")[3]

    @property
    def saving(self) -> float | None:
        """Which part of the price on demand spot has saved, 0 to 1; None while that is not known.

        https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
        """
        if not self.spot or not self.seconds or self.billed_seconds is None:
            return None
        return 1 - self.billed_seconds / self.seconds

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for `--json`."""
        return asdict(self) | {"saving": self.saving}


def read_job(described: dict[str, Any]) -> Job:
    """Return the job that an answer of DescribeTrainingJob is about."""
    resources = described.get("ResourceConfig") or {}
    stages = tuple((one["Status"], one["StartTime"]) for one in described.get("SecondaryStatusTransitions") or [])
    uploaded = described["TrainingJobStatus"] in {COMPLETED, "Stopped"}
    return Job(
        name=described["TrainingJobName"],
        status=described["TrainingJobStatus"],
        stage=described["SecondaryStatus"],
        created=described["CreationTime"],
        ended=described.get("TrainingEndTime"),
        arn=described["TrainingJobArn"],
        instance_type=resources.get("InstanceType", ""),
        spot=bool(described.get("EnableManagedSpotTraining")),
        image=described["AlgorithmSpecification"].get("TrainingImage", ""),
        seconds=described.get("TrainingTimeInSeconds"),
        billed_seconds=described.get("BillableTimeInSeconds"),
        interruptions=[name for name, _ in stages].count("Interrupted"),
        model_uri=(described.get("ModelArtifacts") or {}).get("S3ModelArtifacts", "") if uploaded else "",
        failure=described.get("FailureReason", ""),
        stages=stages,
        run_id=_run_of(described.get("HyperParameters") or {}),
    )


def _run_of(hyperparameters: dict[str, str]) -> str:
    try:
        return JobRequest.from_hyperparameters(hyperparameters).run_id
    except YolopsError:
        return ""


@dataclass(frozen=True)
class Line:
    """One line that a job printed.

    Attributes:
        time: when CloudWatch Logs got it.
        text: the line.
    """

    time: datetime
    text: str


class SageMakerJobs:
    """The jobs of one platform.

    Args:
        aws: its region.
        project: its name.
    """

    def __init__(self, aws: Aws, project: str) -> None:
        self._aws = aws
        self._prefix = f"{project}-"

    def names(self, most: int, beginning: str = "") -> list[str]:
        """Return the names of the newest jobs, the newest first.

        Args:
            most: how many at most.
            beginning: what they begin with, the name of the project first.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        newest = newest_first(self._aws, "list_training_jobs", "TrainingJob", beginning or self._prefix)
        return list(islice(newest, most))

    def of_run(self, job: Job) -> list[Job]:
        """Return all jobs of a job's run, the newest last: those that went on where another one had ended.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        first, _ = parts_of(job.name, job.run_id)
        if not job.run_id:
            return [job]
        names = [name for name in self.names(MOST_OF_RUN, first) if parts_of(name, job.run_id)[0] == first]
        names.sort(key=lambda name: parts_of(name, job.run_id)[1])
        return [job if name == job.name else self.find(name) for name in names] or [job]

    def describe(self, name: str) -> dict[str, Any]:
        """Return all that SageMaker says of a job.

        Raises:
            AwsError: there is no such job, AWS refuses, or cannot be reached.
        """
        return dict(self._aws.call("sagemaker", "describe_training_job", TrainingJobName=name))

    def newest(self, most: int) -> list[Job]:
        """Return the newest jobs, the newest first; what each costs only its own description says.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        return [self.find(name) for name in self.names(most)]

    def find(self, name: str) -> Job:
        """Return a job by its name, or the newest one for `last`.

        Raises:
            YolopsError: there is no such job of this platform.
        """
        if name == NEWEST:
            names = self.names(1)
            if not names:
                raise YolopsError(
                    "there is no training job yet", f"the names of this platform's begin with {self._prefix}"
                )
            [name] = names
        if name.startswith(self._prefix):
            with absent_ok():
                return read_job(self.describe(name))
        raise YolopsError(f"{name}: no training job of this platform", "see which there are: yolops jobs list")

    def create(self, request: dict[str, Any]) -> str:
        """Start a job, and return its ARN.

        Args:
            request: the parameters of CreateTrainingJob.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        return str(self._aws.call("sagemaker", "create_training_job", **request)["TrainingJobArn"])

    def stop(self, name: str) -> None:
        """Ask a job to end; it has two minutes to write down what it has.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        self._aws.call("sagemaker", "stop_training_job", TrainingJobName=name)

    def log(self, job: Job) -> JobLog:
        """Return the log of a job, to be read from its beginning."""
        return JobLog(self._aws, job.name)


def newest_first(aws: Aws, operation: str, kind: str, prefix: str) -> Iterator[str]:
    """Yield the names that begin with `prefix` of the jobs of a `kind` that `operation` lists, the newest first.

    Raises:
        AwsError: AWS refuses, or cannot be reached.
    """
    order = {"SortBy": "CreationTime", "SortOrder": "Descending", "NameContains": prefix}
    for page in aws.pages("sagemaker", operation, **order):
        names = (str(job[f"{kind}Name"]) for job in page[f"{kind}Summaries"])
        yield from (name for name in names if name.startswith(prefix))


class JobLog:
    """What a job prints, over all of its instances.

    Args:
        aws: its region.
        job: its name.
    """

    def __init__(self, aws: Aws, job: str) -> None:
        self._aws = aws
        self._job = job
        self._tokens: dict[str, str] = {}

    def read(self) -> Iterator[Line]:
        """Yield the lines that are new since the last time, instance by instance.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        for stream in self._streams():
            while True:
                after = {"nextToken": self._tokens[stream]} if stream in self._tokens else {}
                answer = self._aws.call(
                    "logs",
                    "get_log_events",
                    logGroupName=LOG_GROUP,
                    logStreamName=stream,
                    startFromHead=True,
                    **after,
                )
                for event in answer["events"]:
                    yield Line(datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"])
                # At the end of a stream, CloudWatch Logs hands back the token that it was given.
                token = answer["nextForwardToken"]
                if token == self._tokens.get(stream):
                    break
                self._tokens[stream] = token

    def _streams(self) -> list[str]:
        """Return the log streams of the job: one for each instance it was on, the first one first."""
        names: list[str] = []
        asked = {"logGroupName": LOG_GROUP, "logStreamNamePrefix": f"{self._job}/"}
        with absent_ok():
            for page in self._aws.pages("logs", "describe_log_streams", **asked):
                names += [stream["logStreamName"] for stream in page["logStreams"]]
        return sorted(names)
