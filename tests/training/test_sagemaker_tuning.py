"""Searches in SageMaker, read from answers in the form of its API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fake_aws import FakeAws
from yolops.aws import AwsError
from yolops.errors import YolopsError
from yolops.training.job.contract import JobRequest
from yolops.training.sagemaker_tuning import SageMakerTunings

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
REQUEST = JobRequest("", "cells", "tune", "yolo11n.pt", {"epochs": 3}, parent_run="a" * 32)
DESCRIBED = {
    "HyperParameterTuningJobStatus": "InProgress",
    "HyperParameterTuningJobConfig": {
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "mAP50"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
    },
    "TrainingJobDefinition": {"StaticHyperParameters": REQUEST.as_hyperparameters()},
}


def tunings(**answers: Any) -> SageMakerTunings:
    aws: Any = FakeAws(**answers)
    return SageMakerTunings(aws, "cells")


def row(status: str, value: float | None = None, **more: Any) -> dict[str, Any]:
    metric = {"FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "mAP50", "Value": value}}
    known = {"TrainingJobName": f"cells-tune-1-{status}", "TrainingJobStatus": status, "CreationTime": NOON}
    return known | {"TunedHyperParameters": {"lr0": "0.01"}} | (metric if value is not None else {}) | more


def test_a_trial_counts_only_if_it_has_completed_and_has_a_value() -> None:
    rows = [row("Completed", 0.5, TrainingEndTime=NOON), row("Completed"), row("InProgress", 0.25), row("Stopping")]
    rows += [row("Failed", FailureReason="out of memory"), row("Stopped", 0.75)]
    found = tunings(list_training_jobs_for_hyper_parameter_tuning_job={"TrainingJobSummaries": rows}).jobs("any")
    states = [(one.trial.number, one.trial.state, one.trial.value) for one in found]
    assert states == [
        (1, "complete", 0.5),
        (2, "failed", None),
        (3, "running", None),
        (4, "running", None),
        (5, "failed", None),
        (6, "failed", 0.75),
    ]
    assert [one.ended is None for one in found] == [False, False, True, True, False, False]
    assert (found[4].failure, found[0].trial.arguments) == ("out of memory", {"lr0": 0.01})


def test_last_is_the_newest_search_of_this_platform_and_no_other() -> None:
    names = ["other-cells-1", "cells-tune-2", "cells-tune-1"]
    listed = {"HyperParameterTuningJobSummaries": [{"HyperParameterTuningJobName": name} for name in names]}
    found = tunings(list_hyper_parameter_tuning_jobs=listed, describe_hyper_parameter_tuning_job=DESCRIBED).find("last")
    assert (found.name, found.lives, found.metric, found.trials) == ("cells-tune-2", True, "mAP50", 4)
    assert found.request == REQUEST
    with pytest.raises(YolopsError, match="no search in SageMaker yet"):
        tunings(list_hyper_parameter_tuning_jobs={"HyperParameterTuningJobSummaries": []}).find("last")


def test_what_is_no_search_of_this_platform_is_not_found_and_a_refusal_is_told() -> None:
    absent = AwsError("Requested resource not found.", "", "ResourceNotFound")
    for name in ("others-tune-1", "cells-tune-1"):
        with pytest.raises(YolopsError, match=f"{name}: no search of this platform"):
            tunings(describe_hyper_parameter_tuning_job=absent).find(name)
    denied = AwsError("not allowed", "", "AccessDeniedException")
    with pytest.raises(AwsError, match="not allowed"):
        tunings(describe_hyper_parameter_tuning_job=denied).find("cells-tune-1")
