from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from yolops.errors import YolopsError
from yolops.tracking.spool import Progress, RunIntent, Spool
from yolops.training.run_directory import RECORD, RunDirectory, TrainRequest

REQUEST = TrainRequest(data="/d/data.yaml", model="yolo11n.pt", experiment="cells", name="first")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def _aged(run: RunDirectory, seconds: int) -> RunDirectory:
    os.utime(run.path / RECORD, (1_000 + seconds, 1_000 + seconds))
    return run


def test_no_two_trainings_share_a_directory(runs: Path) -> None:
    made = [RunDirectory.create(runs, REQUEST, "f").path.name for _ in range(3)]
    assert made == ["first", "first-2", "first-3"]


def test_what_was_asked_for_is_read_back(runs: Path) -> None:
    request = replace(REQUEST, arguments={"lr0": 0.01, "classes": [0, 1], "cos_lr": True}, register_as="m", alias="a")
    made = RunDirectory.create(runs, request, "fingerprint")
    assert RunDirectory.load(made.path) == made
    assert (made.last.name, made.best.name) == ("last.pt", "best.pt")


def test_a_directory_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(YolopsError, match="the directory of a training cannot be made") as caught:
        RunDirectory.create(tmp_path / "file" / "runs", REQUEST, "f")
    assert "--workspace" in caught.value.hint


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "{}", '{"request": {}, "fingerprint": "f"}', '{"request": {"x": 1}}']
)
def test_a_broken_record_is_no_training_and_is_passed_over(runs: Path, record: str) -> None:
    good = RunDirectory.create(runs, REQUEST, "f")
    (runs / "broken").mkdir()
    (runs / "broken" / RECORD).write_text(record)
    with pytest.raises(YolopsError, match="not the directory of a training"):
        RunDirectory.load(runs / "broken")
    assert RunDirectory.all_below(runs) == [good]


def test_the_newest_training_comes_first_and_is_the_last_one(runs: Path) -> None:
    old, new, middle = (_aged(RunDirectory.create(runs, REQUEST, "f"), age) for age in (1, 3, 2))
    assert RunDirectory.all_below(runs) == [new, middle, old]
    assert RunDirectory.find(runs, "last") == new


def test_a_training_is_found_by_name_id_directory_and_checkpoint(runs: Path) -> None:
    other, wanted = (RunDirectory.create(runs, REQUEST, "f") for _ in range(2))
    for run, run_id in ((other, "a" * 32), (wanted, "b" * 32)):
        Spool.create(run.spool.directory, RunIntent("id", "uri", "cells", run.path.name, 0))
        run.spool.save_progress(Progress(run_id=run_id))
    relative = os.path.relpath(wanted.path)
    for which in ("first-2", "b" * 32, str(wanted.path), relative, f"{relative}/", str(wanted.last), str(wanted.best)):
        assert RunDirectory.find(runs, which) == wanted, which


def test_a_training_is_found_through_a_link(runs: Path, tmp_path: Path) -> None:
    wanted = RunDirectory.create(runs, REQUEST, "f")
    (tmp_path / "link").symlink_to(wanted.path)
    assert RunDirectory.find(runs, str(tmp_path / "link")).path == wanted.path


def test_a_name_that_no_training_has_is_answered_with_those_there_are(runs: Path) -> None:
    RunDirectory.create(runs, REQUEST, "f")
    with pytest.raises(YolopsError, match="--resume second: no training") as caught:
        RunDirectory.find(runs, "second")
    assert "first" in caught.value.hint
    assert "--on sagemaker" in caught.value.hint


def test_where_nothing_was_trained_there_is_nothing_to_resume(runs: Path) -> None:
    with pytest.raises(YolopsError, match="no training to go on with") as caught:
        RunDirectory.find(runs, "last")
    assert "--on sagemaker" in caught.value.hint
