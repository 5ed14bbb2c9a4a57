"""What a tuning job of SageMaker will be: the job of each trial, and how its arguments are drawn; touches nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import UsageError, YolopsError
from yolops.training.search_space import Choice
from yolops.training.submission.spec import ID_CHARACTERS, START, job_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yolops.training.search_space import Dimension, Range
    from yolops.training.submission.spec import JobSpec

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
MOST_NAME = 32
# https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-limits.html
MOST_SEARCHED = 30
# A definition of training jobs has no entry point, so the training toolkit of AWS's images starts this.
SCRIPT, SCRIPT_TEXT = "trial.sh", f"#!/bin/sh\nset -e\n{START}\n"
OF_ONE_JOB = frozenset({"TrainingJobName", "HyperParameters", "Tags"})


@dataclass(frozen=True)
class TuningSpec:
    """One tuning job, as it is asked for.

    Attributes:
        job: the job of each trial; its name is that of the tuning job.
        space: what is varied.
        metric: what the best trial has most of, by its name in `METRICS`.
        trials: how many.
        parallel: how many side by side.
        seed: of the draws.
        script_uri: where the archive with `SCRIPT` is in S3.
        region: where all of this is.
    """

    job: JobSpec
    space: tuple[Dimension, ...]
    metric: str
    trials: int
    parallel: int
    seed: int
    script_uri: str
    region: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.job.name

    def create_request(self) -> dict[str, Any]:
        """Return the parameters of CreateHyperParameterTuningJob.

        Raises:
            YolopsError: the arguments of the training are longer than SageMaker takes.
        """
        job = self.job.create_request()
        toolkit = {"program": SCRIPT, "submit_directory": self.script_uri, "region": self.region}
        algorithm = {name: job["AlgorithmSpecification"][name] for name in ("TrainingImage", "TrainingInputMode")}
        return {
            "HyperParameterTuningJobName": self.name,
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": self.metric},
                "ResourceLimits": {
                    "MaxNumberOfTrainingJobs": self.trials,
                    "MaxParallelTrainingJobs": self.parallel,
                },
                "ParameterRanges": parameter_ranges(self.space),
                "TrainingJobEarlyStoppingType": "Off",
                "RandomSeed": self.seed,
            },
            "TrainingJobDefinition": {
                **{name: value for name, value in job.items() if name not in OF_ONE_JOB},
                # The last line of a job has the best checkpoint's; the last value that is found counts.
                "AlgorithmSpecification": algorithm
                | {"MetricDefinitions": [{"Name": self.metric, "Regex": rf"\b{self.metric} ([0-9.]+)"}]},
                "StaticHyperParameters": job["HyperParameters"]
                | {f"sagemaker_{name}": json.dumps(value) for name, value in toolkit.items()},
            },
            "Tags": job["Tags"],
        }


def tuning_job_name(project: str, run: str, run_id: str) -> str:
    """Return the name of a search's tuning job, which is that of a job with less room.

    Raises:
        YolopsError: the project's name leaves none.
    """
    most = MOST_NAME - ID_CHARACTERS - 1
    if len(project) > most:
        raise YolopsError(
            f"project_name {project!r} has {len(project)} characters, and what begins with it must fit into the "
            f"{MOST_NAME} that SageMaker gives a tuning job",
            f"search on this machine, or in a platform whose name has at most {most} characters",
        )
    return job_name(project, run, run_id, MOST_NAME)


def check_counts(space: Sequence[Dimension], trials: int, parallel: int) -> None:
    """Refuse what SageMaker would refuse.

    Raises:
        UsageError: too much is varied, or fewer trials are wanted than shall run side by side.
    """
    if len(space) > MOST_SEARCHED:
        raise UsageError(f"--space: varies {len(space)} arguments, and SageMaker takes {MOST_SEARCHED}", "vary fewer")
    if parallel > trials:
        raise UsageError(f"--parallel {parallel}: there are only {trials} trials", "give at most as many")


def parameter_ranges(space: Sequence[Dimension]) -> dict[str, list[dict[str, Any]]]:
    """Return a space as SageMaker's ParameterRanges."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in space:
        if isinstance(one, Choice):
            values = {"Name": one.name, "Values": [str(value) for value in one.values]}
            found.setdefault("CategoricalParameterRanges", []).append(values)
        else:
            found.setdefault(f"{'Integer' if one.whole else 'Continuous'}ParameterRanges", []).append(_bounds(one))
    return found


def _bounds(one: Range) -> dict[str, str]:
    low, high = (str(int(one.low)), str(int(one.high))) if one.whole else (repr(one.low), repr(one.high))
    scale = "Logarithmic" if one.log else "Linear"
    return {"Name": one.name, "MinValue": low, "MaxValue": high, "ScalingType": scale}
