"""Leads the requests that trainings and pages send most straight to Flask, in one step and back.

MLflow asks of each request whether it is for another part of it, in three middlewares that each wrap it in a task of
their own, and hands the answer of Flask from its thread piece by piece, waiting each time. None of that does anything
for these requests. Hosts and origins are checked as on the long way.
"""

from __future__ import annotations

from typing import Any

FREQUENT = {f"{prefix}/2.0/mlflow/runs/{what}" for prefix in ("/api", "/ajax-api") for what in ("log-batch", "search")}


class ShortWay:
    """A middleware (ASGI) that is the fork of the two ways.

    Args:
        application: where the other requests go.
        direct: where the frequent ones go.
    """

    def __init__(self, application: Any, direct: Any) -> None:
        self._application = application
        self._direct = direct

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        short = scope["type"] == "http" and scope["path"] in FREQUENT
        await (self._direct if short else self._application)(scope, receive, send)


class Whole:
    """An application of WSGI as one of ASGI, for requests and answers that fit into memory.

    Args:
        application: is called in a thread of its own.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        from anyio.to_thread import run_sync
        from starlette.middleware.wsgi import build_environ

        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        status, headers, body = await run_sync(self._answer, build_environ(scope, b"".join(parts)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, environ: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        from werkzeug.test import run_wsgi_app

        pieces, status, headers = run_wsgi_app(self._application, environ, buffered=True)
        named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return int(status.split()[0]), named, b"".join(pieces)


def install(application: Any, flask_app: Any) -> None:
    """Open the short way.

    Args:
        application: MLflow's, of FastAPI.
        flask_app: the part of it that answers frequent requests.
    """
    from starlette.applications import Starlette
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.routing import Mount

    checks = [item for item in application.user_middleware if item.cls is not BaseHTTPMiddleware]
    direct = Starlette(routes=[Mount("/", Whole(flask_app))], middleware=checks)
    application.add_middleware(ShortWay, direct=direct)
