"""Wall time of `yolops train` against the same training by plain ultralytics, whole processes.

The platform runs beforehand for both. `make bench` takes EPOCHS=20 epochs of YOLO11n on the sample dataset; on two
processor cores that is about three minutes a training, so that what is paid once per run weighs as little as it does in
a real one, and not less.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.delay import delayed
from benchmarks.workbench import YOLOPS, Measured, compared, platform, seconds
from yolops.datasets.sample import write_sample

MODEL = "yolo11n.yaml"
DELAY_S = 0.05


def measure(*, epochs: int, count: int) -> list[Measured]:
    """Measure against tracking off, against ultralytics' MLflow callback, and with every tracking call delayed.

    Ultralytics leaves one core idle and yolops does not, so tracking off is also measured with as many threads: that
    ratio is what tracking costs, the others are what a person sees.
    """
    settings = [f"epochs={epochs}", "imgsz=160", "batch=8", "nbs=8", "optimizer=AdamW", "lr0=0.002", "device=cpu"]
    settings += ["workers=0", "mosaic=0.0", "seed=0"]
    with platform() as (root, uri):
        data = write_sample(root / "shapes")

        train = [*YOLOPS, "train", str(data), "--model", MODEL, *settings]
        # Whoever goes first reads torch and mlflow from disk, which is nobody's merit.
        seconds([*train, "--epochs", "1"], cwd=root)
        rounds = [_round(root, uri, data, train, settings) for _ in range(count)]
    ours, plain, threads, callback, slow = (list(column) for column in zip(*rounds, strict=True))
    return [
        compared("train, tracked / ultralytics, untracked", ours, plain, unit="s", bar="<= 1.02"),
        compared("train, tracked / untracked with as many threads", ours, threads, unit="s", bar="<= 1.02"),
        compared("train / ultralytics with its MLflow callback", ours, callback, unit="s", bar="< 1.00"),
        compared("train, 50 ms before every call / untracked", slow, plain, unit="s", bar="<= 1.02"),
    ]


def _round(root: Path, uri: str, data: Path, train: list[str], settings: list[str]) -> tuple[float, ...]:
    """Return the seconds of the five trainings, one behind the other."""
    ours = seconds(train, cwd=root)
    plain = _peer(root, data, "off", uri, settings)
    threads = _peer(root, data, "threads", uri, settings)
    callback = _peer(root, data, "callback", uri, settings)
    with delayed(uri, DELAY_S) as distant:
        slow = seconds(train, cwd=root, MLFLOW_TRACKING_URI=distant)
    return ours, plain, threads, callback, slow


def _peer(root: Path, data: Path, tracking: str, uri: str, settings: list[str]) -> float:
    command = [YOLOPS[0], "-m", "benchmarks.peer_training", str(data), MODEL, str(root / "peer"), tracking, *settings]
    here = str(Path(__file__).parents[1])
    environment = {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": here, "YOLO_CONFIG_DIR": str(root / tracking)}
    return seconds(command, cwd=root, **environment)


def main() -> list[Measured]:
    """Measure as `make bench` does."""
    return measure(epochs=int(os.environ.get("EPOCHS", "20")), count=int(os.environ.get("RUNS", "1")))
