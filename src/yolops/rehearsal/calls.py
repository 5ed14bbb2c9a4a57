"""What is asked of the simulated AWS, and what it lacks: counted, written down, and refused so that nobody retries.

moto answers 500 for what it does not know, and Terraform then tries the same for a quarter of an hour.
"""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CODE = "NotImplementedByRehearsal"
READS = ("Describe", "Get", "List", "Head", "Lookup", "BatchGet", "Query", "Search", "AssumeRole")


@dataclass(frozen=True)
class Call:
    """One request to AWS.

    Attributes:
        service: what it was signed for, such as `ec2`; `-` if it was not signed.
        action: what it asks for: an action's name, or method and path.
        form: the format of its answers: `json`, `query`, `ec2`, `rest`.
        reads: whether it certainly changes nothing.
    """

    service: str
    action: str
    form: str
    reads: bool


def read_call(environ: dict[str, Any]) -> Call:
    """Return what a request asks for; its body can be read again afterwards."""
    service = signed_service(environ) or "-"
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        action, form = target.rpartition(".")[2], "json"
    elif environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(_body(environ)).get("Action", [f"{method} {path}"])[0]
        form = "ec2" if service == "ec2" else "query"
    else:
        action, form = f"{method} {path}", "s3" if service in {"s3", "-"} else "rest"
    return Call(service, action, form, method in {"GET", "HEAD"} or action.startswith(READS))


def signed_service(environ: dict[str, Any]) -> str:
    """Return the service a request is signed for, or nothing if it is not signed."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    return str(scope[3]).lower() if len(scope) == 5 else ""


def refusal(call: Call, message: str) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status, headers and body of an answer that no client tries again, in the format the call expects."""
    xml = f"<Code>{CODE}</Code><Message>{escape(message)}</Message>"
    bodies = {
        "ec2": f"<Response><Errors><Error>{xml}</Error></Errors><RequestID>rehearsal</RequestID></Response>",
        "query": f"<ErrorResponse><Error><Type>Sender</Type>{xml}</Error></ErrorResponse>",
        "s3": f"<Error>{xml}</Error>",
    }
    body = bodies.get(call.form)
    kind = "application/json" if body is None else "text/xml"
    if body is None:
        body = json.dumps({"__type": CODE, "message": message})
    headers = [("Content-Type", kind), ("X-Amzn-ErrorType", CODE), ("Content-Length", str(len(body.encode())))]
    return "400 Bad Request", headers, body.encode()


class MissingCalls:
    """Calls that could not be answered, counted over all starts of a rehearsal.

    Args:
        file: where each is added as a line of JSON.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self._counts = _counted(entry for line in lines for entry in _whole(line))

    def add(self, call: Call, reason: str) -> None:
        """Take note of one."""
        entry = {"service": call.service, "action": call.action, "reason": reason}
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **entry})
        with self._lock:
            self._counts += _counted([entry])
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")

    def counts(self) -> list[dict[str, Any]]:
        """Return what was missing and how often, the most frequent first."""
        with self._lock:
            return [
                {"service": service, "action": action, "reason": reason, "count": count}
                for (service, action, reason), count in self._counts.most_common()
            ]


def _counted(entries: Iterable[dict[str, str]]) -> Counter[tuple[str, str, str]]:
    return Counter((entry["service"], entry["action"], entry["reason"]) for entry in entries)


def _whole(line: str) -> list[dict[str, str]]:
    try:
        return [json.loads(line)]
    except ValueError:  # the disk was full
        return []


def _body(environ: dict[str, Any]) -> str:
    """Return the body of a form, and put it back."""
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return content.decode("utf-8", errors="replace")
