"""Asking MLflow questions without importing mlflow, which takes seconds: its REST API over plain HTTP.

Documented at https://mlflow.org/docs/latest/rest-api.html. Credentials are those that MLflow's own client reads; they
are handed in, never looked up here.
"""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Credentials:
    """How to log in; all empty for a server that asks for nothing."""

    username: str = ""
    password: str = ""
    token: str = ""

    def header(self) -> dict[str, str]:
        """Return the HTTP header that logs in."""
        if self.token:
            # Whoever reads a token from a file has its newline too; the error about that would show the token.
            return {"Authorization": f"Bearer {''.join(self.token.split())}"}
        if self.username:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: urllib would hand the credentials to whatever host an answer names."""

    def redirect_request(self, *_: Any) -> None:
        return None


class MlflowRest:
    """Reads from an MLflow server.

    Args:
        tracking_uri: an http or https address.
        credentials: how to log in.
        sign: adds to a request what the server asks for instead of credentials.
    """

    def __init__(
        self,
        tracking_uri: str,
        credentials: Credentials | None = None,
        *,
        sign: Callable[[urllib.request.Request], None] = lambda _: None,
    ) -> None:
        self.base = tracking_uri.rstrip("/")
        self._headers = (credentials or Credentials()).header()
        self._sign = sign
        # A proxy of the environment must not stand between us and a server on this machine.
        local = urllib.parse.urlsplit(self.base).hostname in {"127.0.0.1", "localhost", "::1"}
        proxies = [urllib.request.ProxyHandler({})] if local else []
        self._opener = urllib.request.build_opener(_NoRedirect, *proxies)

    def get(self, endpoint: str, **query: object) -> dict[str, Any]:
        """Ask one question, such as `get("runs/get", run_id=...)`.

        Raises:
            NotFoundError: there is no such thing.
            YolopsError: the server does not answer, or refuses.
        """
        pairs = urllib.parse.urlencode(
            {name: value for name, value in query.items() if value}, doseq=True, quote_via=urllib.parse.quote
        )
        return self._send(f"{endpoint}?{pairs}", None)

    def post(self, endpoint: str, **body: object) -> dict[str, Any]:
        """Ask a question that MLflow takes as a POST, such as `runs/search`.

        Raises:
            NotFoundError: there is no such thing.
            YolopsError: the server does not answer, or refuses.
        """
        return self._send(endpoint, json.dumps(body).encode())

    def _send(self, endpoint: str, body: bytes | None) -> dict[str, Any]:
        url = f"{self.base}/api/2.0/mlflow/{endpoint}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", **self._headers})  # noqa: S310
        self._sign(request)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                found = json.load(answer)
                if not isinstance(found, dict):
                    raise ValueError(f"{type(found).__name__} instead of an object")
                return found
        except urllib.error.HTTPError as error:
            raise _translated(self.base, error) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise YolopsError(
                f"{self.base}: no answer from MLflow ({error})", "see how it is: yolops status"
            ) from error


class NotFoundError(YolopsError):
    """What was asked for does not exist."""


def _translated(base: str, error: urllib.error.HTTPError) -> YolopsError:
    try:
        answer = json.load(error)
        code, message = answer["error_code"], str(answer["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "", error.reason
    if code == "RESOURCE_DOES_NOT_EXIST":
        return NotFoundError(message, "see what there is: yolops runs list, yolops models list")
    if error.code in {401, 403}:
        return YolopsError(
            f"{base}: MLflow lets you not in ({error.code})",
            "set MLFLOW_TRACKING_USERNAME and its password; managed MLflow asks for sagemaker-mlflow permissions",
        )
    return YolopsError(f"{base}: MLflow answered {error.code}: {message}", "see how it is: yolops status")
