"""A search around a trainer that is no trainer: what its trials and its run say, and what a stop leaves."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.training.fakes import FakeSenders, ends_of, records_of, tags_of
from tests.training.test_session import OUTPUTS, Bench
from yolops.errors import UsageError, YolopsError
from yolops.running_processes import ProcessIdentity
from yolops.tracking.spool import Progress, Spool
from yolops.training.run_directory import RunDirectory
from yolops.training.session import Parts
from yolops.training.trainer import METRICS, Observer, Trained, TrainSpec
from yolops.training.tune_directory import TuneDirectory, TuneRequest
from yolops.training.tuning import Searched, TuningSession

EPOCHS = 5


class Landscape:
    """Trains what gets better with each epoch, and the better the nearer `lr0` is to its top.

    Attributes:
        before: called with the number of the training and the epoch, before it is said.
    """

    packages = ("numpy",)

    def __init__(self) -> None:
        self.before: Callable[[int, int], None] = lambda _training, _epoch: None
        self.specs: list[TrainSpec] = []

    def defaults(self) -> Mapping[str, object]:
        return {"epochs": 100, "lr0": 0.25}

    def check(self, arguments: Mapping[str, object], start: str | Path) -> None:
        if "wrong" in arguments:
            raise UsageError("--wrong is no argument of the trainer")
        if isinstance(start, Path) and start.read_text() == "damaged":
            raise YolopsError("not a checkpoint")

    def train(self, spec: TrainSpec, observer: Observer) -> Trained:
        self.specs.append(spec)
        directory, last = spec.directory, spec.directory / "weights" / "last.pt"
        last.parent.mkdir(exist_ok=True)
        asked = RunDirectory.load(directory).request.arguments
        quality = float(str(asked["lr0"]))
        first = 1 + int(spec.resume_from.read_text()) if spec.resume_from else 1
        observer.started(asked, {})
        for epoch in range(first, EPOCHS + 1):
            self.before(len(self.specs), epoch)
            observer.epoch(epoch, {METRICS["mAP50-95"]: quality * epoch / EPOCHS})
            last.write_text(str(epoch))
        return Trained(EPOCHS, best=last, last=last, metrics={"mAP50-95": quality})


class NamingSenders(FakeSenders):
    """Give every run its ID at once, as a server that answers does."""

    def start(self, spool: Spool) -> ProcessIdentity:
        spool.save_progress(Progress(run_id=f"id-of-{spool.directory.parent.name}"))
        return super().start(spool)


class Searches(Bench):
    """Searches around one trainer."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.trainer = Landscape()
        self.senders: FakeSenders = NamingSenders()

    def tuning(self) -> TuningSession:
        parts = Parts(
            self.trainer,
            lambda: OUTPUTS,
            runs=self.runs,
            weights=self.runs.parent / "weights",
            command_line=["yolops", "tune", "cells"],
            display=self.display,
            senders=lambda _: self.senders,
        )
        return TuningSession(parts)

    def search(self, **changes: Any) -> Searched:
        values: dict[str, Any] = {
            "model": "yolo11n.yaml",
            "experiment": "cells",
            "name": "tune",
            "space": ("lr0=0..1",),
            "metric": "mAP50-95",
            "trials": 3,
            "seed": 1,
            "arguments": {"epochs": EPOCHS},
        }
        return self.tuning().search(TuneRequest(str(self.data), **(values | changes)), self.dataset(), self.report())

    def resume_search(self, *, trials: int = 0, fingerprint: str = "f" * 64) -> Searched:
        directory = TuneDirectory.find(self.runs, "last")
        if trials:
            directory = directory.with_trials(trials)
        return self.tuning().resume(directory, self.dataset(), self.report(fingerprint))

    def stop_in(self, training: int, epoch: int, how: BaseException) -> None:
        def before(now: int, number: int) -> None:
            if (now, number) == (training, epoch):
                raise how

        self.trainer.before = before


@pytest.fixture
def searches(tmp_path: Path) -> Searches:
    return Searches(tmp_path)


def _names(searches: Searches) -> set[str]:
    return {run.path.name for run in RunDirectory.all_below(searches.runs)}


