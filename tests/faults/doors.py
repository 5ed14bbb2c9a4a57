"""What stands between the server and those it talks to, so that their connections break and their requests fail."""

from __future__ import annotations

import asyncio
import http.client
import random
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
CHUNK = 65536
# Closed like this, a connection ends with a reset instead of a goodbye.
RESET = struct.pack("ii", 1, 0)


class Door:
    """Hands connections on to a port of this machine, until they are reset or nothing comes through.

    Args:
        target: the port.

    Attributes:
        port: its own.
        resets: how many connections it has reset.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.resets = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"door to {target}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        """Reset what is open and end."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> int:
        """Reset every connection, whatever passes through it just now; return how many."""

        async def do() -> int:
            return self._reset()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(10)

    def hold(self) -> int:
        """Let nothing through, as a network does that has lost its way; return for how many connections."""
        self._loop.call_soon_threadsafe(self._flowing.clear)
        return len(self._open) // 2

    def let_through(self) -> None:
        """Let through what was held, and what comes."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _end(self) -> None:
        self._server.close()
        self._reset()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset(self) -> int:
        writers, self._open = list(self._open), set()
        for writer in writers:
            plain = writer.get_extra_info("socket")
            with suppress(OSError):
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        count = len(writers) // 2
        self.resets += count
        return count

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                there, back = await asyncio.open_connection(LOOPBACK, self.target)
                self._open |= {writer, back}
                try:
                    await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
                finally:
                    self._open -= {writer, back}
                    back.transport.abort()
        finally:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


class Storage(ThreadingHTTPServer):
    """Hands requests on to simulated S3, and refuses a share of them when it is told to.

    Args:
        target: the address of simulated S3.
        drawn: decides which requests are refused.

    Attributes:
        share: of the requests, that is refused.
        refused: how many it has refused.
    """

    daemon_threads = True

    def __init__(self, target: str, drawn: random.Random) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.target = urlsplit(target)
        self.drawn = drawn
        self.share = 0.0
        self.refused = 0
        self._thread = threading.Thread(target=self.serve_forever, name="storage")

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.server_port}"

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever asked was killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Storage

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.drawn.random() < self.server.share:
            self.server.refused += 1
            self._say(503, [("Content-Type", "application/xml")], b"<Error><Code>SlowDown</Code></Error>")
            return
        there = http.client.HTTPConnection(str(self.server.target.hostname), self.server.target.port, timeout=60)
        try:
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    there.putheader(name, value)
            there.endheaders(body)
            answer = there.getresponse()
            left_out = {"connection", "transfer-encoding", "content-length"}
            headers = [item for item in answer.getheaders() if item[0].lower() not in left_out]
            self._say(answer.status, headers, answer.read(), length=answer.getheader("Content-Length"))
        finally:
            there.close()

    def _say(self, status: int, headers: list[tuple[str, str]], body: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        # The answer to HEAD tells the length of what it does not hold.
        self.send_header("Content-Length", (length or "0") if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815 - called so by the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""
