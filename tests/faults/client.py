"""One connection to the server, over TLS and with a login, that knows how each request ended."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.faults.history import Outcome

API, ARTIFACTS = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"
# MLflow's answer to errors of its database, of which yolops' own sender knows that they may be none the next time.
DOUBTFUL = "BAD_REQUEST"
# Whoever is not let in may be let in later: the server could not look up who it is.
LATER = {401, 403, 408, 429}


@dataclass(frozen=True)
class Reply:
    """What became of a request."""

    outcome: Outcome
    status: int = 0
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """What MLflow calls the error; empty if it says nothing."""
        try:
            return str(self.json["error_code"])
        except (ValueError, KeyError, TypeError):
            return ""

    @classmethod
    def of(cls, status: int, body: bytes) -> Reply:
        """Return an answer and what it means for what was asked."""
        said = cls(Outcome.REFUSED, status, body)
        if status == 200:
            return replace(said, outcome=Outcome.ACKNOWLEDGED)
        if status >= 500 or status in LATER or said.code == DOUBTFUL:
            return replace(said, outcome=Outcome.FAILED)
        return said


@dataclass
class Client:
    """One writer's or reader's connection.

    Args:
        port: where the server is reached, on 127.0.0.1.
        authority: the certificate of its authority.
        login: who asks.
        patience_s: how long an answer may take.
        host: the name by which the server is asked; its address and port where that is empty.
    """

    port: int
    authority: Path
    login: tuple[str, str]
    patience_s: float = 30.0
    host: str = ""
    _connection: http.client.HTTPSConnection | None = field(default=None, repr=False)

    def post(self, endpoint: str, **body: object) -> Reply:
        """Ask something that is asked with POST."""
        return self.send("POST", f"{API}/{endpoint}", json.dumps(body).encode(), {"Content-Type": "application/json"})

    def get(self, path: str) -> Reply:
        """Ask something that is asked with GET."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """Send one request, once."""
        try:
            connection = self._connected()
        except (OSError, http.client.HTTPException):
            self.close()
            return Reply(Outcome.REFUSED)  # nothing of it was sent
        credentials = base64.b64encode(":".join(self.login).encode()).decode()
        try:
            said = {"Authorization": f"Basic {credentials}"} | ({"Host": self.host} if self.host else {})
            connection.request(method, path, body, {**(headers or {}), **said})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return Reply(Outcome.UNKNOWN)
        return Reply.of(answer.status, content)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            trusted = _trusting(self.authority)
            self._connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=self.patience_s, context=trusted
            )
        if self._connection.sock is None:
            self._connection.connect()
        return self._connection


@cache
def _trusting(authority: Path) -> ssl.SSLContext:
    """Return what trusts an authority; every server of a platform has the same, so it is read once."""
    return ssl.create_default_context(cafile=str(authority))