def test_each_trial_is_a_training_below_the_run_of_the_search(searches: Searches) -> None:
    searched = searches.search()
    assert _names(searches) == {"tune-1", "tune-2", "tune-3"}
    for trial in searched.trials:
        run = searched.directory.trials()[trial.number]
        assert run.request.arguments == {"epochs": EPOCHS, **trial.arguments}
        tags = tags_of(run)
        assert (tags["mlflow.parentRunId"], tags["yolops.trial"]) == ("id-of-tune", str(trial.number))
        assert ends_of(run) == ["FINISHED"]
    assert ends_of(searched.directory) == ["FINISHED"]


def test_the_run_of_the_search_says_what_was_searched_and_what_was_best(searches: Searches) -> None:
    searched = searches.search()
    records = records_of(searched.directory)
    params = next(record["values"] for record in records if record["kind"] == "params")
    assert params | {"space/lr0": "0..1", "metric": "mAP50-95", "epochs": str(EPOCHS)} == params
    points = [(record["step"], record["values"]) for record in records if record["kind"] == "metrics"]
    values = [trial.value for trial in searched.trials]
    assert [(step, said["trial/mAP50-95"]) for step, said in points] == list(enumerate(values, 1))
    assert points[-1][1]["best/mAP50-95"] == searched.best.value == max(value or 0.0 for value in values)
    tags = tags_of(searched.directory)
    assert tags["yolops.best_run"] == f"id-of-tune-{searched.best.number}"
    assert tags["best/lr0"] == str(searched.best.arguments["lr0"])
    best = yaml.safe_load((searched.directory.path / "best.yaml").read_text())
    assert best == {"model": "yolo11n.yaml", "epochs": EPOCHS, **searched.best.arguments}
    table = list(csv.DictReader((searched.directory.path / "trials.csv").read_text().splitlines()))
    assert [(row["state"], row["run"]) for row in table] == [("complete", f"tune-{number}") for number in (1, 2, 3)]


def test_the_first_trial_is_what_would_be_trained_without_a_search(searches: Searches) -> None:
    assert searches.search().trials[0].arguments == {"lr0": 0.25}
    assert searches.search(space=("lr0=0.5..1",)).trials[0].arguments != {"lr0": 0.25}, "it is not in this space"


def test_a_hopeless_trial_ends_early_and_says_why(searches: Searches) -> None:
    searched = searches.search(trials=14)
    pruned = [trial for trial in searched.trials if trial.state == "pruned"]
    assert pruned
    run = searched.directory.trials()[pruned[0].number]
    assert ends_of(run) == ["KILLED"]
    assert "below the median of the trials before" in tags_of(run)["yolops.error"]
    assert int(run.last.read_text()) < EPOCHS - 1
    best = max(trial.value or 0.0 for trial in searched.trials if trial.state == "complete")
    assert searched.best.value == best
    assert sum(spec.resume_from is not None for spec in searches.trainer.specs) == 0


@pytest.mark.parametrize("how", [KeyboardInterrupt(), SystemExit(143)])
def test_a_stopped_search_says_how_to_go_on_and_finishes_the_trial_it_was_in(
    searches: Searches, how: BaseException
) -> None:
    searches.stop_in(2, 4, how)
    with pytest.raises(type(how)):
        searches.search()
    stopped = TuneDirectory.find(searches.runs, "tune")
    assert (ends_of(stopped), ends_of(stopped.trials()[2])) == (["KILLED"], ["KILLED"])
    assert any("yolops tune --resume tune" in note for note in searches.display.notes)
    assert not any("yolops train --resume" in note for note in searches.display.notes)
    searched = searches.resume_search()
    assert searches.trainer.specs[2].resume_from == stopped.trials()[2].last
    assert len(searches.trainer.specs) == 4
    assert _names(searches) == {"tune-1", "tune-2", "tune-3"}
    assert [trial.state for trial in searched.trials] == ["complete"] * 3
    assert ends_of(searched.directory) == ["KILLED", "FINISHED"]
    steps = [record["step"] for record in records_of(searched.directory.trials()[2]) if record["kind"] == "metrics"]
    assert steps == [1, 2, 3, 4, 5]


