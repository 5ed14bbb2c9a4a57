"""An application load balancer on loopback, as far as AWS documents what one does to requests.

It ends TLS with a certificate of its own, takes the next healthy target in turn, speaks TLS to it without looking at
its certificate, keeps connections to targets open and uses them again, hands the client's `Host` on, adds
`X-Forwarded-*`, answers 502 where a target breaks off and 503 where there is none, repeats nothing, and asks each
target by its address whether it is healthy (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/).
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.certificates import HOST, QuietServer, Signed

# Shorter than in AWS by the same factor.
INTERVAL_S, HEALTHY_AFTER, UNHEALTHY_AFTER = 0.25, 2, 4
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}


class Balancer(QuietServer):
    """One load balancer.

    Args:
        targets: the ports of its targets, on 127.0.0.1.
        files: its own certificate.

    Attributes:
        served: how many requests each target has answered.
        reused: how many of all were sent on a connection that had been used before.
        healthy: the targets that get requests.
    """

    daemon_threads = True

    def __init__(self, targets: list[int], files: Signed) -> None:
        super().__init__((HOST, 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.targets = targets
        self.healthy: set[int] = set()
        self.served: Counter[int] = Counter()
        self.reused = 0
        self._turn = 0
        self._idle: dict[int, list[http.client.HTTPSConnection]] = {port: [] for port in targets}
        self._lock = threading.Lock()

    def next_target(self) -> int | None:
        """Return the target whose turn it is; None where none is healthy."""
        with self._lock:
            able = [port for port in self.targets if port in self.healthy]
            self._turn += 1
            return able[self._turn % len(able)] if able else None

    def connection(self, target: int) -> http.client.HTTPSConnection:
        """Return a connection to a target, one that is open if there is one."""
        with self._lock:
            if self._idle[target]:
                self.reused += 1
                return self._idle[target].pop()
        return _connection(target)

    def answered(self, target: int, connection: http.client.HTTPSConnection) -> None:
        """Take note of an answer, and keep the connection if the target keeps it."""
        with self._lock:
            self.served[target] += 1
            if connection.sock is not None:
                self._idle[target].append(connection)

    def server_close(self) -> None:
        """Close what it holds open, too."""
        super().server_close()
        for connection in [connection for idle in self._idle.values() for connection in idle]:
            connection.close()

    def watch(self, ended: threading.Event) -> None:
        """Ask the targets whether they are healthy, until the end."""
        for thread in [threading.Thread(target=self._watch, args=(port, ended)) for port in self.targets]:
            thread.start()

    def _watch(self, target: int, ended: threading.Event) -> None:
        streak = 0  # of answers that differ from what is thought of the target
        while not ended.wait(INTERVAL_S):
            known = target in self.healthy
            streak = streak + 1 if _is_healthy(target) is not known else 0
            if streak == (UNHEALTHY_AFTER if known else HEALTHY_AFTER):
                streak = 0
                (self.healthy.discard if known else self.healthy.add)(target)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Balancer

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.server.next_target()
        if target is None:
            self._say(503, [], b"")
            return
        connection = self.server.connection(target)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self._headers(body):
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._say(502, [], b"")
            return
        self.server.answered(target, connection)
        self._say(answer.status, answer.getheaders(), content)

    def _headers(self, body: bytes) -> Iterator[tuple[str, str]]:
        yield from ((name, value) for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP)
        yield from [("X-Forwarded-For", self.client_address[0]), ("X-Forwarded-Proto", "https")]
        yield from [("X-Forwarded-Port", "443"), ("Content-Length", str(len(body)))]

    def _say(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _hand_on  # noqa: N815 - called so by the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _connection(target: int) -> http.client.HTTPSConnection:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(HOST, target, timeout=60, context=context)


def _is_healthy(target: int) -> bool:
    connection = _connection(target)
    try:
        connection.request(
            "GET", "/health", headers={"Host": f"{HOST}:{target}", "User-Agent": "ELB-HealthChecker/2.0"}
        )
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def balancing(targets: list[int], files: Signed) -> Iterator[Balancer]:
    """Run one until the block ends."""
    ended = threading.Event()
    with Balancer(targets, files) as balancer:
        thread = threading.Thread(target=balancer.serve_forever)
        thread.start()
        balancer.watch(ended)
        try:
            yield balancer
        finally:
            ended.set()
            balancer.shutdown()
            thread.join()
