"""The database behind a simulated RDS instance: a real server, as strict as RDS where MLflow stumbles over it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from yolops.errors import YolopsError
from yolops.rehearsal.certificates import Authority
from yolops.rehearsal.mariadb import Database, MariaDb, is_installed
from yolops.running_processes import find_background

pytestmark = pytest.mark.skipif(not is_installed(), reason="MariaDB is not installed (apt-get install mariadb-server)")

PASSWORD = "It's a \\ pass`word%"
DATABASE = Database(
    "database",
    "mlflow",
    PASSWORD,
    schema="mlflow",
    hosts=("db.aaaaaaaaaa.us-east-1.rds.amazonaws.com",),
    parameters=(("log_bin_trust_function_creators", "1"), ("slow_query_log", "1")),
)
TRIGGER = "CREATE TABLE t (a INT); CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    made = MariaDb(tmp_path_factory.mktemp("rds") / "database", authority)
    try:
        made.start(DATABASE)
        yield made
    finally:
        made.stop()


def ask(
    server: MariaDb, statement: str, *, password: str = PASSWORD, tls: str = "", schema: str = "mlflow"
) -> subprocess.CompletedProcess[str]:
    """Ask as a client in the network would."""
    argv = ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={server.port}", "--user=mlflow", "--batch"]
    how = [f"--ssl-ca={tls}", "--ssl-verify-server-cert"] if tls else ["--skip-ssl"]
    return subprocess.run(
        [*argv, *how, "--skip-column-names", f"--database={schema}", f"--execute={statement}"],
        env=os.environ | {"MYSQL_PWD": password},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_master_user_logs_in_over_tls_that_can_be_verified(server: MariaDb, authority: Authority) -> None:
    seen = ask(server, "SELECT DATABASE(); SHOW STATUS LIKE 'Ssl_version'", tls=str(authority.root))
    assert seen.stderr == ""
    assert seen.stdout.split() == ["mlflow", "Ssl_version", "TLSv1.3"]


def test_a_connection_without_tls_is_refused_unless_the_parameter_group_allows_it(server: MariaDb) -> None:
    assert ask(server, "SELECT 1").returncode != 0
    try:
        server.apply(replace(DATABASE, parameters=(*DATABASE.parameters, ("require_secure_transport", "0"))))
        assert ask(server, "SELECT 1").stdout == "1\n"
    finally:
        server.apply(DATABASE)
    assert ask(server, "SELECT 1").returncode != 0


def test_a_trigger_needs_the_parameter_because_the_binary_log_is_on(server: MariaDb, authority: Authority) -> None:
    tls = str(authority.root)
    try:
        server.apply(replace(DATABASE, parameters=()))
        assert "1419" in ask(server, TRIGGER, tls=tls).stderr
    finally:
        server.apply(DATABASE)
    assert ask(server, f"DROP TABLE t; {TRIGGER}", tls=tls).stderr == ""


def test_a_rotated_password_takes_the_place_of_the_old_one_at_once(server: MariaDb, authority: Authority) -> None:
    tls = str(authority.root)
    try:
        server.apply(replace(DATABASE, password="new"))
        assert "1045" in ask(server, "SELECT 1", tls=tls).stderr
        assert ask(server, "SELECT 1", tls=tls, password="new").stdout == "1\n"
    finally:
        server.apply(DATABASE)


def test_the_master_user_may_make_users_and_schemas_but_not_everything(server: MariaDb, authority: Authority) -> None:
    tls = str(authority.root)
    assert ask(server, "CREATE DATABASE more; CREATE USER other; GRANT ALL ON more.* TO other", tls=tls).stderr != ""
    assert ask(server, "GRANT SELECT, INSERT ON more.* TO other", tls=tls).stderr == ""
    assert ask(server, "SET GLOBAL log_bin_trust_function_creators = 1", tls=tls).returncode != 0


def test_what_was_written_is_there_after_a_restart_at_the_same_port(server: MariaDb, authority: Authority) -> None:
    tls, port = str(authority.root), server.port
    assert ask(server, "CREATE TABLE kept (a INT); INSERT INTO kept VALUES (7)", tls=tls).stderr == ""
    server.stop()
    assert not server.runs()
    server.start(DATABASE)
    assert server.port == port
    assert ask(server, "SELECT a FROM kept", tls=tls).stdout == "7\n"


def test_another_database_that_starts_leaves_the_temporary_tables_of_this_one(
    server: MariaDb, authority: Authority, tmp_path: Path
) -> None:
    argv = ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={server.port}", "--user=mlflow", "--unbuffered"]
    client = subprocess.Popen(
        [*argv, f"--ssl-ca={authority.root}", "--skip-column-names", "--database=mlflow"],
        env=os.environ | {"MYSQL_PWD": PASSWORD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert client.stdin and client.stdout
    client.stdin.write("CREATE TEMPORARY TABLE held (a INT) ENGINE=Aria; INSERT INTO held VALUES (7);\n")
    client.stdin.write("SELECT a FROM held;\n")
    client.stdin.flush()
    assert client.stdout.readline() == "7\n"
    other = MariaDb(tmp_path / "other", authority)
    other.start(DATABASE)
    other.stop()
    assert client.communicate("SELECT a FROM held; DROP TABLE held;\n", timeout=60) == ("7\n", "")


def test_no_password_stands_in_arguments_log_or_readable_files(server: MariaDb) -> None:
    import psutil

    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert [command for command in commands if PASSWORD in command] == []
    assert PASSWORD not in server.log.read_text()
    assert PASSWORD not in repr(DATABASE)
    assert not (server.log.parent / "login.sql").exists()


def test_a_database_that_refuses_its_settings_does_not_go_on_running(authority: Authority, tmp_path: Path) -> None:
    made = MariaDb(tmp_path / "database", authority)
    with pytest.raises(YolopsError, match="refused its settings"):
        made.start(replace(DATABASE, schema="x" * 65))
    assert find_background(tmp_path) == []
