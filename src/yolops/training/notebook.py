"""The two functions that a notebook needs: plain code for MLflow trains YOLO with them, in a run of its own.

`yolops train` makes a run that survives everything. Here the notebook has made one, with `mlflow.start_run()`, and what
happens is logged to it at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.normalise import write_training_yaml
from yolops.datasets.versions.catalogue import find_version
from yolops.datasets.versions.pull import pull, pull_plain
from yolops.datasets.versions.store import AbsentError, address_parts, bucket_anywhere
from yolops.errors import YolopsError
from yolops.models.request import ModelRequest
from yolops.tracking.batches import MAX_PARAMS
from yolops.tracking.names import legal_names
from yolops.training.trainer import TrainSpec
from yolops.training.ultralytics_trainer import UltralyticsTrainer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import mlflow

# Beside the notebook.
RUNS, STATE = Path("runs"), Path(".yolops")


@dataclass(frozen=True)
class TrainedModel:
    """What came out of a training.

    Attributes:
        best: the best checkpoint; `ultralytics.YOLO(model.best)` opens it.
        metrics: what it reaches on the validation images: `precision`, `recall`, `mAP50`, `mAP50-95`.
        example: one of the validation images.
        imgsz: pixels of the longer side that it was trained with.
    """

    best: Path
    metrics: Mapping[str, float]
    example: Path
    imgsz: int


def train_yolo_model(data_path: str | Path, model: str = "yolo11n.pt", **arguments: object) -> TrainedModel:
    """Train a detector, and log arguments, the metrics of each epoch and the best checkpoint to the active run.

    Args:
        data_path: a dataset in YOLO format: a directory, or `s3://BUCKET/datasets/NAME`.
        model: published weights, a built-in model such as `yolo11n.yaml`, or a file.
        arguments: ultralytics' own, such as `epochs`.

    Raises:
        YolopsError: no run is active, the dataset has errors, or the training fails.
    """
    run, client = _active_run()
    directory = (RUNS / f"{run.info.run_name}-{run.info.run_id[:8]}").absolute()
    dataset = read_dataset(_fetched(str(data_path), directory / "dataset"))
    if errors := check(dataset).errors:
        raise YolopsError(f"{errors[0].where}: {errors[0].what}", errors[0].fix)
    trainer = UltralyticsTrainer(STATE.absolute() / "ultralytics", threads=os.cpu_count() or 1)
    trainer.check(arguments, model)
    data = write_training_yaml(dataset, directory / "data")
    told = _ToRun(client, run.info.run_id)
    spec = TrainSpec(data, directory, model, arguments, STATE.absolute() / "weights")
    trained = trainer.train(spec, told)
    client.log_artifact(run.info.run_id, str(trained.best), "weights")
    return TrainedModel(trained.best, trained.metrics, Path(dataset.splits["val"][0]), told.imgsz)


def log_model(model: TrainedModel, name: str) -> str:
    """Log a detector to the active run, as `mlflow.pytorch.log_model` cannot, and return its URI.

    Raises:
        YolopsError: no run is active.
    """
    from yolops.models import flavor

    run, client = _active_run()
    request = ModelRequest(str(model.best), str(model.example), model.imgsz)
    return f"models:/{flavor.log_model(client, run.info.experiment_id, run.info.run_id, request, name)}"


class _ToRun:
    """Logs what a trainer says to a run.

    Args:
        client: how MLflow is reached.
        run_id: the run.
    """

    def __init__(self, client: mlflow.MlflowClient, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self.imgsz = 0

    def started(self, arguments: Mapping[str, object], facts: Mapping[str, str]) -> None:
        from mlflow.entities import Param, RunTag

        params = [Param(name, str(value)) for name, value in arguments.items()]
        tags = [RunTag(name, value) for name, value in facts.items()]
        for start in range(0, len(params), MAX_PARAMS):
            self._client.log_batch(self._run_id, params=params[start : start + MAX_PARAMS])
        self._client.log_batch(self._run_id, tags=tags)

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        now, legal = get_current_time_millis(), legal_names(metrics)
        self._client.log_batch(
            self._run_id, metrics=[Metric(legal[name], value, now, number) for name, value in metrics.items()]
        )

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        if done == total:
            print(f"epoch {number} of {epochs}")  # noqa: T201 - what a notebook shows of a training

    def saved(self, number: int) -> None:
        """Nothing: a notebook's training is not resumed."""

    def chosen(self, best: Path, imgsz: int) -> None:
        del best
        self.imgsz = imgsz


def _active_run() -> tuple[mlflow.ActiveRun, mlflow.MlflowClient]:
    import mlflow

    run = mlflow.active_run()
    if run is None:
        raise YolopsError("no run of MLflow is active", "call this inside of `with mlflow.start_run():`")
    return run, mlflow.MlflowClient()


def _fetched(data_path: str, target: Path) -> Path:
    """Return the directory of a dataset, which is fetched if it lies in a bucket."""
    if not data_path.startswith("s3://"):
        return Path(data_path)
    parent, name = address_parts(data_path)
    store = bucket_anywhere(parent)
    try:
        manifest = find_version(store, name)
    except AbsentError:  # as `aws s3 sync` put it there
        pull_plain(store, name, target)
    else:
        pull(store, name, manifest, target)
    return target
