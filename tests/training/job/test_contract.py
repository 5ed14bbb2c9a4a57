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


def test_a_trial_gets_what_was_drawn_for_it_beside_what_all_have_and_nothing_of_the_toolkit() -> None:
    static = replace(REQUEST, run_id="", parent_run="b" * 32).as_hyperparameters()
    others = {"lr0": "0.0123456789", "sagemaker_program": '"trial.sh"', "_tuning_objective_metric": "mAP50"}
    drawn = {"optimizer": "SGD", "close_mosaic": "3", "mosaic": "1.0E-4"}
    request = JobRequest.from_hyperparameters({**static, **others, **drawn})
    wanted = {"epochs": 3, "cos_lr": True, "lr0": 0.012346, "optimizer": "SGD", "close_mosaic": 3, "mosaic": 0.0001}
    assert request.arguments == wanted
    alone = JobRequest.from_hyperparameters({**REQUEST.as_hyperparameters(), **drawn})
    assert alone == REQUEST, "a training of its own is what it was asked for"


def test_trials_keep_their_checkpoints_apart(tmp_path: Path) -> None:
    place = JobPlace(tmp_path)
    assert place.checkpoints == tmp_path / "checkpoints"
    assert replace(place, trial="cells-tune-1-001").checkpoints == tmp_path / "checkpoints" / "cells-tune-1-001"


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
