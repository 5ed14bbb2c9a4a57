"""Simulated AWS under AWS's own host names, over TLS, for instances: their user data is the one for the real AWS.

Instances are led here by their name server, and trust the certificate authority of the rehearsal. A certificate is made
for each name when it is first asked for, since a bucket's name is part of a host name.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from yolops.platform.ports import LOOPBACK
from yolops.rehearsal.virtual_network import PUBLIC_AUTHORITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yolops.rehearsal.certificates import Authority

# Where AWS publishes the authorities of RDS, which are no part of an image.
TRUST_STORE = "truststore.pki.rds.amazonaws.com"
NO_NAME = "amazonaws.com"

Application = Any


class AwsNames:
    """Serves an application over TLS on a port of 127.0.0.1.

    Args:
        application: what answers.
        authority: signs a certificate for each name.
        handler: the kind of request handler that the application needs.

    Attributes:
        port: where.
    """

    def __init__(self, application: Application, authority: Authority, handler: type[WSGIRequestHandler]) -> None:
        contexts = _Contexts(authority)

        class TlsHandler(handler):  # type: ignore[misc, valid-type] # given by the caller
            request: Any

            def setup(self) -> None:
                # In the thread of the request: a client that says nothing must not keep the others waiting.
                self.request = contexts.default.wrap_socket(self.request, server_side=True)
                super().setup()

            def finish(self) -> None:
                super().finish()
                self.request.close()

        served = without_public_authority(with_trust_store(application, authority))
        self._server = make_server(LOOPBACK, 0, served, threaded=True, request_handler=TlsHandler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="aws names", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Contexts:
    """A TLS context for each name."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._lock = threading.Lock()
        self._known: dict[str, ssl.SSLContext] = {}
        self.default = self._context(NO_NAME)
        self.default.sni_callback = self._choose

    def _choose(self, connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        if name:
            connection.context = self._context(name.lower())

    def _context(self, name: str) -> ssl.SSLContext:
        with self._lock:
            if name not in self._known:
                file = f"aws-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
                issued = self._authority.issue(file, [name])
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(issued.certificate, issued.key)
                self._known[name] = context
            return self._known[name]


def with_trust_store(application: Application, authority: Authority) -> Callable[..., Iterable[bytes]]:
    """Return an application that also hands out the certificates by which instances know their database."""

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", "").partition(":")[0] != TRUST_STORE:
            answer: Iterable[bytes] = application(environ, start_response)
            return answer
        body = authority.root.read_bytes()
        start_response("200 OK", [("Content-Type", "application/x-pem-file"), ("Content-Length", str(len(body)))])
        return [body]

    return serve


def without_public_authority(application: Application) -> Callable[..., Iterable[bytes]]:
    """Return an application that also says, as RFC 8555 has it (section 6.7), why Let's Encrypt cannot be asked."""
    problem = {"type": "urn:ietf:params:acme:error:serverInternal", "detail": "a rehearsal has no public authority"}

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ.get("HTTP_HOST", "").endswith(PUBLIC_AUTHORITY):
            answer: Iterable[bytes] = application(environ, start_response)
            return answer
        body = json.dumps(problem).encode()
        headers = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
        start_response("503 Service Unavailable", headers)
        return [body]

    return serve
