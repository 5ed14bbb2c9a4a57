"""What stands before moto: requests for MLflow go to the right server, and what moto lacks is refused and counted."""

from __future__ import annotations

import json
import threading
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from yolops.rehearsal import prices
from yolops.rehearsal.calls import read_call, refusal, signed_service
from yolops.rehearsal.log import log
from yolops.rehearsal.mlflow import AUTHORIZE_PATH
from yolops.rehearsal.proxy import hand_on
from yolops.rehearsal.rehearsal import INTERRUPT_PATH, STATUS_PATH
from yolops.rehearsal.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yolops.rehearsal.calls import Call, MissingCalls
    from yolops.rehearsal.turns import Turns

HEALTH_PATH = "/health"
# By these the `sagemaker-mlflow` plugin says which server a request is for, and for which service it signs then.
SIGNED_FOR = {
    "HTTP_X_MLFLOW_SM_TRACKING_SERVER_ARN": "sagemaker-mlflow",
    "HTTP_X_SM_MLFLOW_APP_ARN": "sagemaker",
}

StartResponse = Any
Environ = dict[str, Any]


class Gate:
    """A WSGI application around moto's.

    Args:
        moto: moto's own application.
        missing: where what it lacks is counted.
        turns: lets requests and looks at the whole alternate.
        server_of: gives the address of the MLflow server behind an ARN, as `inventory.server_of` does.
        redeem: gives the ARN a presigned ticket is for.
        status: says what is there.
        interrupt: takes the spot instance of a job away, with some seconds of grace; false if it has none that trains.
    """

    def __init__(
        self,
        moto: Callable[[Environ, StartResponse], Iterable[bytes]],
        missing: MissingCalls,
        turns: Turns,
        *,
        server_of: Callable[[str], str | None],
        redeem: Callable[[str], str | None],
        status: Callable[[], dict[str, Any]],
        interrupt: Callable[[str, float], bool],
    ) -> None:
        self._moto = moto
        self._repeats = Repeats(moto)
        self._missing = missing
        self._turns = turns
        self._server_of = server_of
        self._redeem = redeem
        self._status = status
        self._interrupt = interrupt
        self._one_at_a_time = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        # Only browsers say so. moto would let the pages of any site in, and jobs run as this user.
        if environ.get("HTTP_ORIGIN"):
            return _json(start_response, "403 Forbidden", {"message": "the rehearsal is not for pages of a browser"})
        for header, service in SIGNED_FOR.items():
            if environ.get(header, "").startswith("arn:"):
                return self._mlflow(environ, start_response, environ[header], service)
        own = {
            HEALTH_PATH: self._health,
            STATUS_PATH: self._tell_status,
            INTERRUPT_PATH: self._interrupt_job,
            AUTHORIZE_PATH: self._authorize,
        }
        answer = None if environ.get("HTTP_AUTHORIZATION") else own.get(environ.get("PATH_INFO", ""))
        return (answer or self._aws)(environ, start_response)

    def _health(self, _environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return _json(start_response, "200 OK", {"status": "OK"})

    def _tell_status(self, _environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return _json(start_response, "200 OK", self._status())

    def _interrupt_job(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        asked = _body(environ)
        return _json(start_response, "200 OK", {"done": self._interrupt(asked["job"], asked["grace_s"])})

    def _aws(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        call = read_call(environ)
        if (call.service, call.action) == ("pricing", "GetProducts"):
            return _json(start_response, "200 OK", prices.products(_body(environ)))
        try:
            with self._turns.request():
                if call.form == "s3":
                    answer = self._moto(environ, start_response)
                else:
                    # moto forgets a rule of a group when another of it is changed meanwhile, as Terraform does it.
                    with self._one_at_a_time:
                        answer = self._repeats(environ, start_response)
        except NotImplementedError as error:
            return self._refuse(call, start_response, "not implemented", str(error))
        except Exception as error:  # noqa: BLE001 - whatever moto stumbles over must not be tried for a quarter of an hour
            traceback.print_exc()
            return self._refuse(call, start_response, "failed", f"{type(error).__name__}: {error}")
        if not call.reads:
            self._turns.changed()
        return answer

    def _refuse(self, call: Call, start_response: StartResponse, reason: str, why: str) -> Iterable[bytes]:
        self._missing.add(call, reason)
        log(f"{reason}: {call.service} {call.action} ({why})")
        status, headers, body = refusal(call, f"{call.service} {call.action}: {reason} by the rehearsal ({why})")
        start_response(status, headers)
        return [body]

    def _mlflow(self, environ: Environ, start_response: StartResponse, arn: str, service: str) -> Iterable[bytes]:
        if signed_service(environ) != service:
            return _mlflow_error(start_response, "403 Forbidden", "PERMISSION_DENIED", f"not signed for {service}")
        server = self._server_of(arn)
        if server is None:
            return _mlflow_error(start_response, "404 Not Found", "RESOURCE_DOES_NOT_EXIST", f"{arn} does not exist")
        try:
            if not server:
                raise ConnectionError("it is not running")
            status, headers, body = hand_on(environ, server)
        except OSError as error:
            return _mlflow_error(
                start_response, "503 Service Unavailable", "TEMPORARILY_UNAVAILABLE", f"{arn} does not answer ({error})"
            )
        start_response(status, headers)
        return body

    def _authorize(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        ticket = parse_qs(environ.get("QUERY_STRING", "")).get("authToken", [""])[0]
        arn = self._redeem(ticket)
        server = self._server_of(arn) if arn else None
        if not server:
            return _json(start_response, "403 Forbidden", {"message": "used up, too old, or never issued"})
        start_response("302 Found", [("Location", f"{server}/"), ("Content-Length", "0")])
        return []


def _body(environ: Environ) -> dict[str, Any]:
    return dict(json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))))


def _mlflow_error(start_response: StartResponse, status: str, code: str, message: str) -> Iterable[bytes]:
    """Answer as MLflow does, whose client shows the message."""
    return _json(start_response, status, {"error_code": code, "message": message})


def _json(start_response: StartResponse, status: str, value: object) -> Iterable[bytes]:
    body = json.dumps(value).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
