"""The processes that serve are there as long as the server is, and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
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
