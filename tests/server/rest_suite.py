"""A plugin of pytest that points MLflow's own REST tests at a server that runs, instead of one that they start.

They must be told where it is as every client of it: `MLFLOW_TRACKING_URI`, `MLFLOW_TRACKING_USERNAME`,
`MLFLOW_TRACKING_PASSWORD`, and `MLFLOW_TRACKING_SERVER_CERT_PATH`. Before each test what is on that server is deleted.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mlflow import MlflowClient

SERVER = "MLFLOW_TRACKING_URI"
# What the tests start a server with, and what they prepare for it in their own process.
STARTING, PREPARING = ("ServerThread", "_init_server"), ("initialize_backend_stores",)


@contextmanager
def running_server(*_: Any, **__: Any) -> Iterator[str]:
    """Give the address of the server that runs, in the place of one that is started."""
    client = MlflowClient(os.environ[SERVER])
    for experiment in client.search_experiments():
        if experiment.experiment_id != "0":
            client.rename_experiment(experiment.experiment_id, uuid.uuid4().hex)
            client.delete_experiment(experiment.experiment_id)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    yield os.environ[SERVER]


@pytest.fixture(scope="session", autouse=True)
def login_of_requests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Log in the requests that the tests send without MLflow's client."""
    file: Path = tmp_path_factory.mktemp("login") / "netrc"
    file.touch(mode=0o600)
    host, user = urlsplit(os.environ[SERVER]).hostname, os.environ["MLFLOW_TRACKING_USERNAME"]
    file.write_text(f"machine {host} login {user} password {os.environ['MLFLOW_TRACKING_PASSWORD']}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETRC", str(file))
        if certificates := os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"):
            patch.setenv("REQUESTS_CA_BUNDLE", certificates)
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what tests MLflow's store of files, and have the rest use the server that runs."""
    others = [item for item in items if "[file" in item.name]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
    for module in {item.getparent(pytest.Module).obj for item in items}:  # type: ignore[union-attr]
        for name in STARTING:
            setattr(module, name, running_server)
        for name in PREPARING:
            setattr(module, name, lambda *_, **__: None)
