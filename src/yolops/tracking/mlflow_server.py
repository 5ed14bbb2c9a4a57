"""The boundary to MLflow for writing: explicit run IDs, one attempt per call, refusals told from outages.

The only file of `tracking` that imports mlflow, which takes seconds: it is imported in the sender's process, never in a
training's.
"""

from __future__ import annotations

import getpass
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import mlflow.exceptions
import requests
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag

from yolops.tracking.tracking_server import Doubtful, NotLetIn, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yolops.tracking.batches import Batch
    from yolops.tracking.spool import Record, RunIntent

ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
# Error codes of MLflow. Everything else is worth another attempt: 401 while credentials are renewed, 503 of a proxy.
_FINAL = frozenset(
    {
        "FEATURE_DISABLED",
        "INVALID_PARAMETER_VALUE",
        "INVALID_STATE",
        "NOT_IMPLEMENTED",
        ALREADY_EXISTS,
        "RESOURCE_DOES_NOT_EXIST",
    }
)
_WRONG = "MLflow does not let you in (401): the name, password or token is wrong"
_NOT_LET_IN = {
    "CUSTOMER_UNAUTHORIZED": _WRONG,
    "UNAUTHENTICATED": _WRONG,
    "PERMISSION_DENIED": "MLflow does not let you do this (403): ask an administrator for the permission",
}
_STATUS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
_UNKNOWN = "CERTIFICATE_VERIFY_FAILED"
# MLflow also says this when two writers meet in its database (an IntegrityError).
_DOUBTFUL = "BAD_REQUEST"
SPOOL_TAG = "yolops.spool"
# MLflow's UI opens an experiment of another kind on its pages about language models.
TRAINING_KIND = {"mlflow.experimentKind": "custom_model_development"}


class MlflowServer:
    """An MLflow tracking server, as the sender sees it.

    Args:
        client: a client of that server.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def create_run(self, intent: RunIntent) -> tuple[str, str]:
        """Return experiment ID and run ID of the run of this spool, creating what does not exist yet."""
        with refusals():
            if intent.run_id:
                info = self._client.get_run(intent.run_id).info
                if info.status != RunStatus.to_string(RunStatus.RUNNING):
                    self._client.update_run(intent.run_id, status="RUNNING")
                return info.experiment_id, intent.run_id
            experiment_id = self._experiment(intent.experiment)
            # An earlier attempt may have created the run without our hearing of it.
            found = self._client.search_runs(
                [experiment_id], f"tags.`{SPOOL_TAG}` = '{intent.spool_id}'", max_results=1
            )
            if found:
                return experiment_id, found[0].info.run_id
            tags = {SPOOL_TAG: intent.spool_id, "mlflow.user": getpass.getuser()}
            run = self._client.create_run(experiment_id, intent.started_ms, tags, intent.run_name)
            return experiment_id, run.info.run_id

    def last_steps(self, run_id: str) -> dict[str, int]:
        """Return the highest step of each metric that the run has."""
        with refusals():
            # A run comes with the last point of each metric; `data.metrics` has only the values of them.
            return {metric.key: metric.step for metric in self._client.get_run(run_id).data._metric_objs}

    def log_batch(self, run_id: str, batch: Batch) -> None:
        """Store metrics, parameters and tags."""
        with refusals():
            self._client.log_batch(
                run_id,
                metrics=[Metric(point.name, point.value, point.time, point.step) for point in batch.metrics],
                params=[Param(name, value) for name, value in batch.params],
                tags=[RunTag(name, value) for name, value in batch.tags],
                synchronous=True,
            )

    def log_dataset(self, run_id: str, record: Record) -> None:
        """Store a dataset as an input of the run."""
        dataset = Dataset(
            name=record["name"],
            digest=record["digest"],
            source_type="local",
            source=json.dumps({"uri": record["source"]}),
            schema=json.dumps(record["schema"]),
            profile=json.dumps(record["profile"]),
        )
        with refusals():
            self._client.log_inputs(
                run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", record["context"])])]
            )

    def upload(self, run_id: str, path: Path, folder: str) -> None:
        """Store a file in a folder of the run's artifacts."""
        if not path.is_file():
            raise Refused(f"{path}: no such file")
        with refusals():
            self._client.log_artifact(run_id, str(path), folder or None)

    def set_status(self, run_id: str, status: str, end_ms: int | None) -> None:
        """Store the run's status and, unless it is running, its end in milliseconds since the epoch."""
        with refusals():
            if end_ms is None:
                self._client.update_run(run_id, status=status)
            else:
                self._client.set_terminated(run_id, status, end_ms)

    def _experiment(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None and experiment.lifecycle_stage == "deleted":
            raise Refused(f"the experiment {name!r} has been deleted")
        if experiment is not None:
            return str(experiment.experiment_id)
        try:
            return str(self._client.create_experiment(name, tags=TRAINING_KIND))
        except mlflow.exceptions.MlflowException as error:
            if error.error_code != ALREADY_EXISTS:
                raise
            created = self._client.get_experiment_by_name(name)
            if created is None:
                raise
            return str(created.experiment_id)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the errors that no second attempt will mend into `Refused`."""
    try:
        yield
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in _FINAL:
            raise Refused(str(error)) from error
        if error.error_code == _DOUBTFUL:
            raise Doubtful(str(error)) from error
        if error.error_code in _NOT_LET_IN:
            raise NotLetIn(_NOT_LET_IN[error.error_code]) from error
        if _UNKNOWN in str(error):
            raise NotLetIn("the certificate of the server is not trusted") from error
        if "Max retries exceeded" in str(error):
            raise ConnectionError("no answer from the server") from error
        raise
    except requests.HTTPError as error:  # artifacts travel without MLflow's own errors
        code = _STATUS.get(0 if error.response is None else error.response.status_code)
        if code:
            raise NotLetIn(_NOT_LET_IN[code]) from error
        raise
