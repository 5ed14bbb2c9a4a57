"""The study of a search, kept in its file: what is proposed, what is ended early, and what a killed process leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

import psutil
import pytest

from yolops.errors import YolopsError
from yolops.training.search_space import parse_space
from yolops.training.study import Study, Trial

SPACE = parse_space(["lr0=1e-5..1e-1:log", "nbs=8..64:int", "optimizer=SGD|AdamW"])


def _study(file: Path, *, seed: int = 7, epochs: int = 10, **first: object) -> Study:
    return Study(file, SPACE, seed=seed, epochs=epochs, first=first)


def _next(study: Study) -> Trial:
    trial = study.propose(100)
    assert trial is not None
    return trial


def _search(study: Study, trials: int) -> list[Trial]:
    while trial := study.propose(trials):
        study.complete(trial, float(str(trial.arguments["lr0"])))
    return study.trials()


def test_proposals_lie_in_the_space(tmp_path: Path) -> None:
    for trial in _search(_study(tmp_path / "study.db"), 15):
        assert 1e-5 <= float(str(trial.arguments["lr0"])) <= 0.1
        assert isinstance(nbs := trial.arguments["nbs"], int)
        assert 8 <= nbs <= 64
        assert trial.arguments["optimizer"] in {"SGD", "AdamW"}


def test_the_search_finds_what_is_good(tmp_path: Path) -> None:
    trials = _search(_study(tmp_path / "study.db"), 40)
    values = [trial.value or 0.0 for trial in trials]
    assert median(values[20:]) > 3 * median(values[:10]), "the first ten are drawn at random"
    best = _study(tmp_path / "study.db").best()
    assert best is not None
    assert best.value == max(values)


def test_a_search_that_was_broken_off_proposes_what_it_would_have_proposed(tmp_path: Path) -> None:
    whole = _search(_study(tmp_path / "whole.db"), 14)
    for trials in (3, 4, 12, 14):
        broken = _search(_study(tmp_path / "broken.db"), trials)
    assert broken == whole
    assert _search(_study(tmp_path / "other.db", seed=8), 14) != whole


def test_a_trial_that_has_not_ended_is_proposed_again_and_counts_once(tmp_path: Path) -> None:
    first = _next(_study(tmp_path / "study.db"))
    again = _study(tmp_path / "study.db")
    assert _next(again) == first
    again.complete(first, 0.5)
    assert _next(again).number == 2
    assert [trial.state for trial in again.trials()] == ["complete", "running"]


def test_the_first_trial_has_what_is_given_for_it_as_far_as_that_is_in_the_space(tmp_path: Path) -> None:
    first = {"lr0": 0.01, "nbs": 500, "optimizer": "SGD", "imgsz": 640}
    trial = _next(_study(tmp_path / "study.db", **first))
    assert (trial.arguments["lr0"], trial.arguments["optimizer"]) == (0.01, "SGD")
    assert sorted(trial.arguments) == ["lr0", "nbs", "optimizer"]
    assert trial.arguments["nbs"] != 500
    again = _study(tmp_path / "study.db", **first)
    assert _next(again) == trial
    again.complete(trial, 0.0)
    assert _next(again).arguments["lr0"] != 0.01


def test_the_file_is_closed_behind_each_question(tmp_path: Path) -> None:
    study = _study(tmp_path / "study.db")
    study.complete(_next(study), 0.5)
    assert [file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))] == []


def test_a_process_that_is_killed_while_it_asks_leaves_a_whole_trial(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    _search(_study(file), 2)
    code = (
        "import os, sys, pathlib; from yolops.training.study import Study\n"
        "study = Study(pathlib.Path(sys.argv[1]), (), seed=7, epochs=10, first={})\n"
        "study.propose(9); os.kill(os.getpid(), 9)"  # a trial with none of its values yet
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=False)
    trial = _next(_study(file))
    assert (trial.number, sorted(trial.arguments)) == (3, ["lr0", "nbs", "optimizer"])
    undisturbed = _study(tmp_path / "undisturbed.db")
    _search(undisturbed, 2)
    assert trial == _next(undisturbed)


def test_a_trial_below_the_median_is_hopeless_but_neither_at_first_nor_in_the_last_epoch(tmp_path: Path) -> None:
    study = _study(tmp_path / "study.db")
    for _ in range(4):
        trial = _next(study)
        assert not any(study.is_hopeless(trial, epoch, 0.5) for epoch in range(1, 11)), (
            "there is nothing to compare with"
        )
        study.complete(trial, 0.5)
    bad = _next(study)
    hopeless = [study.is_hopeless(bad, epoch, 0.1) for epoch in range(1, 11)]
    assert hopeless == [False] * 2 + [True] * 7 + [False]
    study.prune(bad)
    good = _next(study)
    assert not any(study.is_hopeless(good, epoch, 0.6) for epoch in range(1, 11))
    assert (study.trials()[4].state, study.trials()[4].value) == ("pruned", 0.1)


def test_an_epoch_that_is_repeated_is_taken_note_of_once(tmp_path: Path) -> None:
    study = _study(tmp_path / "study.db")
    trial = _next(study)
    for value in (0.1, 0.2):
        study.is_hopeless(trial, 1, value)
    study.prune(trial)
    assert study.trials()[0].value == 0.1


def test_what_matters_is_told_only_of_enough_trials_that_differ(tmp_path: Path) -> None:
    study = _study(tmp_path / "study.db")
    _search(study, 5)
    assert study.importance() == {}
    _search(study, 30)
    importance = study.importance()
    assert max(importance, key=lambda name: importance[name]) == "lr0"
    assert sum(importance.values()) == pytest.approx(1)
    alike = _study(tmp_path / "alike.db")
    while trial := alike.propose(12):
        alike.complete(trial, 0.0)
    assert alike.importance() == {}


def test_the_study_lies_where_it_was_put_whatever_its_directory_is_called(tmp_path: Path) -> None:
    directory = tmp_path / "odd name?mode=memory#%41"
    directory.mkdir()
    _search(_study(directory / "study.db"), 2)
    assert [path.name for path in directory.iterdir()] == ["study.db"]
    assert len(_study(directory / "study.db").trials()) == 2


def test_a_file_that_is_no_study_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("no database, but some words of which there are enough to look like a page" * 20)
    with pytest.raises(YolopsError, match=r"study.db: cannot be read or written as the study of a search"):
        _study(tmp_path / "study.db")
