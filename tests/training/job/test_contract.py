from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from yolops.errors import YolopsError
from yolops.training.job.contract import JobPlace, JobRequest

REQUEST = JobRequest("a" * 32, "cells", "first", "yolo11n.yaml", {"epochs": 3, "cos_lr": True, "lr0": 0.01})


def test_what_is_asked_for_arrives_as_it_was(tmp_path: Path) -> None:
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps(REQUEST.as_hyperparameters()))
    assert JobPlace(tmp_path).request() == REQUEST


def test_hyperparameters_are_text_as_sagemaker_wants_them() -> None:
    assert all(isinstance(value, str) for value in REQUEST.as_hyperparameters().values())


def test_all_gpus_of_an_instance_are_used_unless_one_is_named_or_the_trainer_chooses_the_batch() -> None:
    assert REQUEST.on_every_gpu(4).arguments == {**REQUEST.arguments, "device": "0,1,2,3"}
    for count, arguments in ((1, {}), (0, {}), (4, {"device": "cpu"}), (4, {"batch": -1}), (4, {"batch": 0.7})):
        assert replace(REQUEST, arguments=arguments).on_every_gpu(count).arguments == arguments


def test_more_than_sagemaker_takes_is_refused_before_the_job_is_started() -> None:
    request = JobRequest("a" * 32, "cells", "first", "yolo11n.yaml", {"classes": list(range(1000))})
    with pytest.raises(YolopsError, match="a job takes 2500"):
        request.as_hyperparameters()


@pytest.mark.parametrize(
    "values", [{}, {"yolops": "3"}, {"yolops": "{"}, {"yolops": '{"run_id": "a"}'}, {"sagemaker_program": "train.py"}]
)
def test_hyperparameters_of_another_program_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(YolopsError, match="not those of a job of yolops"):
        JobRequest.from_hyperparameters(values)


def test_outside_of_a_job_it_says_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match=r"hyperparameters\.json: cannot be read"):
        JobPlace(tmp_path).request()
