from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.training.fakes import ARGUMENTS, FakeDisplay, FakeSenders, FakeTrainer, ends_of, records_of, tags_of
from yolops.datasets.description import Dataset, read_dataset
from yolops.datasets.report import Counts, Report
from yolops.errors import UsageError, YolopsError
from yolops.platform.outputs import Mode, Outputs
from yolops.training.run_directory import RunDirectory, TrainRequest
from yolops.training.session import Parts, TrainedRun, TrainingSession

NOBODY = "http://127.0.0.1:9"
OUTPUTS = Outputs(Mode.LOCAL, tracking_uri=NOBODY, artifact_uri=f"{NOBODY}/artifacts", ui_url=NOBODY)


class Bench:
    """A dataset, a place for runs, and sessions around a trainer."""

    def __init__(self, root: Path) -> None:
        self.runs = root / "runs"
        self.data = root / "cells" / "data.yaml"
        for split in ("train", "val"):
            for number in (1, 2):
                picture = self.data.parent / "images" / split / f"{number}.png"
                picture.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 8)).save(picture)
        self.data.write_text("train: images/train\nval: images/val\nnames: [red]\n")
        self.display = FakeDisplay()
        self.senders = FakeSenders()
        self.connected = 0

    def dataset(self) -> Dataset:
        return read_dataset(self.data)

    def report(self, fingerprint: str = "f" * 64) -> Report:
        counts = {"train": Counts(2, 1, 1, 3, (3,))}
        return Report(self.data, ("red",), counts, (), fingerprint)

    def session(self, trainer: FakeTrainer) -> TrainingSession:
        def connect() -> Outputs:
            self.connected += 1
            return OUTPUTS

        parts = Parts(
            trainer,
            connect,
            runs=self.runs,
            weights=self.runs.parent / "weights",
            command_line=["yolops", "train", "cells"],
            display=self.display,
            senders=lambda _: self.senders,
        )
        return TrainingSession(parts)

    def train(self, trainer: FakeTrainer, **changes: Any) -> TrainedRun:
        values: dict[str, Any] = {"model": "yolo11n.yaml", "experiment": "cells", "name": "first"}
        request = TrainRequest(data=str(self.data), **(values | changes))
        return self.session(trainer).train(request, self.dataset(), self.report())

    def stopped(self, ends_with: BaseException, *, epochs: int = 3) -> RunDirectory:
        """Train until something ends it; return what is left."""
        with pytest.raises(type(ends_with)):
            self.train(FakeTrainer(epochs, ends_with=ends_with))
        return RunDirectory.load(self.runs / "first")

    def resume(self, directory: RunDirectory, trainer: FakeTrainer, fingerprint: str = "f" * 64) -> TrainedRun:
        return self.session(trainer).resume(directory, self.dataset(), self.report(fingerprint), {"batch": 2})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def _kinds(directory: RunDirectory) -> list[str]:
    return [record["kind"] for record in records_of(directory)]


def test_a_finished_training_says_where_it_came_from_what_happened_and_what_came_out_in_this_order(
    bench: Bench,
) -> None:
    run = bench.train(FakeTrainer(2), register_as="cells", alias="candidate")
    origin = ["tags", "dataset", "file", "packages", "if-killed"]
    training = ["params", "tags", "metrics", "metrics"]
    outcome = ["model", "summary", "registration", "tags", *["file"] * 4, "end"]
    assert _kinds(run.directory) == origin + training + outcome
    assert ends_of(run.directory) == ["FINISHED"]
    assert (run.delivered, run.trained.epochs) == (True, 2)
    assert [spool.directory for spool in bench.senders.started] == [run.directory.spool.directory]
    assert bench.display.epochs == [1, 2]


def test_a_finished_training_names_code_dataset_settings_and_results(bench: Bench) -> None:
    run = bench.train(FakeTrainer(2), register_as="cells", alias="candidate")
    by_kind = {record["kind"]: record for record in records_of(run.directory)}
    tags = tags_of(run.directory)
    assert tags["mlflow.source.name"] == "yolops train cells"
    assert (tags["yolops.dataset"], tags["hardware.device"]) == ("f" * 32, "cpu")
    assert (tags["yolops.epochs"], tags["yolops.error"]) == ("2", "")
    assert by_kind["params"]["values"] == {name: str(value) for name, value in ARGUMENTS.items()}
    assert by_kind["dataset"]["name"] == "cells"
    assert by_kind["dataset"]["profile"]["train"] == {"images": 2, "boxes": 3, "background": 1}
    assert by_kind["summary"]["values"]["best/mAP50"] == 0.3
    model, registration = by_kind["model"], by_kind["registration"]
    assert (registration["name"], registration["alias"], registration["metrics"]) == (
        "cells",
        "candidate",
        {"mAP50": 0.3},
    )
    assert model["imgsz"] == 160
    assert Path(model["weights"]) == run.directory.best
    assert Path(model["example"]).is_file()


