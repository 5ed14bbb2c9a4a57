"""An upgrade is confirmed before the first request that may write, once, and by no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from yolops_server.first_write import FirstWrite, may_write


@pytest.mark.parametrize(
    ("method", "path", "writes"),
    [
        ("GET", "/health", False),
        ("GET", "/api/2.0/mlflow/runs/get", False),
        ("POST", "/api/2.0/mlflow/runs/search", False),
        ("POST", "/api/2.0/mlflow/runs/log-batch", True),
        ("DELETE", "/api/2.0/yolops/upgrade", True),
        ("PATCH", "/api/2.0/mlflow/users/update-password", True),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/a", True),
    ],
)
def test_reading_and_searching_write_nothing(method: str, path: str, writes: bool) -> None:
    assert may_write({"type": "http", "method": method, "path": path}) is writes


def test_what_cannot_be_confirmed_is_not_answered_and_is_confirmed_by_the_next_one() -> None:
    happened: list[str] = []
    fails = [True]

    def confirm() -> None:
        if fails:
            fails.clear()
            raise OSError("the database is away")
        happened.append("confirmed")

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        happened.append(scope["path"])

    layer = FirstWrite(application, confirm)

    def ask(method: str, path: str) -> None:
        asyncio.run(layer({"type": "http", "method": method, "path": path}, None, None))

    ask("GET", "/read")
    with pytest.raises(OSError, match="away"):
        ask("POST", "/lost")
    ask("POST", "/written")
    ask("POST", "/again")
    assert happened == ["/read", "confirmed", "/written", "/again"]
