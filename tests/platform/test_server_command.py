"""How the server is started, what is remembered of it, and which port it may have: values, without a server."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yolops.errors import YolopsError
from yolops.platform.database import copy_before
from yolops.platform.ports import candidate_ports, holder, is_free
from yolops.platform.server_command import server_argv, server_environment, server_version
from yolops.platform.server_record import ServerRecord, read_record, write_record
from yolops.running_processes import ProcessIdentity

RECORD = ServerRecord(5003, "3.17.2", datetime(2026, 1, 2, tzinfo=UTC), ProcessIdentity(42, 1.5))


def test_the_server_listens_on_loopback_only_and_knows_its_own_names_only() -> None:
    argv = server_argv(5003)
    assert argv[argv.index("--host") + 1] == "127.0.0.1"
    assert argv[argv.index("--allowed-hosts") + 1] == "127.0.0.1:5003,localhost:5003,127.0.0.1,localhost"


def test_the_server_sends_no_telemetry_and_starts_no_job_workers() -> None:
    environment = server_environment(None)
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_nobody_who_reaches_the_port_can_have_mlflows_assistant_run_commands_outside_a_container() -> None:
    environment = server_environment(None)
    assert environment["MLFLOW_ENABLE_ASSISTANT_SANDBOX"] == "true"
    assert environment["MLFLOW_ENABLE_REMOTE_ASSISTANT"] == "false"


def test_a_place_for_compiled_python_is_used_only_when_given(tmp_path: Path) -> None:
    assert "PYTHONPYCACHEPREFIX" not in server_environment(None)
    assert server_environment(tmp_path)["PYTHONPYCACHEPREFIX"] == str(tmp_path)


def test_without_the_server_package_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match="MLflow server is not installed") as caught:
        server_version([str(tmp_path)])
    assert caught.value.hint == "pip install 'yolops[local]'"


def test_the_former_port_is_tried_first_so_that_the_address_stays() -> None:
    assert candidate_ports(None, 5007)[:2] == (5007, 5000)
    assert candidate_ports(None, 5007).count(5007) == 1


def test_a_port_that_was_asked_for_is_the_only_one_tried() -> None:
    assert candidate_ports(6000, 5007) == (6000,)


def test_a_port_with_a_listener_is_taken_and_its_program_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not is_free(port)
        assert f"process {os.getpid()}" in holder(port)
    assert is_free(port)
    assert holder(port) == ""


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    for record in (RECORD, RECORD.stopped()):
        write_record(tmp_path / "server.json", record)
        assert read_record(tmp_path / "server.json") == record
    assert [file.name for file in tmp_path.iterdir()] == ["server.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"port": "x"}', "null", "\x00"])
def test_a_damaged_record_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    assert read_record(tmp_path / "server.json") is None


def test_a_record_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "server.json").mkdir()
    with pytest.raises(YolopsError, match=r"server\.json: cannot be written"):
        write_record(tmp_path / "server.json", RECORD)


def test_a_copy_of_the_database_has_what_was_not_yet_in_its_main_file(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(database)) as open_one:
        open_one.execute("PRAGMA journal_mode=WAL")
        open_one.execute("CREATE TABLE runs (name)")
        open_one.execute("INSERT INTO runs VALUES ('first')")
        open_one.commit()
        copy = copy_before(database, "9.0")
    assert copy == tmp_path / "mlflow.db.before-9.0"
    with closing(sqlite3.connect(copy)) as copied:
        assert copied.execute("SELECT name FROM runs").fetchall() == [("first",)]


def test_an_older_copy_is_never_overwritten(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    sqlite3.connect(database).close()
    assert copy_before(database, "9.0").name == "mlflow.db.before-9.0"
    assert copy_before(database, "9.0").name == "mlflow.db.before-9.0.2"


def test_a_damaged_database_is_not_started_on(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    database.write_bytes(b"this is no database" * 100)
    with pytest.raises(YolopsError, match=r"mlflow\.db: cannot be copied"):
        copy_before(database, "9.0")


def test_the_record_is_plain_enough_to_read_by_eye(tmp_path: Path) -> None:
    write_record(tmp_path / "server.json", RECORD)
    assert json.loads((tmp_path / "server.json").read_text())["process"] == {"pid": 42, "started": 1.5}