def test_two_classes_with_names_that_mlflow_would_make_one_keep_a_metric_each(bench: Bench) -> None:
    run = bench.train(FakeTrainer(1))
    summary = next(record["values"] for record in records_of(run.directory) if record["kind"] == "summary")
    assert sorted(value for name, value in summary.items() if name.startswith("per_class/")) == [0.2, 0.4]


def test_a_finished_training_keeps_its_files(bench: Bench) -> None:
    run = bench.train(FakeTrainer(1))
    kept = [
        (record["folder"], Path(record["path"]).name)
        for record in records_of(run.directory)
        if record["kind"] == "file"
    ]
    assert [item for item in kept if item[0] != "environment"] == [
        ("weights", "best.pt"),
        ("weights", "last.pt"),
        ("", "results.csv"),
        ("plots", "results.png"),
    ]
    assert json.loads((run.directory.path / "dataset.json").read_text())["fingerprint"] == "f" * 64


def test_the_trainer_sees_a_dataset_laid_out_for_it_and_what_was_asked_for(bench: Bench) -> None:
    trainer = FakeTrainer(1)
    run = bench.train(trainer, arguments={"lr0": 0.5})
    (spec,) = trainer.specs
    assert spec.data == run.directory.data / "data.yaml"
    assert (spec.model, spec.arguments, spec.resume_from) == ("yolo11n.yaml", {"lr0": 0.5}, None)
    assert trainer.checked == [({"lr0": 0.5}, "yolo11n.yaml")]


def test_a_person_is_told_when_the_detector_learns_everything_anew(bench: Bench) -> None:
    bench.train(FakeTrainer(1))
    assert any("learns everything anew" in note for note in bench.display.notes)


def test_when_the_server_is_away_the_training_is_done_and_says_that_it_is_not_delivered(bench: Bench) -> None:
    bench.senders.delivers = False
    run = bench.train(FakeTrainer(1))
    assert not run.delivered
    assert "MLflow: no answer" in bench.display.notes
    assert ends_of(run.directory) == ["FINISHED"]


def test_an_interrupted_training_is_a_killed_run_that_says_how_to_go_on(bench: Bench) -> None:
    directory = bench.stopped(KeyboardInterrupt(), epochs=2)
    assert ends_of(directory) == ["KILLED"]
    assert tags_of(directory)["yolops.error"] == "stopped after 2 epochs"
    assert any("yolops train --resume first" in note for note in bench.display.notes)
    assert "summary" not in _kinds(directory)
    assert _kinds(directory)[-4:] == ["tags", "file", "file", "end"], "its checkpoints are kept"


def test_a_library_that_fails_because_it_was_interrupted_is_an_interruption(bench: Bench) -> None:
    bench.display.asked = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        bench.train(FakeTrainer(2, ends_with=ImportError("initialization failed")))
    assert ends_of(RunDirectory.load(bench.runs / "first")) == ["KILLED"]


def test_a_terminated_training_is_a_killed_run_too(bench: Bench) -> None:
    directory = bench.stopped(SystemExit(143))
    assert (ends_of(directory), tags_of(directory)["yolops.epochs"]) == (["KILLED"], "3")


def test_who_stops_before_the_first_checkpoint_is_not_told_to_resume(bench: Bench) -> None:
    directory = bench.stopped(KeyboardInterrupt(), epochs=0)
    assert ends_of(directory) == ["KILLED"]
    assert not any("--resume" in note for note in bench.display.notes)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (YolopsError("the disk is full", "free space"), "the disk is full"),
        (RuntimeError("shapes differ"), "RuntimeError: shapes differ"),
    ],
)
def test_a_failed_training_says_why(bench: Bench, error: Exception, said: str) -> None:
    directory = bench.stopped(error)
    assert (ends_of(directory), tags_of(directory)["yolops.error"]) == (["FAILED"], said)
    assert not any(kind in _kinds(directory) for kind in ("summary", "model"))


