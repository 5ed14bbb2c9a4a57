"""A training that was interrupted and goes on ends with the same numbers as one that was not, on a CPU."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MICRO
from yolops.datasets.description import read_dataset
from yolops.datasets.normalise import write_training_yaml
from yolops.datasets.sample import write_sample
from yolops.training.trainer import Trained, TrainSpec
from yolops.training.ultralytics_trainer import UltralyticsTrainer

torch = pytest.importorskip("torch")

EPOCHS = 4
# Thirteen images in batches of five: the last batch is smaller.
QUICK = {"epochs": EPOCHS, "imgsz": 64, "batch": 5, "device": "cpu", "plots": False, "seed": 3, "close_mosaic": 1}


class Interrupted(BaseException):
    """What a signal would raise."""


@dataclass
class Watching:
    """Keeps what the trainer says, and its state behind each epoch; interrupts it where it is told to."""

    directory: Path
    interrupt_at: tuple[int, int] = (0, 0)
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)
    states: dict[int, Any] = field(default_factory=dict)

    def started(self, arguments: Mapping[str, object], facts: Mapping[str, str]) -> None:
        """Nothing to keep."""

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        self.epochs[number] = {name: value for name, value in metrics.items() if not name.startswith("speed/")}

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        if (number, done) == self.interrupt_at:
            raise Interrupted

    def saved(self, number: int) -> None:
        self.states[number] = torch.load(self.directory / "weights" / "state.pt", weights_only=True)

    def chosen(self, best: Path, imgsz: int) -> None:
        """Nothing to keep."""


class Bench:
    """A dataset, a model, and trainings in directories of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        dataset = read_dataset(write_sample(root / "shapes", images=(13, 4, 2)))
        self.data = write_training_yaml(dataset, root / "data")
        self.model = root / "micro.yaml"
        self.model.write_text(MICRO)
        self.trainer = UltralyticsTrainer(root / "settings")

    def train(
        self, name: str, arguments: dict[str, object], interrupt_at: tuple[int, int] = (0, 0), *, resume: bool = False
    ) -> tuple[Watching, Trained | None]:
        directory = self.root / name
        watching = Watching(directory, interrupt_at)
        spec = TrainSpec(
            data=self.data,
            directory=directory,
            model=str(self.model),
            arguments={} if resume else {**QUICK, **arguments},
            weights_directory=self.root / "weights",
            resume_from=directory / "weights" / "last.pt" if resume else None,
        )
        try:
            return watching, self.trainer.train(spec, watching)
        except Interrupted:
            return watching, None


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("exact"))


def difference(one: Any, other: Any, where: str = "") -> list[str]:
    """Return what differs between two values, tensors by every bit."""
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and torch.equal(one, other)
        return [] if same else [f"{where}: {(one.double() - other.double()).abs().max():g}"]
    if isinstance(one, dict):
        keys = [f"{where}: other keys"] if set(one) != set(other) else []
        return keys + [line for key in one for line in difference(one[key], other.get(key), f"{where}/{key}")]
    if isinstance(one, list | tuple):
        lengths = [f"{where}: other lengths"] if len(one) != len(other) else []
        pairs = enumerate(zip(one, other, strict=False))
        return lengths + [line for number, (a, b) in pairs for line in difference(a, b, f"{where}/{number}")]
    return [] if one == other else [f"{where}: {one} and {other}"]


def weights(checkpoint: Path) -> dict[str, Any]:
    """Return the weights of a finished training."""
    loaded = torch.load(checkpoint, weights_only=False)  # our own
    return dict((loaded["ema"] or loaded["model"]).state_dict())


@pytest.mark.parametrize(
    ("name", "interruptions", "arguments"),
    [
        ("in-an-epoch", [(2, 2)], {}),
        ("twice-in-a-row", [(3, 1), (3, 1)], {"optimizer": "SGD", "cos_lr": True}),
        ("gradients-across-epochs", [(2, 1), (4, 2)], {"nbs": 20, "warmup_epochs": 1, "optimizer": "AdamW"}),
        ("scales-and-mixup", [(3, 2)], {"multi_scale": 0.5, "mixup": 0.5, "close_mosaic": 2}),
        ("images-in-memory", [(2, 1)], {"cache": "ram"}),
    ],
)
def test_an_interrupted_training_ends_with_the_same_weights_bit_for_bit(
    bench: Bench, name: str, interruptions: list[tuple[int, int]], arguments: dict[str, object]
) -> None:
    whole, done = bench.train(f"{name}-whole", arguments)
    states, epochs = {}, {}
    ended = None
    for number, where in enumerate([*interruptions, (0, 0)]):
        watching, ended = bench.train(f"{name}-resumed", arguments, where, resume=number > 0)
        states |= watching.states
        epochs |= watching.epochs
    assert done is not None
    assert ended is not None
    assert difference(whole.states, states)[:10] == []
    assert sorted(states) == list(range(1, EPOCHS)), "behind the last epoch there is nothing to go on from"
    assert difference(whole.epochs, epochs) == []
    for checkpoint in ("best", "last"):
        assert difference(weights(getattr(done, checkpoint)), weights(getattr(ended, checkpoint))) == []
    assert not done.last.with_name("state.pt").exists()


def test_without_its_state_a_training_goes_on_as_ultralytics_alone_does(bench: Bench) -> None:
    whole, _ = bench.train("alone-whole", {})
    bench.train("alone-resumed", {}, (2, 2))
    (bench.root / "alone-resumed" / "weights" / "state.pt").write_bytes(b"cut off")
    watching, ended = bench.train("alone-resumed", {}, resume=True)
    assert ended is not None
    assert sorted(watching.epochs) == [2, 3, 4]
    assert difference(whole.states[2]["model"], watching.states[2]["model"]) != []


def test_the_state_of_another_epoch_is_not_taken(bench: Bench) -> None:
    bench.train("other-resumed", {}, (2, 2))
    old = bench.root / "other-resumed" / "weights" / "state.pt"
    kept = bench.root / "old.pt"
    shutil.copy(old, kept)
    bench.train("other-resumed", {}, (3, 1), resume=True)
    newer = torch.load(old, weights_only=True)
    shutil.copy(kept, old)
    watching, _ = bench.train("other-resumed", {}, (4, 1), resume=True)
    assert sorted(watching.epochs) == [3]
    assert newer["epoch"] == 1
    assert watching.states[3]["epoch"] == 2
