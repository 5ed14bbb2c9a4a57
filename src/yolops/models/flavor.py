"""A trained checkpoint as an MLflow model: signature, input example, pinned requirements, registered version.

Called by the sender, so it may be called again after an answer got lost: each step first looks whether it is done.
"""

from __future__ import annotations

import base64
import io
import logging
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow.exceptions
import mlflow.pyfunc
from mlflow.entities import LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType
from PIL import Image

from yolops.tracking.mlflow_server import ALREADY_EXISTS
from yolops.tracking.names import quoted
from yolops.tracking.tracking_server import Refused

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

    from yolops.models.request import ModelRequest, Registration

log = logging.getLogger(__name__)

MODEL_NAME = "model"
EXAMPLE_PIXELS = 320
FLAVOR_CODE = Path(__file__).with_name("yolo_detector")
PACKAGES = ("mlflow", "numpy", "pandas", "pillow", "torch", "torchvision", "ultralytics-opencv-headless")


def log_model(
    client: MlflowClient, experiment_id: str, run_id: str, request: ModelRequest, name: str = MODEL_NAME
) -> str:
    """Make the model of a run, of this name; return its ID.

    Raises:
        Refused: the checkpoint is gone.
    """
    if not Path(request.weights).is_file():
        raise Refused(f"{request.weights}: no such file")
    logged = _find_model(client, experiment_id, run_id) or _log_model(client, experiment_id, run_id, request, name)
    return str(logged.model_id)


def register(client: MlflowClient, experiment_id: str, run_id: str, registration: Registration) -> str:
    """Make the model of a run a version of a registered one; return the version.

    Raises:
        Refused: the run has no model.
    """
    logged = _find_model(client, experiment_id, run_id)
    if logged is None:
        raise Refused("the run has no model to register")
    name = registration.name
    try:
        client.create_registered_model(name)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != ALREADY_EXISTS:
            raise
    versions = client.search_model_versions(f"name = {quoted(name)} and run_id = '{run_id}'")
    source = f"models:/{logged.model_id}"
    version = versions[0] if versions else client.create_model_version(name, source, run_id, model_id=logged.model_id)
    for metric, value in registration.metrics.items():
        client.set_model_version_tag(name, version.version, metric, f"{value:.5f}")
    if registration.alias:
        client.set_registered_model_alias(name, registration.alias, version.version)
    return str(version.version)


def _find_model(client: MlflowClient, experiment_id: str, run_id: str) -> LoggedModel | None:
    found = client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'")
    return next((model for model in found if model.status == LoggedModelStatus.READY), None)


def _log_model(client: MlflowClient, experiment_id: str, run_id: str, request: ModelRequest, name: str) -> LoggedModel:
    logged = client.create_logged_model(experiment_id, name=name, source_run_id=run_id, model_type="yolo")
    with tempfile.TemporaryDirectory(prefix="yolops-model-") as temporary:
        directory = Path(temporary) / MODEL_NAME
        metadata = Model(run_id=run_id, artifact_path=MODEL_NAME, model_id=logged.model_id)
        save(directory, request, metadata)
        client.log_model_artifacts(logged.model_id, str(directory))
    client.log_outputs(run_id, [mlflow.entities.LoggedModelOutput(logged.model_id, step=0)])
    return client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)


def save(directory: Path, request: ModelRequest, metadata: Model | None = None) -> None:
    """Write the MLflow model into a directory that does not exist yet."""
    parent = str(FLAVOR_CODE.parent)
    sys.path.insert(0, parent)  # MLflow runs model.py while it saves, and that imports `yolo_detector`
    try:
        mlflow.pyfunc.save_model(
            directory,
            python_model=str(FLAVOR_CODE / "model.py"),
            artifacts={"weights": request.weights},
            code_paths=[str(FLAVOR_CODE)],
            signature=signature(request.imgsz),
            input_example=_input_example(request.example),
            pip_requirements=requirements(),
            mlflow_model=metadata or Model(),
        )
    finally:
        sys.path.remove(parent)


def signature(imgsz: int) -> ModelSignature:
    """Return what the model takes and gives.

    The input is declared as any type, because it may be a path, bytes, base64 text, an array or a list of them. MLflow
    would still turn it into a data frame first, which an array of pixels does not survive, unless the signature says
    that the model checks its input itself; that is what models with type hints say (`ModelSignature`, MLflow 3).
    """
    result = ModelSignature(
        inputs=Schema([ColSpec(AnyType())]),
        outputs=Schema(
            [
                ColSpec(DataType.long, "image"),
                *(ColSpec(DataType.double, name) for name in ("x1", "y1", "x2", "y2", "score")),
                ColSpec(DataType.long, "class"),
                ColSpec(DataType.string, "name"),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("conf", DataType.double, 0.25),
                ParamSpec("iou", DataType.double, 0.7),
                ParamSpec("imgsz", DataType.long, imgsz),
                ParamSpec("max_det", DataType.long, 300),
            ]
        ),
    )
    result._is_signature_from_type_hint = True
    return result


def requirements() -> list[str]:
    """Return what the model needs, at the versions that trained it; a build tag such as `+cpu` is left off."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package}=={version(package).partition('+')[0]}")
        except PackageNotFoundError:
            log.warning("%s is not installed, so the model does not ask for it", package)
    return found


def _input_example(picture: str) -> list[str] | None:
    """Return a picture as a caller over HTTP sends it: base64 text, here of a small JPEG."""
    if not Path(picture).is_file():  # there is none to show, or it was removed before MLflow could be reached
        return None
    content = io.BytesIO()
    with Image.open(picture) as image:
        small = image.convert("RGB")
        small.thumbnail((EXAMPLE_PIXELS, EXAMPLE_PIXELS))
        small.save(content, "JPEG", quality=90)
    return [base64.b64encode(content.getvalue()).decode()]
