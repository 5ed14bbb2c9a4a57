"""Every route that the server has is one that a contract test asks, so that a route of a newer MLflow is not missed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.server.conftest import Server
from tests.server.contract import canonical
from tests.server.test_server import routes

pytestmark = pytest.mark.timeout(300)
# What is tested elsewhere, or is no endpoint; the start of the path, and why.
ELSEWHERE = {
    "/api/2.0/yolops/": "test_backups.py, test_upgrade.py, test_trial.py",
    "/static-files/": "files of the pages: test_contract_pages.py",
    "/build/": "the same files by Flask's own route",
    "/api/2.0/mlflow/users/create-ui": "the form of /signup, with a token that only the form has",
    "/ajax-api/2.0/mlflow/gateway-proxy": "test_contract_switched_off.py",
}


def test_each_route_of_the_server_has_a_contract_test(shared_server: Server) -> None:
    served = {
        f"{method} {canonical(path)}" for method, path in routes(shared_server) if method not in {"HEAD", "OPTIONS"}
    }
    tested: set[str] = set()
    for file in Path(__file__).parent.glob("test_contract_*.py"):
        tested |= set(getattr(importlib.import_module(f"tests.server.{file.stem}"), "ENDPOINTS", ()))
    # A page asks by another spelling for what a client asks for.
    once = {route for route in served if route.replace(" /ajax-api/", " /api/") not in served or " /api/" in route}
    left = {route for route in once - tested if not any(f" {start}" in route for start in ELSEWHERE)}
    assert left == set()
    assert tested - served == set()
