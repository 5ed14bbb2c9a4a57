"""Tuning jobs of simulated SageMaker: real training jobs, and the best of them found by what they print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.conftest import Aws, wait_for
from tests.rehearsal.job_client import BUCKET, ROLE, Jobs, packed, spot, stages

# Reads its hyper-parameters as the main process of a container does, and prints a curve whose last value is x.
CURVE = """
import json, pathlib, sys
ml = pathlib.Path("/opt/ml") if pathlib.Path("/opt/ml/input/config").is_dir() else pathlib.Path.cwd().parent
values = json.loads((ml / "input/config/hyperparameters.json").read_text())
assert "--_tuning_objective_metric" not in sys.argv, "the toolkit keeps it from the script"
assert sys.argv[sys.argv.index("-x") + 1] == values["x"]
x = float(values["x"])
for part in (0.5, 0.9, 1.0):
    print(f"epoch done score={x * part:.6f}; loss={1 - x:.3f}")
"""
SLOW = CURVE + "import time\nsys.stdout.flush()\ntime.sleep(300)\n"
SILENT = "print('nothing to measure')"
BROKEN = "import sys; sys.exit(3)"
# The first training prints nothing before it was interrupted; what counts is what the second instance finds.
GOES_ON = """
import pathlib, time
place = pathlib.Path("/opt/ml/checkpoints")
place = place if place.is_dir() else pathlib.Path.cwd().parent / "checkpoints"
if not list(place.iterdir()):
    (place / "state").write_text("1")
    print("saved", flush=True)
    time.sleep(300)
