"""A proxy on loopback that holds every request back for a while, as a distant server would."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def delayed(url: str, seconds: float) -> Iterator[str]:
    """Yield the address of a proxy to `url` that waits `seconds` before it passes on anything a client sends."""
    target = urlsplit(url)
    loop = asyncio.new_event_loop()
    started = threading.Event()
    own_host, target_host = b"", f"Host: {target.netloc}\r\n".encode()
    address = ""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause: float) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(65536):
                await asyncio.sleep(pause)
                # MLflow answers only those who call it by its own name.
                writer.write(chunk.replace(own_host, target_host))
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(target.hostname, target.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back, seconds), pump(there, writer, 0.0))

    async def serve() -> None:
        nonlocal address, own_host
        server = await asyncio.start_server(connect, "127.0.0.1", 0)
        name = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        address, own_host = f"http://{name}", f"Host: {name}\r\n".encode()
        started.set()
        async with server:
            await server.serve_forever()

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
        thread.join(10)
