"""Hands a request on to a real MLflow server, and its answer back, without holding either in memory."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

# What belongs to one connection only (RFC 9110 §7.6.1), and what was meant for AWS.
NOT_HANDED_ON = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "authorization"}
)
# A search through many runs may take long.
PATIENCE_S = 300.0
CHUNK = 1 << 16


def hand_on(environ: dict[str, Any], server: str) -> tuple[str, list[tuple[str, str]], Iterator[bytes]]:
    """Return status, headers and body of what a server answers to a request.

    Args:
        environ: the request, as WSGI describes it.
        server: the address of the server.

    Raises:
        OSError: the server cannot be reached.
    """
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=PATIENCE_S)
    path = quote(environ.get("PATH_INFO", "/"), safe="/%:@!$&'()*+,;=~")
    query = environ.get("QUERY_STRING", "")
    # The connection itself has no end: the stream has one where the request's body does.
    body = get_input_stream(environ) if environ.get("CONTENT_LENGTH") else None
    connection.request(environ["REQUEST_METHOD"], f"{path}?{query}" if query else path, body, _headers(environ))
    answer = connection.getresponse()
    headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in NOT_HANDED_ON]
    return f"{answer.status} {answer.reason}", headers, _chunks(connection, answer)


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    names = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    names |= {"content-type": environ.get("CONTENT_TYPE", ""), "content-length": environ.get("CONTENT_LENGTH", "")}
    return {name: value for name, value in names.items() if value and name not in NOT_HANDED_ON}


def _chunks(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read(CHUNK):
            yield chunk
    finally:
        connection.close()
