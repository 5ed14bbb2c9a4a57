"""Tuning jobs of SageMaker: the one door to them. Like training jobs, they belong to a platform by their name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.aws import absent_ok
from yolops.errors import YolopsError
from yolops.training.job.contract import JobRequest, drawn_arguments
from yolops.training.sagemaker_job import COMPLETED, LIVING, NEWEST, newest_first
from yolops.training.study import Trial
from yolops.training.submission.tuning_spec import MOST_NAME

if TYPE_CHECKING:
    from datetime import datetime

    from yolops.aws import Aws


@dataclass(frozen=True)
class Tuning:
    """One tuning job.

    Attributes:
        name: its name, unique in account and region.
        status: `InProgress`, `Completed`, `Failed`, `Stopping` or `Stopped`.
        failure: why it failed, in SageMaker's words; empty if it did not.
        metric: what the best trial has most of.
        trials: how many there will be.
        request: what every trial trains.
    """

    name: str
    status: str
    failure: str
    metric: str
    trials: int
    request: JobRequest

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVING


@dataclass(frozen=True)
class TunedJob:
    """The training job of one trial.

    Attributes:
        name: of the job.
        trial: what was tried, and what came of it.
        ended: when that was; None while it runs.
        failure: why it failed; empty if it did not.
    """

    name: str
    trial: Trial
    ended: datetime | None
    failure: str


class SageMakerTunings:
    """The tuning jobs of one platform.

    Args:
        aws: its region.
        project: its name.
    """

    def __init__(self, aws: Aws, project: str) -> None:
        self._aws = aws
        self._prefix = f"{project}-"

    def create(self, request: dict[str, Any]) -> str:
        """Start a tuning job, and return its ARN.

        Args:
            request: the parameters of CreateHyperParameterTuningJob.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        made = self._aws.call("sagemaker", "create_hyper_parameter_tuning_job", **request)
        return str(made["HyperParameterTuningJobArn"])

    def find(self, name: str) -> Tuning:
        """Return a tuning job by its name, or the newest one for `last`.

        Raises:
            YolopsError: there is no such search of this platform.
        """
        if name == NEWEST:
            kind = "HyperParameterTuningJob"
            name = next(newest_first(self._aws, "list_hyper_parameter_tuning_jobs", kind, self._prefix), "")
            if not name:
                hint = "start one: yolops tune data.yaml --on sagemaker"
                raise YolopsError("there is no search in SageMaker yet", hint)
        found = self.get(name)
        if found is None:
            raise YolopsError(f"{name}: no search of this platform in SageMaker", "give its name, or last")
        return found

    def get(self, name: str) -> Tuning | None:
        """Return the tuning job that is called so, if there is one of this platform.

        Raises:
            YolopsError: AWS refuses or cannot be reached, or the job is none of yolops.
        """
        if not name.startswith(self._prefix) or len(name) > MOST_NAME:
            return None
        asked = {"HyperParameterTuningJobName": name}
        with absent_ok():
            return _tuning(name, self._aws.call("sagemaker", "describe_hyper_parameter_tuning_job", **asked))
        return None

    def jobs(self, name: str) -> list[TunedJob]:
        """Return the training jobs that a tuning job has started, in their order.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        pages = self._aws.pages(
            "sagemaker",
            "list_training_jobs_for_hyper_parameter_tuning_job",
            HyperParameterTuningJobName=name,
            SortBy="CreationTime",
            SortOrder="Ascending",
        )
        rows = [row for page in pages for row in page["TrainingJobSummaries"]]
        return [_tuned_job(number, row) for number, row in enumerate(rows, 1)]

    def stop(self, name: str) -> None:
        """Ask a tuning job to end, and the trials that run with it.

        Raises:
            AwsError: AWS refuses, or cannot be reached.
        """
        self._aws.call("sagemaker", "stop_hyper_parameter_tuning_job", HyperParameterTuningJobName=name)


def _tuning(name: str, described: dict[str, Any]) -> Tuning:
    config = described["HyperParameterTuningJobConfig"]
    return Tuning(
        name=name,
        status=described["HyperParameterTuningJobStatus"],
        failure=described.get("FailureReason", ""),
        metric=config["HyperParameterTuningJobObjective"]["MetricName"],
        trials=config["ResourceLimits"]["MaxNumberOfTrainingJobs"],
        request=JobRequest.from_hyperparameters(described["TrainingJobDefinition"]["StaticHyperParameters"]),
    )


def _tuned_job(number: int, row: dict[str, Any]) -> TunedJob:
    measured = row.get("FinalHyperParameterTuningJobObjectiveMetric")
    status, value = row["TrainingJobStatus"], float(measured["Value"]) if measured else None
    done = "complete" if status == COMPLETED and value is not None else "failed"
    state = "running" if status in LIVING else done
    arguments = drawn_arguments(row["TunedHyperParameters"])
    return TunedJob(
        name=row["TrainingJobName"],
        trial=Trial(number, arguments, state, None if state == "running" else value),
        ended=None if state == "running" else row.get("TrainingEndTime") or row["CreationTime"],
        failure=row.get("FailureReason", ""),
    )
