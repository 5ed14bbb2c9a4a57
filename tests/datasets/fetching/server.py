"""A web server on loopback that does what a test tells it to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each request by the next of its answers, the last one again and again; keeps what it was asked."""

    daemon_threads = True

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, dict(self.headers)))
        answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        answer(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        pass


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    with Server(list(answers)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def content(body: bytes, *, cut_after: int | None = None, status: int = 200, **headers: str) -> Answer:
    """Answer with a body, or with a part of it while its whole length is promised."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body[:cut_after])

    return answer


def rest_of(body: bytes, tag: str) -> Answer:
    """Answer with the part that is asked for, if the tag fits; else with all."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if not start or request.headers.get("If-Range") != tag:
            return content(body, ETag=tag)(request)
        where = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return content(body[start:], status=206, ETag=tag, Content_Range=where)(request)

    return answer


def led_to(url: str) -> Answer:
    return content(b"", status=302, Location=url)