def test_what_the_trainer_refuses_leaves_nothing_behind(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no such argument"):
        bench.train(FakeTrainer(refuses=UsageError("no such argument")))
    assert not bench.runs.exists()
    assert bench.connected == 0
    assert not bench.senders.started


def test_a_resumed_training_goes_on_in_the_same_run_and_says_nothing_twice(bench: Bench) -> None:
    directory = bench.stopped(KeyboardInterrupt(), epochs=2)
    before = len(records_of(directory))
    trainer = FakeTrainer(3, begin_with=2)
    run = bench.resume(directory, trainer)
    said = records_of(directory)[before:]
    assert [record["kind"] for record in said][:3] == ["resumed", "tags", "metrics"], "no setting is said again"
    assert [record["step"] for record in said if record["kind"] == "metrics"] == [3], "nor an epoch"
    assert ends_of(directory) == ["KILLED", "FINISHED"]
    assert tags_of(directory)["yolops.error"] == ""
    assert (trainer.specs[0].resume_from, trainer.specs[0].arguments) == (directory.last, {"batch": 2})
    assert trainer.checked == [({"batch": 2}, directory.last)]
    assert run.directory.path == directory.path


def test_a_training_that_is_stopped_again_at_once_still_says_how_far_it_was(bench: Bench) -> None:
    directory = bench.stopped(KeyboardInterrupt(), epochs=2)
    with pytest.raises(KeyboardInterrupt):
        bench.resume(directory, FakeTrainer(2, begin_with=3, ends_with=KeyboardInterrupt()))
    assert (tags_of(directory)["yolops.epochs"], tags_of(directory)["yolops.error"]) == ("2", "stopped after 2 epochs")


def test_a_finished_run_stays_finished_when_someone_tries_to_resume_it(bench: Bench) -> None:
    directory = bench.train(FakeTrainer(2)).directory
    before = directory.spool.size()
    with pytest.raises(YolopsError, match="this training is finished"):
        bench.resume(directory, FakeTrainer(refuses=YolopsError("this training is finished")))
    assert directory.spool.size() == before


def test_without_a_checkpoint_there_is_nothing_to_resume(bench: Bench) -> None:
    directory = bench.stopped(KeyboardInterrupt(), epochs=0)
    before = directory.spool.size()
    with pytest.raises(YolopsError, match="no checkpoint"):
        bench.resume(directory, FakeTrainer())
    assert directory.spool.size() == before


def test_a_training_is_not_resumed_with_another_dataset(bench: Bench) -> None:
    directory = bench.stopped(KeyboardInterrupt())
    before = directory.spool.size()
    with pytest.raises(YolopsError, match="the dataset has changed since first began"):
        bench.resume(directory, FakeTrainer(), fingerprint="0" * 64)
    assert directory.spool.size() == before


def test_what_the_trainer_refuses_to_resume_leaves_the_run_as_it_was(bench: Bench) -> None:
    directory = bench.stopped(KeyboardInterrupt())
    before = directory.spool.size()
    with pytest.raises(UsageError, match="no such argument"):
        bench.resume(directory, FakeTrainer(refuses=UsageError("no such argument")))
    assert directory.spool.size() == before
    assert bench.connected == 1


def test_while_a_training_goes_on_nobody_else_trains_into_its_directory(bench: Bench) -> None:
    trainer = FakeTrainer(1)
    refused: list[str] = []

    def resume_meanwhile() -> None:
        directory = RunDirectory.load(bench.runs / "first")
        with pytest.raises(YolopsError, match="is being trained right now") as caught:
            bench.resume(directory, FakeTrainer(1))
        refused.append(caught.value.message)

    trainer.during = resume_meanwhile
    run = bench.train(trainer)
    owner = run.directory.spool.owner()
    assert owner is not None
    assert f"process {owner.pid}" in refused[0]
    assert ends_of(run.directory) == ["FINISHED"]


def test_a_training_whose_process_is_gone_can_be_resumed(bench: Bench) -> None:
    directory = bench.stopped(KeyboardInterrupt())
    lock = directory.spool.directory / "writer.lock"
    code = "import fcntl, os, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(lock)], check=False)
    assert bench.resume(directory, FakeTrainer(4, begin_with=4)).trained.epochs == 4


def test_a_second_training_of_the_same_name_gets_a_run_of_its_own(bench: Bench) -> None:
    first, second = bench.train(FakeTrainer(1)), bench.train(FakeTrainer(1))
    assert second.directory.spool.intent().run_name == "first-2"
    assert first.directory.spool.intent().spool_id != second.directory.spool.intent().spool_id
    assert second.directory.spool.intent().tracking_uri == NOBODY
