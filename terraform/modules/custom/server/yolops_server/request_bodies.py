"""What is wrong in the JSON of a request is for its sender to mend: 400, and what was expected.

MLflow looks at the types of a body in some of its routes. In others it fails at them, which would be 500: a fault of
the server, after which clients ask again.
"""

from __future__ import annotations

import re
from types import NoneType
from typing import TYPE_CHECKING, Any

from yolops_server.administrators import INVALID, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

# Their body is a file, which may be JSON of any kind.
FILES = {"serve_upload_artifact", "_upload_artifact"}
KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    NoneType: "null",
}
# The routes of users and roles have no protocol buffer that would say what they take. A number goes to the database as
# it is, and MySQL takes 0 for any name.
OF_USERS = re.compile(r"/(ajax-)?api/[0-9.]+/mlflow/(users|roles)/")
TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("username", "password", "current_password", "workspace"), (str,)),
    **dict.fromkeys(("resource_type", "resource_id", "resource_pattern", "permission"), (str,)),
    "role_id": (int, str),
    "role_permission_id": (int, str),
    "is_admin": (bool,),
    # Null is what stays as it is.
    "name": (str, NoneType),
    "description": (str, NoneType),
}


def install(flask_app: Any) -> None:
    """Have MLflow's application of Flask answer that way, and its route of spans, which is not Flask's."""
    from mlflow.server import handlers, otel_api

    # Before MLflow's own, which read the body to see what is allowed; and after all of them.
    flask_app.before_request_funcs[None].insert(0, _refuse_bodies)
    messages = {handler.__name__: message for message, handler in handlers.HANDLERS.items()}
    flask_app.after_request_funcs[None].insert(0, lambda response: _explained(response, messages))
    spans: Any = otel_api
    spans._convert_otlp_json_ids_to_base64 = _or_no_spans(spans._convert_otlp_json_ids_to_base64)


def _refuse_bodies() -> Any:
    from flask import request

    if request.endpoint in FILES:
        return None
    wrong = wrong_in(request.path, request.get_json(force=True, silent=True))
    if not wrong:
        return None
    from mlflow.server.auth import authenticate_request
    from werkzeug.wrappers import Response

    who = authenticate_request()
    return who if isinstance(who, Response) else refusal(400, INVALID, wrong)


def wrong_in(path: str, body: Any) -> str:
    """Return what is wrong in a body, and what was expected; nothing where nothing is.

    Args:
        path: the path of the request.
        body: what its JSON says; None where there is none.
    """
    if body is None:
        return ""
    if not isinstance(body, dict):
        return f"the body is {KINDS[type(body)]}: a JSON object was expected"
    if OF_USERS.match(path):
        for name, value in body.items():
            wanted = TYPES.get(name, ())
            if wanted and type(value) not in wanted:
                return f"{name} is {KINDS[type(value)]}: {KINDS[wanted[0]]} was expected"
    return ""


def _explained(response: Any, messages: Any) -> Any:
    """Return the answer, or what is wrong in the body that MLflow has failed at."""
    if response.status_code != 500:
        return response
    from flask import make_response, request
    from google.protobuf.json_format import ParseDict, ParseError

    message, body = messages.get(request.endpoint), request.get_json(force=True, silent=True)
    if message and isinstance(body, dict):
        try:
            ParseDict(body, message(), ignore_unknown_fields=True)
        except ParseError as error:
            return make_response(refusal(400, INVALID, str(error)))
    return response


def _or_no_spans(read: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return what reads spans in JSON, and raises for another type what MLflow answers with 400."""

    def checked(body: bytes) -> bytes:
        try:
            return read(body)
        except (AttributeError, TypeError) as error:
            raise ValueError(str(error)) from error

    return checked
