"""An HTTP server on loopback that answers as it was told and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.answering import Answering, answering

PREFIX = "/api/2.0/mlflow/"


@dataclass
class Asked:
    """One question: the endpoint, the query or the body, and the headers."""

    endpoint: str
    values: dict[str, Any]
    headers: dict[str, str]


@dataclass
class FakeMlflow:
    """What the server answers, by endpoint: several answers in turn, the last one for ever.

    An answer is a dictionary (JSON, 200), a pair of status and dictionary or text, or bytes, which are sent as they
    are instead of HTTP.
    """

    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    uri: str = ""

    def will_answer(self, endpoint: str, *answers: Any) -> None:
        self.answers[endpoint] = list(answers)

    def next_answer(self, endpoint: str) -> Any:
        waiting = self.answers.get(endpoint) or [(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": endpoint})]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@contextmanager
def serving() -> Iterator[FakeMlflow]:
    """Serve on a free port of loopback until the block ends."""
    fake = FakeMlflow()

    class Handler(Answering):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            self._answer(query)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_DELETE(self) -> None:
            self.do_POST()

        def _answer(self, values: dict[str, Any]) -> None:
            endpoint = urlsplit(self.path).path.removeprefix(PREFIX)
            fake.asked.append(Asked(endpoint, values, dict(self.headers)))
            answer = fake.next_answer(endpoint)
            if isinstance(answer, bytes):
                self.wfile.write(answer)
                return
            status, content = answer if isinstance(answer, tuple) else (200, answer)
            self.say(status, content)

    with answering(Handler) as fake.uri:
        yield fake
