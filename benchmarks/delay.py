"""A proxy on loopback that holds every call back for a while, as a distant server would."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 65536


class _Proxy:
    def __init__(self, url: str, seconds: float) -> None:
        self._target = urlsplit(url)
        self._seconds = seconds
        self.loop = asyncio.new_event_loop()
        self.started = threading.Event()
        self.name = ""

    def run(self) -> None:
        with suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self._serve())
        self.loop.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self.loop)])

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.name = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self.started.set()
        async with server:
            await server.serve_forever()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.close()
            return
        answered = asyncio.Event()
        answered.set()
        await asyncio.gather(self._ask(reader, back, answered), _answer(there, writer, answered))

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event) -> None:
        # MLflow answers only those who call it by its own name.
        own, theirs = f"Host: {self.name}\r\n".encode(), f"Host: {self._target.netloc}\r\n".encode()
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                if answered.is_set():  # a new call begins
                    answered.clear()
                    await asyncio.sleep(self._seconds)
                writer.write(chunk.replace(own, theirs))
                await writer.drain()
        writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            if not chunk.startswith(b"HTTP/1.1 100"):  # go on: the call is not answered yet
                answered.set()
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextmanager
def delayed(url: str, seconds: float) -> Iterator[str]:
    """Yield the address of a proxy to `url` that waits `seconds` before it passes on each call of a client."""
    proxy = _Proxy(url, seconds)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    proxy.started.wait(10)
    try:
        yield f"http://{proxy.name}"
    finally:
        proxy.stop()
        thread.join(10)
