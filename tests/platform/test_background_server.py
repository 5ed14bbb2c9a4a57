"""What every server in the background has in common, where the local platform does not show it."""

from __future__ import annotations

import sys
from pathlib import Path

from yolops.platform.background_server import BackgroundServer, Program

# The first port is taken when it starts, and free again when somebody looks.
SERVER = """
import http.server, socketserver, sys
port, first = map(int, sys.argv[1:])
if port == first:
    sys.exit("OSError: [Errno 98] Address already in use")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"OK")

socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", port), Handler).serve_forever()
"""
PORTS = range(5960, 5980)


def test_a_port_that_somebody_had_for_a_moment_is_followed_by_the_next(tmp_path: Path) -> None:
    said: list[str] = []
    server = BackgroundServer(tmp_path, lock=tmp_path / "lock", stop_patience_s=5, say=said.append)
    tried: list[int] = []

    def argv(port: int) -> list[str]:
        tried.append(port)
        return [sys.executable, "-c", SERVER, str(port), str(tried[0])]

    record = server.start(Program("it", "1", argv, {}, PORTS, "read its log"))
    try:
        assert record.port == tried[-1] != tried[0]
        assert said[-1].endswith("trying the next")
    finally:
        server.end(record)
