"""Several processes that train one detector, as on several GPUs; here on a CPU, each with weights of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.training.test_exact_resume import QUICK, Bench
from yolops.errors import UsageError, YolopsError
from yolops.running_processes import find_background
from yolops.training.ranks import LOG, train_in_ranks
from yolops.training.trainer import Trained
from yolops.training.ultralytics_trainer import UltralyticsTrainer

GLOO, REPORTING = "tests.training.gloo_rank", "tests.training.reporting_rank"


@dataclass
class Listener:
    """Keeps what it is told, and whether a checkpoint stood when it was told so."""

    directory: Path
    said: list[str] = field(default_factory=list)
    arguments: dict[str, object] = field(default_factory=dict)
    stops_at: int = 0

    def started(self, arguments: Mapping[str, object], facts: Mapping[str, str]) -> None:
        self.arguments = dict(arguments)
        self.said.append(f"started {facts['hardware.device']} {facts['yolops.weights']}")

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        assert "metrics/mAP50(B)" in metrics
        self.said.append(f"epoch {number}")

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        assert (number <= epochs, done <= total) == (True, True)

    def saved(self, number: int) -> None:
        assert (self.directory / "weights" / "last.pt").exists()
        self.said.append(f"saved {number}")
        if number == self.stops_at:
            raise KeyboardInterrupt

    def chosen(self, best: Path, imgsz: int) -> None:
        self.said.append(f"chosen {best.name} {imgsz}")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("ranks"))


def train(bench: Bench, listener: Listener, program: str) -> Trained:
    listener.directory.mkdir()
    overrides: dict[str, Any] = {
        **QUICK,
        "epochs": 2,
        "data": str(bench.data),
        "model": str(bench.model),
        "save_dir": str(listener.directory),
    }
    bench.trainer.check({}, str(bench.model))  # tells ultralytics, and so its processes, what they may not do
    task = {"kind": "detection", "overrides": overrides, "facts": {"yolops.weights": "random"}, "threads": 1}
    return train_in_ranks(listener.directory, task, 2, listener, program)


def test_what_the_first_of_two_processes_says_arrives_in_order_and_with_its_result(bench: Bench) -> None:
    listener = Listener(bench.root / "said")
    trained = train(bench, listener, REPORTING)
    assert listener.said == ["started cpu random", "epoch 1", "saved 1", "epoch 2", "saved 2", "chosen best.pt 160"]
    assert (trained.epochs, trained.best) == (2, listener.directory / "weights" / "best.pt")
    assert trained.metrics == {"mAP50": 0.3}
    assert trained.per_class["red cell"] == {"mAP50": 0.2}
    assert find_background(listener.directory) == []


def test_of_two_processes_that_train_one_says_so_and_keeps_checkpoints(bench: Bench) -> None:
    listener = Listener(bench.root / "trained")
    # Behind the last epoch, several processes of ultralytics measure the best checkpoint on a GPU or not at all.
    with pytest.raises(YolopsError, match="failed in one of its 2 processes"):
        train(bench, listener, GLOO)
    assert listener.said == ["started cpu random", "epoch 1", "saved 1", "epoch 2"]
    assert listener.arguments["epochs"] == 2
    without_gpu = "Torch not compiled with CUDA enabled|Found no NVIDIA driver"  # as torch is built
    assert re.search(without_gpu, (listener.directory / LOG).read_text())
    assert len((listener.directory / "results.csv").read_text().splitlines()) == 3


def test_who_interrupts_the_training_ends_all_of_its_processes(bench: Bench) -> None:
    listener = Listener(bench.root / "interrupted", stops_at=1)
    with pytest.raises(KeyboardInterrupt):
        train(bench, listener, REPORTING)
    assert listener.said[-1] == "saved 1"
    assert find_background(listener.directory) == []


def test_a_process_that_fails_before_the_first_one_speaks_ends_the_training(bench: Bench) -> None:
    listener = Listener(bench.root / "failed")
    with pytest.raises(YolopsError, match="failed in one of its 2 processes") as caught:
        train(bench, listener, "tests.training.no_such_program")
    assert str(listener.directory / LOG) in caught.value.hint
    assert "no_such_program" in (listener.directory / LOG).read_text()
    assert listener.said == []


def test_on_several_gpus_the_number_of_images_per_step_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="on several GPUs the trainer cannot choose it"):
        UltralyticsTrainer(tmp_path).check({"device": "0,1", "batch": -1}, "yolo11n.yaml")
