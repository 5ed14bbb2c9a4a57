"""Frequent requests reach Flask whole, and pass what others must pass except what wraps them in tasks."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI, Request
from flask import Flask, jsonify, request
from mlflow.version import VERSION

from yolops_server import short_way
from yolops_server.application import COMPARED_WITH

# MLflow imports the same module, whatever Starlette says of it.
pytestmark = pytest.mark.filterwarnings("ignore:starlette.middleware.wsgi is deprecated")
SEARCH = "/api/2.0/mlflow/runs/search"


class Check:
    """Stands for the checks of hosts and origins."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-checked", b"yes"))
            await send(message)

        await self.app(scope, receive, marked)


def post(application: FastAPI, path: str, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://of-the-test") as client:
            return await client.post(path, **options)

    return anyio.run(ask)


@pytest.fixture
def application() -> FastAPI:
    flask_app, application = Flask("of the test"), FastAPI()
    application.add_middleware(Check)

    @application.middleware("http")
    async def wrapper(request: Request, call_next: Any) -> Any:
        answer = await call_next(request)
        answer.headers["x-way"] = "long"
        return answer

    @flask_app.post(SEARCH)
    def search() -> Any:
        return jsonify(body=len(request.get_data()), login=request.headers.get("Authorization")), 201, {"X-Two": "2"}

    short_way.install(application, flask_app)
    return application


def test_a_request_and_its_answer_arrive_whole(application: FastAPI) -> None:
    answer = post(application, SEARCH, content=b"x" * 1_000_000, auth=("a", "b"))
    assert answer.status_code == 201
    assert answer.json() == {"body": 1_000_000, "login": "Basic YTpi"}
    assert answer.headers["x-two"] == "2"


def test_a_frequent_request_is_checked_and_not_wrapped(application: FastAPI) -> None:
    headers = post(application, SEARCH).headers
    assert headers["x-checked"] == "yes"
    assert "x-way" not in headers


def test_another_request_goes_the_long_way(application: FastAPI) -> None:
    assert post(application, f"{SEARCH}/more").headers["x-way"] == "long"


def test_the_locked_mlflow_is_the_one_that_the_quicker_ways_are_compared_with() -> None:
    assert COMPARED_WITH == VERSION
