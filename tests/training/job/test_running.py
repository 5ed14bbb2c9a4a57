from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.training.fakes import FakeDisplay, FakeSenders, FakeTrainer
from yolops.aws import Aws
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.versions.push import push
from yolops.datasets.versions.store import directory
from yolops.errors import UsageError, YolopsError
from yolops.platform.outputs import Mode, Outputs
from yolops.running_processes import ProcessIdentity
from yolops.tracking.spool import Spool
from yolops.training.job.contract import JobPlace, JobRequest
from yolops.training.job.running import JobTraining
from yolops.training.session import TrainedRun

NOBODY = "http://127.0.0.1:9"
OUTPUTS = Outputs(Mode.EXTERNAL, tracking_uri=NOBODY, artifact_uri="", ui_url=NOBODY)


class Delivering(FakeSenders):
    """Senders of a server that takes everything at once."""

    def start(self, spool: Spool) -> ProcessIdentity:
        self._deliver(spool)
        return super().start(spool)

    def wait(self, spool: Spool, sender: ProcessIdentity, waiting: Any) -> bool:
        self._deliver(spool)
        return super().wait(spool, sender, waiting)

    def _deliver(self, spool: Spool) -> None:
        from dataclasses import replace

        spool.save_progress(replace(spool.progress(), offset=10**9, ended=True))


class Job:
    """A job with a dataset in its channel."""

    def __init__(self, root: Path) -> None:
        self.place = JobPlace(root / "ml")
        self.display = FakeDisplay()
        self.senders = Delivering()
        self.place.checkpoints.mkdir(parents=True)
        self.place.work.mkdir()
        self.channel = self.place.channel("training")
        for split in ("train", "val"):
            for number in (1, 2):
                picture = self.channel / "images" / split / f"{number}.png"
                picture.parent.mkdir(parents=True, exist_ok=True)
                Image.effect_noise((32, 32 + number), 90.0).convert("RGB").save(picture)
                labels = self.channel / "labels" / split / f"{number}.txt"
                labels.parent.mkdir(parents=True, exist_ok=True)
                labels.write_text("0 0.5 0.5 0.5 0.5\n")
        (self.channel / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [red]\n")

    def run(self, trainer: FakeTrainer, **changes: Any) -> TrainedRun:
        request = JobRequest(**{"run_id": "run", "experiment": "cells", "name": "first", "model": "m.yaml"} | changes)
        training = JobTraining(self.place, request, Aws("eu-central-1"), self.display)
        return training.run(trainer, OUTPUTS, lambda _: self.senders, ["yolops", "train"])

    def new_instance(self) -> None:
        """Lose everything but the channels and the checkpoints."""
        shutil.rmtree(self.place.work)
        self.place.work.mkdir()

    def records(self) -> list[dict[str, Any]]:
        spool = Spool(self.place.work / "runs" / "first" / "spool")
        return [record for _, record in spool.read(0, 10_000)]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_a_job_trains_in_the_run_that_there_is_and_leaves_its_model(job: Job) -> None:
    run = job.run(FakeTrainer(2))
    assert run.directory.spool.intent().run_id == "run"
    assert sorted(path.name for path in job.place.model.iterdir()) == ["best.pt", "last.pt", "results.csv"]
    assert not job.place.unsent.exists()


def test_a_job_that_was_interrupted_goes_on_behind_its_last_whole_epoch_in_the_same_run(job: Job) -> None:
    with pytest.raises(SystemExit):
        job.run(FakeTrainer(2, ends_with=SystemExit(143)))
    assert job.records()[-1]["status"] == "KILLED"
    assert not any(record.get("folder") == "weights" for record in job.records() if record["kind"] == "file")
    assert (job.place.model / "best.pt").read_text() == "epoch 2", "what is left where the job is stopped for good"
    job.new_instance()
    trainer = FakeTrainer(4, begin_with=3)
    run = job.run(trainer)
    [spec] = trainer.specs
    assert spec.resume_from == run.directory.last
    assert [record["step"] for record in job.records() if record["kind"] == "metrics"] == [1, 2, 3, 4]
    assert [record["kind"] for record in job.records() if record["kind"] in {"params", "resumed"}] == [
        "params",
        "resumed",
    ]
    assert run.directory.spool.intent().run_id == "run"


def test_a_job_that_was_interrupted_before_its_first_epoch_begins_anew(job: Job) -> None:
    with pytest.raises(SystemExit):
        job.run(FakeTrainer(0, ends_with=SystemExit(143)))
    job.new_instance()
    trainer = FakeTrainer(1)
    job.run(trainer)
    assert trainer.specs[0].resume_from is None


def test_a_dataset_with_errors_fails_the_run_before_anything_is_trained(job: Job) -> None:
    (job.channel / "labels" / "train" / "1.txt").write_text("7 0.5 0.5 0.5 0.5\n")
    trainer = FakeTrainer(1)
    with pytest.raises(YolopsError, match="the dataset has errors"):
        job.run(trainer)
    assert trainer.specs == []
    assert [record.get("status") for record in job.records()] == [None, "FAILED"]
    assert "the dataset has errors" in job.records()[0]["values"]["yolops.error"]


def test_an_argument_that_the_trainer_refuses_fails_the_run(job: Job) -> None:
    with pytest.raises(UsageError, match="no such argument"):
        job.run(FakeTrainer(refuses=UsageError("no such argument")))
    assert job.records()[-1]["status"] == "FAILED"


def test_a_version_in_the_channel_is_unpacked_without_s3(job: Job, tmp_path: Path) -> None:
    dataset = read_dataset(job.channel)
    report = check(dataset)
    push(directory(tmp_path / "store"), "cells", dataset, version=report.fingerprint)
    shutil.rmtree(job.channel)
    shutil.copytree(tmp_path / "store" / "cells", job.channel)
    run = job.run(FakeTrainer(1), version=report.fingerprint, dataset="s3://team/datasets/cells")
    assert run.directory.fingerprint == report.fingerprint
    assert any(record["kind"] == "dataset" and record["name"] == "cells" for record in job.records())


def test_weights_in_the_channel_of_models_are_trained_from(job: Job) -> None:
    weights = job.place.channel("model") / "mine.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    trainer = FakeTrainer(1)
    job.run(trainer, model="mine.pt")
    assert trainer.specs[0].model == str(weights)
