"""The tuning job that is asked for, and what is refused because SageMaker would refuse it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters

from tests.training.submission.jobs import job
from yolops.errors import UsageError, YolopsError
from yolops.rehearsal.tuning_draws import draw, why_wrong
from yolops.rehearsal.tuning_jobs import NAME
from yolops.training.job.contract import JobRequest
from yolops.training.search_space import DEFAULT_SPACE, Range, parse_space
from yolops.training.submission.spec import Machine
from yolops.training.submission.tuning_spec import (
    SCRIPT_TEXT,
    TuningSpec,
    check_counts,
    parameter_ranges,
    tuning_job_name,
)

RUN_ID = "0123456789abcdef0123456789abcdef"
SPACE = (*DEFAULT_SPACE, "optimizer=SGD|AdamW", "cos_lr=True|False")


def tuning(*space: str, metric: str = "mAP50-95") -> TuningSpec:
    trial = replace(job(Machine("ml.m5.xlarge", spot=True), run_id="", parent_run=RUN_ID), name="cells-tune-01234567")
    return TuningSpec(
        trial, parse_space(space), metric, 20, 2, 7, "s3://cells-data/jobs/scripts/1.tar.gz", "eu-central-1"
    )


def found_in(spec: TuningSpec, printed: str) -> list[str]:
    [definition] = spec.create_request()["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]
    return re.findall(definition["Regex"], printed)


def test_the_request_is_one_that_create_hyper_parameter_tuning_job_takes() -> None:
    service = botocore.session.get_session().get_service_model("sagemaker")
    asked = tuning(*SPACE).create_request()
    validate_parameters(asked, service.operation_model("CreateHyperParameterTuningJob").input_shape)
    definition, one = asked["TrainingJobDefinition"], tuning(*SPACE).job.create_request()
    for same in ("RoleArn", "VpcConfig", "Environment", "StoppingCondition", "CheckpointConfig", "InputDataConfig"):
        assert definition[same] == one[same]
    assert definition["EnableManagedSpotTraining"]
    assert "ContainerEntrypoint" not in definition["AlgorithmSpecification"]


def test_a_trial_starts_like_every_job_and_gets_the_same_request_with_what_was_drawn_for_it() -> None:
    assert SCRIPT_TEXT.splitlines()[-1].endswith("exec python3 -m yolops.cli.training_job")
    spec = tuning("lr0=1e-3..1e-1:log", "close_mosaic=0..10:int", "optimizer=SGD|AdamW", "cos_lr=True|False")
    asked = spec.create_request()
    static = asked["TrainingJobDefinition"]["StaticHyperParameters"]
    drawn = draw(asked["HyperParameterTuningJobConfig"]["ParameterRanges"], "seed")
    request = JobRequest.from_hyperparameters({**static, **drawn, "_tuning_objective_metric": "mAP50-95"})
    assert request.parent_run == RUN_ID
    assert request.arguments.keys() == {"epochs", "lr0", "close_mosaic", "optimizer", "cos_lr"}
    for one in spec.space:
        assert one.holds(request.arguments[one.name])
    kinds = {name: type(value) for name, value in request.arguments.items()}
    assert kinds == {"epochs": int, "lr0": float, "close_mosaic": int, "optimizer": str, "cos_lr": bool}


def test_the_value_of_a_trial_is_that_of_the_metric_and_of_no_other() -> None:
    printed = "precision 0.512345   recall 0.400000   mAP50 0.600000   mAP50-95 0.312345"
    for metric, value in (("mAP50-95", "0.312345"), ("mAP50", "0.600000"), ("precision", "0.512345")):
        assert found_in(tuning("mosaic=0..1", metric=metric), printed) == [value]


def test_ranges_are_those_of_the_space_and_sagemaker_takes_the_default_ones() -> None:
    assert why_wrong(parameter_ranges(parse_space(SPACE))) == ""
    ranges: dict[str, Any] = parameter_ranges(parse_space(["lr0=1e-5..1e-1:log", "close_mosaic=0..10:int", "a=1|2"]))
    assert ranges == {
        "ContinuousParameterRanges": [
            {"Name": "lr0", "MinValue": "1e-05", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
        ],
        "IntegerParameterRanges": [
            {"Name": "close_mosaic", "MinValue": "0", "MaxValue": "10", "ScalingType": "Linear"}
        ],
        "CategoricalParameterRanges": [{"Name": "a", "Values": ["1", "2"]}],
    }


def test_a_tuning_job_has_the_name_of_project_and_run_in_32_characters_or_is_refused() -> None:
    assert tuning_job_name("cells", "tune", RUN_ID) == "cells-tune-01234567"
    for project in ("cells", "x" * 23):
        name = tuning_job_name(project, "a search with a long name", RUN_ID)
        assert NAME.fullmatch(name), name
        assert name.startswith(f"{project}-")
        assert name.endswith("-01234567")
    with pytest.raises(YolopsError, match="24 characters"):
        tuning_job_name("x" * 24, "tune", RUN_ID)


def test_more_than_sagemaker_varies_and_more_side_by_side_than_there_are_is_refused() -> None:
    many = [Range(f"a{number}", 0.0, 1.0) for number in range(31)]
    check_counts(many[:30], 2, 2)
    with pytest.raises(UsageError, match="varies 31 arguments"):
        check_counts(many, 2, 1)
    with pytest.raises(UsageError, match="--parallel 3"):
        check_counts(many[:1], 2, 3)
