"""The processes that serve are there as long as the server is, and no longer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rehearsal.conftest import wait_for
from tests.server.conftest import SOURCE

PROGRAM = """
import os, signal, sys
from pathlib import Path
from yolops_server.serve import Workers

def work():
    Path(str(os.getpid())).touch()
    signal.pause()

Workers(2, work).run()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environ) as process:
        yield process
        process.terminate()


def workers(directory: Path) -> set[int]:
    return {int(file.name) for file in directory.iterdir()}


def runs(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_one_that_dies_is_replaced_and_the_other_goes_on(server: subprocess.Popen[bytes], tmp_path: Path) -> None:
    wait_for(lambda: len(workers(tmp_path)), 2)
    killed, other = workers(tmp_path)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: len(workers(tmp_path)), 3)
    assert runs(other)
    assert server.poll() is None


def test_all_end_with_the_server(server: subprocess.Popen[bytes], tmp_path: Path) -> None:
    wait_for(lambda: len(workers(tmp_path)), 2)
    server.terminate()
    assert server.wait(10) == 0
    assert [process for process in workers(tmp_path) if runs(process)] == []


SHARING = """
import asyncio, os
from multiprocessing import get_context
from yolops_server.serve import Listener

listener = Listener()
listener.bind(("127.0.0.1", 0))
listener.listen()
print(listener.getsockname()[1], flush=True)

async def answer(reader, writer):
    nodelay = writer.get_extra_info("socket").getsockopt(6, 1)
    writer.write(f"{os.getpid()} {nodelay}\\n".encode())
    await writer.drain()
    await reader.read()

async def serve():
    server = await asyncio.start_server(answer, sock=listener, backlog=1)
    await server.serve_forever()

workers = [get_context("fork").Process(target=lambda: asyncio.run(serve())) for _ in range(2)]
for worker in workers:
    worker.start()
input()
for worker in workers:
    worker.terminate()
"""


def test_connections_that_come_at_once_are_shared_and_wait_for_no_packet() -> None:
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", SHARING]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with ExitStack() as closing:
            connections = [closing.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)]
            said = [connection.makefile().readline().split() for connection in connections]
        process.communicate("end\n")
    shares = Counter(worker for worker, _ in said)
    assert len(shares) == 2
    assert min(shares.values()) >= 10
    assert {nodelay for _, nodelay in said} == {"1"}
