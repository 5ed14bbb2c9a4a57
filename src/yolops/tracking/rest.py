"""Asking MLflow questions without importing mlflow, which takes seconds: its REST API.

Documented at https://mlflow.org/docs/latest/rest-api.html. Credentials and trust are handed in, never looked up here.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.platform.access import Credentials
from yolops.platform.trust import SYSTEM, opener, refused_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yolops.platform.trust import Trust

TIMEOUT_S = 30.0
# As many as every search of MLflow gives at once.
PAGE = 1000


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: urllib would hand the credentials to whatever host an answer names."""

    def redirect_request(self, *_: Any) -> None:
        return None


class MlflowRest:
    """Asks an MLflow server.

    Args:
        tracking_uri: an http or https address.
        credentials: how to log in.
        trust: how the server is known again.
        sign: adds to a request what the server asks for instead of credentials.
        patience_s: how long an answer may take, in seconds.
    """

    def __init__(
        self,
        tracking_uri: str,
        credentials: Credentials | None = None,
        *,
        trust: Trust = SYSTEM,
        sign: Callable[[urllib.request.Request], None] = lambda _: None,
        patience_s: float = TIMEOUT_S,
    ) -> None:
        self.base = tracking_uri.rstrip("/")
        self.credentials = credentials or Credentials()
        self._trust = trust
        self._sign = sign
        self._patience_s = patience_s
        self._opener = opener(self.base, trust, _NoRedirect)

    def get(self, endpoint: str, **query: object) -> dict[str, Any]:
        """Ask one question, such as `get("runs/get", run_id=...)`.

        Raises:
            NotFoundError: there is no such thing.
            YolopsError: the server does not answer, or refuses.
        """
        pairs = urllib.parse.urlencode(
            {name: value for name, value in query.items() if value}, doseq=True, quote_via=urllib.parse.quote
        )
        return self._send("GET", f"{endpoint}?{pairs}", None)

    def post(self, endpoint: str, **body: object) -> dict[str, Any]:
        """Ask a question that MLflow takes as a POST, such as `runs/search`.

        Raises:
            NotFoundError: there is no such thing.
            YolopsError: the server does not answer, or refuses.
        """
        return self.send("POST", endpoint, **body)

    def send(self, method: str, endpoint: str, **body: object) -> dict[str, Any]:
        """Say what shall be, such as `send("PATCH", "users/update-admin", username=...)`.

        Raises:
            NotFoundError: there is no such thing.
            YolopsError: the server does not answer, or refuses.
        """
        return self._send(method, endpoint, json.dumps(body).encode())

    def _send(self, method: str, endpoint: str, body: bytes | None) -> dict[str, Any]:
        # What is new in MLflow has another version before its name, and is given whole.
        path = endpoint if endpoint.startswith("/") else f"/api/2.0/mlflow/{endpoint}"
        try:
            return self._answer(method, path, body)
        except urllib.error.HTTPError as error:
            raise self._translated(error) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            if why := refused_certificate(error):
                raise UnknownServerError(
                    f"{self.base}: the certificate of the server is not trusted ({why})",
                    "set MLFLOW_TRACKING_SERVER_CERT_PATH to the certificate of the authority that signed it",
                ) from error
            raise YolopsError(
                f"{self.base}: no answer from MLflow ({_plain(error)})", "see how it is: yolops status"
            ) from error

    def _answer(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - an address that a person or Terraform gave
            f"{self.base}{path}",
            body,
            {"Content-Type": "application/json", **self.credentials.header()},
            method=method,
        )
        self._sign(request)
        try:
            answer = self._opener.open(request, timeout=self._patience_s)
        except OSError as error:
            # Nothing was sent yet, so nothing happens twice.
            if not (refused_certificate(error) and self._trust.renew()):
                raise
            self._opener = opener(self.base, self._trust, _NoRedirect)
            answer = self._opener.open(request, timeout=self._patience_s)
        with answer:
            found = json.load(answer)
            if not isinstance(found, dict):
                raise ValueError(f"{type(found).__name__} instead of an object")
            return found

    def _translated(self, error: urllib.error.HTTPError) -> YolopsError:
        try:
            said = json.load(error)
            code, message = said["error_code"], str(said["message"])
        except (ValueError, KeyError, TypeError):
            code, message = "", error.reason
        if code == "RESOURCE_DOES_NOT_EXIST":
            return NotFoundError(message, "see what there is: yolops runs list, yolops models list")
        if code == "RESOURCE_ALREADY_EXISTS":
            return ExistsError(message, "choose another name")
        if error.code == 401:
            return LoginError(
                f"{self.base}: MLflow does not let you in as {self.credentials.who} (401)",
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; an administrator gives you a new password: "
                "yolops users password NAME",
            )
        if error.code == 403:
            return YolopsError(
                f"{self.base}: MLflow does not let {self.credentials.who} do this (403)",
                "ask an administrator for the permission (yolops users grant); for managed MLflow, have IAM allow "
                "sagemaker:CallMlflowAppApi, or the actions sagemaker-mlflow of a tracking server",
            )
        kind = NotFoundError if error.code == 404 else YolopsError
        return kind(f"{self.base}: MLflow answered {error.code}: {message}", "see how it is: yolops status")


def search_all(ask: Callable[..., dict[str, Any]], endpoint: str, **query: object) -> Iterator[dict[str, Any]]:
    """Yield everything that a search finds, page by page.

    Args:
        ask: `MlflowRest.get` or `MlflowRest.post`, whichever MLflow wants for it.
        endpoint: such as `registered-models/search`; the answer calls what it finds by the first part of it.
        query: what is searched for.

    Raises:
        YolopsError: the server does not answer, or refuses.
    """
    what = endpoint.partition("/")[0].replace("-", "_")
    token: str = ""
    while True:
        answer = ask(endpoint, max_results=PAGE, **query, **({"page_token": token} if token else {}))
        yield from answer.get(what, [])
        token = answer.get("next_page_token", "")
        if not token:
            return


def _plain(error: Exception) -> object:
    """Return what is wrong without how urllib wraps it: `Connection refused`."""
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or reason


class NotFoundError(YolopsError):
    """What was asked for does not exist."""


class ExistsError(YolopsError):
    """What was to be made is there already."""


class UnknownServerError(YolopsError):
    """The server cannot show that it is the one that was meant."""


class LoginError(YolopsError):
    """The server does not know who asks."""
