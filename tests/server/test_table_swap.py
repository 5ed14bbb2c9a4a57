"""Restored tables take the place of others at one moment, and a kill at any other moment loses none of either."""

from __future__ import annotations

import random
import struct
import threading
from collections.abc import Iterator

import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

from yolops_server.database_dump import contents, dump, load, raw_connection
from yolops_server.table_swap import (
    Places,
    clear,
    is_swapped,
    make_room,
    put_triggers_back,
    read_mark,
    swap,
)

WHERE = Places(
    {"runs": "app", "users": "app_users"},
    {"runs": "app_restored", "users": "app_users_restored"},
    {"runs": "app_replaced", "users": "app_users_replaced"},
    "app_restoring",
)
TABLES = """
CREATE DATABASE app
CREATE DATABASE app_users
CREATE TABLE app.runs (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(99) NOT NULL UNIQUE)
CREATE TABLE app.metrics (run INT NOT NULL, value DOUBLE, secret BLOB, said LONGTEXT, at DATETIME(6), yes BOOL,
  gone BOOL AS (value IS NULL) STORED, CONSTRAINT fk_run FOREIGN KEY (run) REFERENCES runs (id) ON DELETE CASCADE)
CREATE TABLE app.a_child (run INT, CONSTRAINT fk_other FOREIGN KEY (run) REFERENCES runs (id))
CREATE TABLE app_users.users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(99) DEFAULT 'x')
CREATE TRIGGER app.no_renames BEFORE UPDATE ON app.runs FOR EACH ROW
  IF OLD.name != NEW.name THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'names: 100% immutable'; END IF
"""


class Killed(BaseException):
    """What ends a restore in a test."""


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """The tables of an application with one run, in a state of their own for each test."""
    with engine.connect() as made:
        clear(made, WHERE)
        for schema in WHERE.served.values():
            made.execute(text(f"DROP DATABASE IF EXISTS {schema}"))
        for statement in TABLES.replace("\n  ", " ").strip().splitlines():
            made.exec_driver_sql(statement, execution_options={"no_parameters": True})
        made.execute(text("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"))
        made.execute(text("INSERT INTO app.runs VALUES (0, 'first')"))
        made.execute(text("INSERT INTO app.metrics (run, value) VALUES (0, 0.5)"))
        made.execute(text("INSERT INTO app_users.users VALUES (1, 'ada')"))
        made.commit()
        yield made


def saved(engine: Engine) -> tuple[list[str], dict[str, dict[str, object]]]:
    """Return a dump of what is served and what it holds."""
    found: dict[str, dict[str, object]] = {}
    with raw_connection(engine) as plain:
        return list(dump(plain, WHERE.served, str, found)), found  # type: ignore[arg-type]


def loaded(engine: Engine, connection: Connection, lines: list[str]) -> None:
    make_room(connection, WHERE.restored)
    with raw_connection(engine) as plain:
        load(plain, WHERE.restored, lines, str)


def held(engine: Engine, schemas: dict[str, str] | None = None) -> dict[str, dict[str, object]]:
    with raw_connection(engine) as plain:
        return contents(plain, schemas or WHERE.served, str)


def names(connection: Connection, schema: str = "app") -> list[str]:
    connection.rollback()
    return [str(row[0]) for row in connection.execute(text(f"SELECT name FROM {schema}.runs ORDER BY id"))]


def test_every_value_comes_back_as_it_was(engine: Engine, connection: Connection) -> None:
    draw = random.Random(20)
    doubles = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(3000)]
    doubles = [value for value in doubles if abs(value) < 1e308 and (value == 0 or abs(value) > 1e-307)]
    doubles += [0.1, 1 / 3, -0.0, 5e-324, 1.7976931348623157e308, 0.30000000000000004]
    rows = [{"value": value, "secret": draw.randbytes(20), "said": None} for value in doubles]
    rows += [
        {"value": None, "secret": b"\x00\xff%s'", "said": said} for said in ("", "%s 'a' \\ \n\t\0", "ü🦠", "x" * 99)
    ]
    statement = text(
        "INSERT INTO app.metrics (run, value, secret, said, at, yes) VALUES (0, :value, :secret, :said, now(6), 1)"
    )
    connection.execute(statement, rows)
    connection.execute(text("INSERT INTO app.runs VALUES (7, 'later')"))
    connection.commit()
    read = "SELECT value, secret, said, at, yes, gone FROM {}.metrics"
    before = sorted(map(repr, connection.execute(text(read.format("app")))))

    lines, found = saved(engine)
    loaded(engine, connection, lines)

    assert held(engine, dict(WHERE.restored)) == found
    connection.rollback()
    assert sorted(map(repr, connection.execute(text(read.format("app_restored"))))) == before
    connection.execute(text("INSERT INTO app_restored.runs (name) VALUES ('next')"))
    assert connection.execute(text("SELECT max(id) FROM app_restored.runs")).scalar() == 8


