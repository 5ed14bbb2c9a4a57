"""The MLflow of local mode, as its checks see it when it is not well; the healthy one is typed in tests/cli."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yolops.diagnosis.check import Seen, Skip
from yolops.diagnosis.local_server import Local, artifacts, database, port, server, version
from yolops.platform.database import damage
from yolops.platform.local import LocalPlatform
from yolops.platform.server_record import ServerRecord, write_record
from yolops.platform.workspace import Workspace
from yolops.running_processes import ProcessIdentity, this_process


@pytest.fixture
def local(tmp_path: Path) -> Local:
    workspace = Workspace(tmp_path)
    workspace.create_state()
    return Local(LocalPlatform(workspace), workspace.state)


@pytest.fixture
def taken() -> socket.socket:
    """Another program that listens on a port."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0)
    return listening


def remember(local: Local, port: int, process: ProcessIdentity | None, version: str = "3.17.2") -> None:
    write_record(local.state / "server.json", ServerRecord(port, version, datetime.now(UTC), process))


def codes(seen: Seen) -> list[tuple[str, str]]:
    return [(finding.severity.value, finding.code) for finding in seen.findings]


DEAD = ProcessIdentity(2**22 - 1, 1.0)


def test_a_workspace_without_a_server_yet_is_in_order(local: Local) -> None:
    assert (codes(server(local)), codes(port(local))) == ([], [])
    for look in (version, database):
        with pytest.raises(Skip):
            look(local)


def test_a_server_that_died_is_an_error_and_one_that_was_stopped_is_none(local: Local) -> None:
    remember(local, 5000, DEAD)
    (finding,) = server(local).findings
    assert (finding.code, finding.fix) == ("server-died", "yolops up")
    remember(local, 5000, None)
    assert codes(server(local)) == []


def test_a_server_that_lives_and_does_not_answer_is_an_error(local: Local) -> None:
    remember(local, 1, this_process())
    assert codes(server(local)) == [("error", "server-unhealthy")]


def test_a_port_that_another_program_has_taken_is_named_with_it(local: Local, taken: socket.socket) -> None:
    number = taken.getsockname()[1]
    remember(local, number, DEAD)
    (finding,) = port(local).findings
    assert (finding.severity, finding.code) == ("warning", "port-taken")
    assert f"(process {os.getpid()})" in finding.what
    taken.close()
    assert codes(port(local)) == []


def test_a_server_of_another_mlflow_is_a_warning(local: Local) -> None:
    remember(local, 5000, None, version="2.9.0")
    (finding,) = version(local).findings
    assert "the server is MLflow 2.9.0" in finding.what
    remember(local, 5000, None)
    assert codes(version(local)) == []


def test_a_damaged_database_is_found_and_a_sound_one_is_left_as_it_is(local: Local) -> None:
    file = local.state / "mlflow.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE metrics (value TEXT)")
        connection.executemany("INSERT INTO metrics VALUES (?)", [("x" * 1000,)] * 2000)
    content = file.read_bytes()
    assert codes(database(local)) == []
    assert file.read_bytes() == content
    assert damage(file, -1.0) is None, "what is not done in time is neither sound nor damaged"
    file.write_bytes(content[: len(content) // 2] + b"\x00" * 4096 + content[len(content) // 2 + 4096 :])
    (finding,) = database(local).findings
    assert finding.code == "database-damaged"
    assert "mlflow.db.before-*" in finding.fix
    file.write_bytes(b"not a database, and too long to be an empty one")
    assert codes(database(local)) == [("error", "database-damaged")]


def test_artifacts_that_can_be_written_are_in_order(local: Local) -> None:
    (local.state / "artifacts").mkdir()
    assert codes(artifacts(local)) == []
