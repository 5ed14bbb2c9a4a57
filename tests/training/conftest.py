"""A real MLflow with logins for those tests that ask for one; each makes runs of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.secure_mlflow import SecureMlflow, secure_mlflow
from yolops.tracking.rest import MlflowRest


@pytest.fixture(scope="package")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureMlflow]:
    with secure_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def rest(mlflow: SecureMlflow) -> MlflowRest:
    """The same, asked as its administrator."""
    return mlflow.rest()