def test_a_dump_is_of_one_moment_while_others_write(engine: Engine, connection: Connection) -> None:
    found: dict[str, dict[str, object]] = {}
    with raw_connection(engine) as plain:
        lines = dump(plain, WHERE.served, str, found)  # type: ignore[arg-type]
        next(lines)
        connection.execute(text("INSERT INTO app.runs VALUES (1, 'late')"))
        connection.execute(text("INSERT INTO app_users.users VALUES (2, 'ben')"))
        connection.commit()
        list(lines)
    assert found["runs"]["runs"]["rows"] == found["users"]["users"]["rows"] == 1  # type: ignore[index]


def test_after_a_swap_everything_refers_to_what_it_did(engine: Engine, connection: Connection) -> None:
    lines, found = saved(engine)
    connection.execute(text("INSERT INTO app.runs VALUES (1, 'second')"))
    connection.commit()
    after = held(engine)
    for _ in range(2):  # an undo swaps the same names again
        loaded(engine, connection, lines)
        swap(connection, WHERE, ("backup", "undo"), str)
        assert held(engine) == found
        assert held(engine, dict(WHERE.replaced)) == after
        with pytest.raises(pymysql.err.IntegrityError), raw_connection(engine) as plain:
            plain.cursor().execute("INSERT INTO app.metrics (run) VALUES (99)")
        with pytest.raises(pymysql.err.OperationalError, match="100% immutable"), raw_connection(engine) as plain:
            plain.cursor().execute("UPDATE app.runs SET name = 'other'")
        lines, found, after = *saved_replaced(engine), found
        clear(connection, WHERE)
        assert not is_swapped(connection, WHERE)


def saved_replaced(engine: Engine) -> tuple[list[str], dict[str, dict[str, object]]]:
    found: dict[str, dict[str, object]] = {}
    with raw_connection(engine) as plain:
        return list(dump(plain, WHERE.replaced, str, found)), found  # type: ignore[arg-type]


@pytest.mark.parametrize("phase", ["putting the tables", "taking triggers", "moving tables", "putting triggers"])
def test_a_kill_leaves_the_old_tables_or_the_restored_ones_and_the_others_beside(
    engine: Engine, connection: Connection, phase: str
) -> None:
    lines, found = saved(engine)
    connection.execute(text("INSERT INTO app.runs VALUES (1, 'second')"))
    connection.commit()
    after = held(engine)
    loaded(engine, connection, lines)

    def say(said: str) -> None:
        if said.startswith(phase):
            raise Killed

    with pytest.raises(Killed):
        swap(connection, WHERE, ("backup", "undo"), say)

    put_triggers_back(connection, WHERE)
    with pytest.raises(pymysql.err.OperationalError, match="100% immutable"), raw_connection(engine) as plain:
        plain.cursor().execute("UPDATE app.runs SET name = 'other'")
    if phase == "putting triggers":
        assert is_swapped(connection, WHERE)
        mark = read_mark(connection, WHERE)
        assert mark is not None
        assert (mark.backup, mark.undo) == ("backup", "undo")
        assert (held(engine), held(engine, dict(WHERE.replaced))) == (found, after)
    else:
        assert not is_swapped(connection, WHERE)
        assert held(engine) == after


def test_a_write_that_was_acknowledged_is_on_one_side_of_the_swap(engine: Engine, connection: Connection) -> None:
    loaded(engine, connection, saved(engine)[0])
    acknowledged: list[str] = []
    begun, over = threading.Event(), threading.Event()

    def write(who: int) -> None:
        number = 0
        while not over.is_set():
            name = f"{who}-{number}"
            try:
                with engine.begin() as other:
                    other.execute(text("INSERT INTO app.runs (name) VALUES (:name)"), {"name": name})
                acknowledged.append(name)
            except Exception:  # noqa: BLE001 - it was not acknowledged, whatever it was
                pass
            number += 1
            if number == 20:
                begun.set()

    writers = [threading.Thread(target=write, args=(who,)) for who in range(3)]
    for writer in writers:
        writer.start()
    assert begun.wait(20)
    swap(connection, WHERE, ("backup", "undo"), str)
    over.wait(0.3)
    over.set()
    for writer in writers:
        writer.join()

    replaced, served = names(connection, "app_replaced"), names(connection)
    assert len(replaced) > 20
    assert len(served) > 1
    assert set(acknowledged) == {*replaced, *served} - {"first"}
    assert not set(replaced) & set(served) - {"first"}