print("score=0.75", flush=True)
"""
RANGES = {
    "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.1", "MaxValue": "0.9", "ScalingType": "Linear"}],
    "IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "9"}],
    "CategoricalParameterRanges": [{"Name": "word", "Values": ["one", "two"]}],
}


class Tuner:
    """Asks for tuning jobs and looks at them."""

    def __init__(self, aws: Aws) -> None:
        self.sagemaker = aws.client("sagemaker")
        self._s3 = aws.client("s3")

    def create(self, name: str, script: str, *, most: int = 3, parallel: int = 2, **changes: Any) -> None:
        definition = {
            "AlgorithmSpecification": {
                "TrainingImage": "image",
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": "score", "Regex": r"score=([0-9.]+)"},
                    {"Name": "loss", "Regex": r"loss=([0-9.]+)"},
                ],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuning/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "StaticHyperParameters": {
                "fixed": "7",
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": f'"s3://{BUCKET}/code/{name}.tar.gz"',
            },
            **changes.pop("definition", {}),
        }
        self._s3.put_object(Bucket=BUCKET, Key=f"code/{name}.tar.gz", Body=packed(train=script))
        config = {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": RANGES,
            **changes.pop("config", {}),
        }
        self.sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig=config,
            TrainingJobDefinition=definition,
            **changes,
        )

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name))

    def trials(self, name: str, **asked: Any) -> list[dict[str, Any]]:
        pages = self.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
        found = pages.paginate(HyperParameterTuningJobName=name, **asked, PaginationConfig={"PageSize": 2})
        return [row for page in found for row in page["TrainingJobSummaries"]]

    def end(self, name: str) -> dict[str, Any]:
        wait_for(lambda: self.describe(name)["HyperParameterTuningJobStatus"] in {"InProgress", "Stopping"}, False)
        return self.describe(name)


@pytest.fixture(scope="module")
def jobs(aws: Aws) -> Iterator[Jobs]:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    yield Jobs(aws)


@pytest.fixture
def tuner(aws: Aws, jobs: Jobs) -> Tuner:
    return Tuner(aws)


def _counters(described: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in described["TrainingJobStatusCounters"].items() if count}


def _final(row: dict[str, Any]) -> float:
    return float(row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_a_tuning_job_trains_as_often_as_it_was_asked_to_and_finds_the_best(tuner: Tuner, jobs: Jobs) -> None:
    tuner.create("search", CURVE, most=4, parallel=2, Tags=[{"Key": "Project", "Value": "cells"}])
    ended = tuner.end("search")
    assert ended["HyperParameterTuningJobStatus"] == "Completed", ended.get("FailureReason")
    assert _counters(ended) == {"Completed": 4}
    assert ended["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    assert ended["HyperParameterTuningEndTime"] >= ended["CreationTime"]
    rows = tuner.trials("search")
    assert [row["TrainingJobName"][:11] for row in rows] == [f"search-{number:03}-" for number in (1, 2, 3, 4)]
    for row in rows:
        tuned = row["TunedHyperParameters"]
        assert 0.1 <= float(tuned["x"]) <= 0.9
        assert (tuned["n"] in "123456789", tuned["word"] in {"one", "two"}) == (True, True)
        assert _final(row) == pytest.approx(float(tuned["x"]), abs=1e-6), "the last value that was printed counts"
        assert row["ObjectiveStatus"] == "Succeeded"
    assert len({row["TunedHyperParameters"]["x"] for row in rows}) == 4
    assert ended["BestTrainingJob"]["TrainingJobName"] == max(rows, key=_final)["TrainingJobName"]
    ranked = tuner.trials("search", SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert ranked == sorted(rows, key=_final, reverse=True)
    described = jobs.describe(rows[0]["TrainingJobName"])
    assert described["HyperParameters"]["_tuning_objective_metric"] == "score"
    assert described["HyperParameters"]["fixed"] == "7"
    assert described["TuningJobArn"] == ended["HyperParameterTuningJobArn"]
    assert {one["MetricName"] for one in described["FinalMetricDataList"]} == {"score", "loss"}
    tags = tuner.sagemaker.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "Project", "Value": "cells"}]


def test_no_more_jobs_run_at_a_time_than_were_allowed(tuner: Tuner) -> None:
    tuner.create("parallel", SLOW, most=5, parallel=2)
    wait_for(lambda: _counters(tuner.describe("parallel")), {"InProgress": 2})
    wait_for(lambda: [row["ObjectiveStatus"] for row in tuner.trials("parallel")], ["Pending", "Pending"])
    tuner.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="parallel")


def test_a_stopped_tuning_job_stops_its_training_jobs_and_starts_no_more(tuner: Tuner) -> None:
    tuner.create("stopped", SLOW, most=5, parallel=1, definition={"StoppingCondition": {"MaxRuntimeInSeconds": 600}})
    wait_for(lambda: len(tuner.trials("stopped", StatusEquals="InProgress")), 1)
    tuner.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    ended = tuner.end("stopped")
    assert (ended["HyperParameterTuningJobStatus"], _counters(ended)) == ("Stopped", {"Stopped": 1})
    with pytest.raises(ClientError, match="in status Stopped"):
        tuner.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    names = [
        item["HyperParameterTuningJobName"]
        for item in tuner.sagemaker.list_hyper_parameter_tuning_jobs(StatusEquals="Stopped")[
            "HyperParameterTuningJobSummaries"
        ]
    ]
    assert "stopped" in names


def test_a_spot_job_of_a_tuning_job_goes_on_from_its_checkpoint(tuner: Tuner, jobs: Jobs, aws: Aws) -> None:
    tuner.create("spot", GOES_ON, most=1, parallel=1, definition=spot("tuned"))
    wait_for(lambda: len(tuner.trials("spot")), 1)
    name = tuner.trials("spot")[0]["TrainingJobName"]
    wait_for(lambda: "saved" in jobs.log(name), True)
    aws.rehearsal.interrupt(name, 1)
    ended = tuner.end("spot")
    assert _final(ended["BestTrainingJob"]) == 0.75
    assert "Interrupted" in stages(jobs.describe(name))


def test_jobs_that_print_no_objective_fail_the_search(tuner: Tuner) -> None:
    tuner.create("silent", SILENT, most=9, parallel=3)
    ended = tuner.end("silent")
    assert ended["HyperParameterTuningJobStatus"] == "Failed"
    assert "No objective metrics found" in ended["FailureReason"]
    assert ended["ObjectiveStatusCounters"]["Succeeded"] == 0
    assert 5 <= len(tuner.trials("silent")) < 9


def test_a_search_whose_jobs_all_fail_has_failed(tuner: Tuner) -> None:
    tuner.create("broken", BROKEN, most=2)
    ended = tuner.end("broken")
    assert (ended["HyperParameterTuningJobStatus"], _counters(ended)) == ("Failed", {"NonRetryableError": 2})
    assert ended["FailureReason"].startswith("All training jobs failed.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"config": {"Strategy": "Grid"}}, "strategy Grid"),
        ({"config": {"TrainingJobEarlyStoppingType": "Auto"}}, "early stopping"),
        ({"config": {"ParameterRanges": {}}}, "No hyperparameter ranges"),
        (
            {"config": {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "other"}}},
            "not one of the metric definitions",
        ),
        ({"definition": {"StaticHyperParameters": {"x": "1", "sagemaker_program": "train.py"}}}, "static and tuned: x"),
        ({"definition": {"StaticHyperParameters": {}}}, "brings its own entry point"),
    ],
)
def test_what_cannot_be_run_or_aws_refuses_is_refused(tuner: Tuner, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        tuner.create("refused", CURVE, **changes)
    with pytest.raises(ClientError, match="not found"):
        tuner.describe("refused")


def test_a_name_that_is_too_long_is_refused_and_one_that_is_taken_too(tuner: Tuner) -> None:
    with pytest.raises(ClientError, match="failed to satisfy"):
        tuner.create("a" * 33, CURVE)
    tuner.create("taken", CURVE, most=1)
    with pytest.raises(ClientError, match="already exists"):
        tuner.create("taken", CURVE, most=1)
