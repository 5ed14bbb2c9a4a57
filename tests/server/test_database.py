"""The tables of MLflow are made once and behind a mark, and those of another version are left as they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from tests.server.conftest import SOURCE
from yolops_server.database import MARK, OtherVersionError, Tables, alone, make_ready
from yolops_server.login import Login
from yolops_server.migration_repair import copy_repaired, repaired


def tables(
    engine: Engine, schema: str, wanted: str = "2", *, dies: bool = False, made: list[str] | None = None
) -> Tables:
    def make() -> None:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE TABLE `{schema}`.versions (version_num VARCHAR(9))"))
            if dies:
                raise KeyboardInterrupt
            connection.execute(text(f"INSERT INTO `{schema}`.versions VALUES ('2')"))
        if made is not None:
            made.append(schema)

    return Tables(schema, "versions", wanted, make, migrate=str)


def test_tables_are_made_once(engine: Engine) -> None:
    with alone(engine) as connection:
        assert make_ready(connection, tables(engine, "once")) == "made"
        assert make_ready(connection, tables(engine, "once")) == "unchanged"


def test_tables_whose_making_was_killed_are_made_anew(engine: Engine) -> None:
    with pytest.raises(KeyboardInterrupt), alone(engine) as connection:
        make_ready(connection, tables(engine, "killed", dies=True))
    with alone(engine) as connection:
        assert make_ready(connection, tables(engine, "killed")) == "made"
        left = connection.execute(text("SHOW TABLES FROM killed")).scalars().all()
    assert MARK not in left


def test_tables_of_another_version_are_refused_and_stay_as_they_are(engine: Engine) -> None:
    with alone(engine) as connection:
        make_ready(connection, tables(engine, "older"))
        with pytest.raises(OtherVersionError, match=r"revision 2, this one needs 3\); nothing was changed"):
            make_ready(connection, tables(engine, "older", wanted="3"))
        assert connection.execute(text("SELECT version_num FROM older.versions")).scalar() == "2"


def test_two_servers_that_start_together_make_them_once(engine: Engine) -> None:
    made: list[str] = []

    def start() -> None:
        with alone(engine) as connection:
            make_ready(connection, tables(engine, "together", made=made))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["together"]


# Holds the lock, and works on once it is told to.
HOLD = """
import os
import sqlalchemy
from sqlalchemy import event, text
from yolops_server.connection import QuietConnection
from yolops_server.database import alone

engine = sqlalchemy.create_engine(os.environ["DATABASE"])
event.listen(engine, "do_connect", lambda _, __, arguments, options: QuietConnection(*arguments, **options))
with alone(engine, "held", silence_s=4) as connection:
    print("held", flush=True)
    input()
    connection.execute(text("CREATE DATABASE by_whoever_lost_the_lock"))
"""


@pytest.fixture
def holder(engine: Engine) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock `held`."""
    place = engine.url.render_as_string(hide_password=False)
    started = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLD],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "DATABASE": place},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with started:
        assert started.stdout is not None
        assert started.stdout.readline() == "held\n"
        yield started
        started.kill()


def test_a_lock_is_held_for_as_long_as_its_process_lives(engine: Engine, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(TimeoutError, match="held"), alone(engine, "held", patience_s=6):
        pass
    holder.communicate("\n", timeout=30)
    assert holder.returncode == 0
    with alone(engine, "held", patience_s=0) as connection:
        connection.execute(text("DROP DATABASE by_whoever_lost_the_lock"))


def test_the_lock_of_a_machine_that_fell_silent_is_free_soon_and_that_one_does_no_more(
    engine: Engine, holder: subprocess.Popen[str]
) -> None:
    # Its kernel still acknowledges what comes, so nothing but the silence tells.
    holder.send_signal(signal.SIGSTOP)
    with alone(engine, "held", patience_s=20) as connection:
        holder.send_signal(signal.SIGCONT)
        holder.communicate("\n", timeout=30)
        assert holder.returncode == 1
        made = connection.execute(text("SHOW DATABASES LIKE 'by_whoever%'")).scalars().all()
    assert made == []


def test_a_lock_is_lost_after_a_minute_of_silence(engine: Engine) -> None:
    with alone(engine) as connection:
        assert connection.execute(text("SELECT @@wait_timeout")).scalar() == 60


IMPORTED = """
import importlib, sys
from tests.server.conftest import SOURCE
from yolops_server.database import migrations_of_users, scripts_of_mlflow
from yolops_server.serve import FOR_TABLES

for name in FOR_TABLES:
    importlib.import_module(name)
scripts_of_mlflow()
print("mlflow.server" in sys.modules)
print(migrations_of_users())
from mlflow.server.auth.db import utils
print(utils._get_alembic_dir())
"""


@pytest.fixture(scope="module")
def imported() -> list[str]:
    """Whether the tables need MLflow's server, and where its migrations of users are: by us, and by MLflow."""
    environ = {**os.environ, "PYTHONPATH": str(SOURCE), "MLFLOW_FLASK_SERVER_SECRET_KEY": "key"}
    command = [sys.executable, "-W", "ignore", "-c", IMPORTED]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_tables_can_be_made_before_mlflows_server_is_imported(imported: list[str]) -> None:
    server_is_there, ours, mlflows = imported[-3:]
    assert server_is_there == "False"
    assert ours == mlflows


def test_each_foreign_key_of_mlflows_first_migration_gets_a_name_of_its_own(
    imported: list[str], tmp_path: Path
) -> None:
    source = Path(imported[-1])
    copy_repaired(source, tmp_path / "migrations")

    [file] = (tmp_path / "migrations/versions").glob("8606fa83a998_*.py")
    names = [line.split('name="')[1].split('"')[0] for line in file.read_text().splitlines() if "ForeignKey" in line]
    assert names == ["fk_user_id", "fk_user_id_2"]
    assert (tmp_path / "migrations/env.py").read_text() == (source / "env.py").read_text()


def test_a_migration_without_the_mistake_is_left_as_it_is() -> None:
    migration = 'sa.ForeignKeyConstraint(["a"], ["b.id"], name="fk_user_id"), name="fk_other"'
    assert repaired(migration) == migration


class Refused(Exception):
    """What a database says to a wrong password, number first."""


def test_a_login_waits_until_the_secret_holds_what_the_database_wants() -> None:
    held = iter(["old", "old", "new"])
    tried, pauses = [], []

    def attempt(password: str) -> str:
        tried.append(password)
        if password != "new":
            raise Refused(1045, "Access denied")
        return "connected"

    assert Login(lambda: next(held), "old").connect(attempt, pause=pauses.append) == "connected"
    assert tried == ["old", "old", "old", "new"]
    assert len(pauses) == 2


def test_a_login_gives_up_on_what_no_password_would_mend() -> None:
    def attempt(_: str) -> None:
        raise Refused(2003, "Can't connect")

    with pytest.raises(Refused, match="2003"):
        Login(lambda: "new", "old").connect(attempt, pause=lambda _: None)
