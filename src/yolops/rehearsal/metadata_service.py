"""The metadata service of a simulated VPC, version 2 only: a token first, then everything else.

It listens on 169.254.169.254 inside the VPC's network namespace, so only instances reach it; which of them asks is told
by its address, as in AWS.
"""

from __future__ import annotations

import secrets
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from yolops.rehearsal import instance_metadata
from yolops.rehearsal.virtual_network import METADATA

if TYPE_CHECKING:
    from yolops.rehearsal.network_namespace import NetworkNamespace

PORT = 80
TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path
TTL, TOKEN = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
LONGEST_TTL_S = 21600


class MetadataService:
    """Answers the instances of one VPC.

    Args:
        namespace: where it listens.
    """

    def __init__(self, namespace: NetworkNamespace) -> None:
        listening = namespace.tcp_socket()
        listening.bind((METADATA, PORT))
        listening.listen(16)
        self._server = ThreadingHTTPServer((METADATA, PORT), _handler(Tokens()), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="metadata", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Tokens:
    """The tokens that were given out, each for one address and some time."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def give(self, address: str, ttl_s: int) -> str:
        """Return a new token for an address."""
        now, token = time.monotonic(), secrets.token_urlsafe(40)
        with self._lock:
            living = {known: about for known, about in self._given.items() if about[1] > now}
            self._given = {**living, token: (address, now + ttl_s)}
        return token

    def holds(self, token: str, address: str) -> bool:
        """Return whether a token was given to an address, and not too long ago."""
        owner, until = self._given.get(token, ("", 0.0))
        return owner == address and time.monotonic() < until


def answer(instance: Any, path: str) -> bytes | None:
    """Return what an instance is told at a path; None if there is nothing.

    Args:
        instance: the instance of simulated EC2.
        path: the path of the request, with a version in front.
    """
    _, _, rest = path.strip("/").partition("/")
    kind, _, name = rest.partition("/")
    text: str | None = None
    if not rest:
        text = "dynamic\nmeta-data\nuser-data"
    elif kind == "user-data" and not name:
        return instance_metadata.user_data(instance) or None
    elif kind == "meta-data":
        text = instance_metadata.find(instance_metadata.metadata(instance), name)
    elif kind == "dynamic":
        document = {"instance-identity/document": instance_metadata.identity_document(instance)}
        text = instance_metadata.find(document, name)
    return None if text is None else text.encode()


def _handler(tokens: Tokens) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request."""

        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            ttl = self.headers.get(TTL, "")
            if self.path != TOKEN_PATH or not ttl.isdigit() or not 1 <= int(ttl) <= LONGEST_TTL_S:
                return self._answer(HTTPStatus.BAD_REQUEST)
            return self._answer(HTTPStatus.OK, tokens.give(self.client_address[0], int(ttl)).encode(), {TTL: ttl})

        def do_GET(self) -> None:
            address = str(self.client_address[0])
            if not tokens.holds(self.headers.get(TOKEN, ""), address):
                return self._answer(HTTPStatus.UNAUTHORIZED)
            instance = instance_metadata.instance_at(address)
            body = None if instance is None else answer(instance, self.path.partition("?")[0])
            return self._answer(HTTPStatus.NOT_FOUND) if body is None else self._answer(HTTPStatus.OK, body)

        def _answer(self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: credentials and user data are asked for every few seconds."""

    return Handler