def test_a_search_goes_on_as_if_it_had_not_been_stopped(searches: Searches, tmp_path: Path) -> None:
    whole = Searches(tmp_path / "whole").search(trials=12)
    searches.stop_in(7, 2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        searches.search(trials=12)
    assert searches.resume_search().trials == whole.trials


@pytest.mark.parametrize("left", ["", "damaged"])
def test_a_trial_without_a_checkpoint_that_serves_is_begun_anew_with_the_same_values(
    searches: Searches, left: str
) -> None:
    searches.stop_in(2, 2 if left else 1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        searches.search()
    if left:
        TuneDirectory.find(searches.runs, "tune").trials()[2].last.write_text(left)
    searched = searches.resume_search()
    broken, anew = searches.trainer.specs[1:3]
    assert anew.resume_from is None
    assert anew.arguments == broken.arguments
    assert searched.directory.trials()[2].path.name == "tune-2-2"
    assert [trial.number for trial in searched.trials] == [1, 2, 3]


def test_a_training_that_ended_before_the_search_heard_of_it_is_not_trained_again(searches: Searches) -> None:
    searched = searches.search(trials=2)
    study = searched.directory.study
    before = study.read_bytes()
    searches.resume_search(trials=3)
    study.write_bytes(before)  # the third training has finished, and the search does not know of the trial
    trained = len(searches.trainer.specs)
    again = searches.resume_search()
    assert len(searches.trainer.specs) == trained
    assert [trial.state for trial in again.trials] == ["complete"] * 3


def test_a_trial_that_the_search_had_no_time_to_speak_of_is_said_when_it_goes_on(searches: Searches) -> None:
    directory = searches.search(trials=3).directory
    records = directory.spool.records_file
    lines = records.read_bytes().splitlines(keepends=True)
    said = [number for number, line in enumerate(lines) if b'"kind":"metrics"' in line]
    records.write_bytes(b"".join(lines[: said[1]]))  # killed behind the study's word about the second trial
    searches.resume_search()
    steps = [record["step"] for record in records_of(directory) if record["kind"] == "metrics"]
    assert steps == [1, 2, 3]


def test_a_finished_search_can_have_more_trials(searches: Searches) -> None:
    first = searches.search(trials=2)
    more = searches.resume_search(trials=4)
    assert more.trials[:2] == first.trials
    assert len(more.trials) == 4
    steps = [record["step"] for record in records_of(more.directory) if record["kind"] == "metrics"]
    assert steps == [1, 2, 3, 4]


def test_a_trial_that_cannot_be_trained_is_one_of_the_trials_and_not_the_end(searches: Searches) -> None:
    searches.stop_in(2, 1, YolopsError("out of memory"))
    searched = searches.search()
    assert [trial.state for trial in searched.trials] == ["complete", "failed", "complete"]
    assert "trial 2 failed: out of memory" in searches.display.notes


def test_a_search_whose_first_trial_cannot_be_trained_ends_with_its_reason(searches: Searches) -> None:
    searches.stop_in(1, 1, YolopsError("no disk"))
    with pytest.raises(YolopsError, match="no disk"):
        searches.search()
    assert ends_of(TuneDirectory.find(searches.runs, "last")) == ["FAILED"]
    assert len(searches.trainer.specs) == 1


def test_three_failures_in_a_row_end_a_search(searches: Searches) -> None:
    def before(training: int, epoch: int) -> None:
        if training > 1:
            raise YolopsError("no disk")

    searches.trainer.before = before
    with pytest.raises(YolopsError, match="no disk"):
        searches.search(trials=9)
    assert len(searches.trainer.specs) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": ("wrong=0..1",)}, "no argument of the trainer"),
        ({"arguments": {"lr0": 0.1}}, "--lr0: is varied, and has one value"),
        ({"arguments": {"val": False}}, "compared by what is measured"),
        ({"arguments": {"optimizer": "auto"}}, "it ignores lr0"),
        ({"metric": "loss"}, "--metric loss: is not measured"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(
    searches: Searches, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        searches.search(**changes)
    assert not searches.runs.exists()


def test_a_search_is_not_gone_on_with_on_another_dataset(searches: Searches) -> None:
    searches.search()
    with pytest.raises(YolopsError, match="the dataset has changed since tune began"):
        searches.resume_search(fingerprint="0" * 64)


def test_a_search_that_is_not_there_is_named_with_those_that_are(searches: Searches) -> None:
    with pytest.raises(YolopsError, match="no search to go on with"):
        TuneDirectory.find(searches.runs, "last")
    searches.search()
    with pytest.raises(YolopsError, match="--resume other: no search") as caught:
        TuneDirectory.find(searches.runs, "other")
    assert "tune" in caught.value.hint
    for which in ("id-of-tune", os.path.relpath(searches.runs / "tune"), f"{searches.runs}/tune/"):
        assert TuneDirectory.find(searches.runs, which).path.name == "tune", which
