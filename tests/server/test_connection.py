"""A connection that says little leaves nothing open, sees what others have written, and notices its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from yolops_server.connection import FRESH_S, QuietConnection

Connect = Callable[..., QuietConnection]


@pytest.fixture
def connect(engine: Engine) -> Iterator[Connect]:
    """Makes connections to an empty table `seen`."""
    with engine.begin() as connection:
        connection.execute(text("CREATE DATABASE IF NOT EXISTS quiet"))
        connection.execute(text("CREATE OR REPLACE TABLE quiet.seen (number INT PRIMARY KEY)"))
    made: list[QuietConnection] = []

    def new(**options: Any) -> QuietConnection:
        place = engine.url
        login = {"host": place.host, "port": place.port, "user": place.username, "password": place.password}
        made.append(QuietConnection(**login, ssl_ca=place.query["ssl_ca"], database="quiet", **options))
        return made[-1]

    yield new
    for one in made:
        if one.open:
            one.close()


def ask(connection: QuietConnection, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def heard(connection: QuietConnection, act: Callable[[], object]) -> int:
    """Return how many bytes the database hears on a connection while something is done."""

    def received() -> int:
        return int(ask(connection, "SHOW SESSION STATUS LIKE 'Bytes_received'")[0][1])

    before, without = received(), received()
    act()
    return received() - without - (without - before)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_whoever_reads_again_sees_what_was_written_in_between(connect: Connect, end: str) -> None:
    reader, writer = connect(), connect()
    assert ask(reader, "SELECT * FROM seen") == ()
    ask(writer, "INSERT INTO seen VALUES (1)")
    writer.commit()
    getattr(reader, end)()
    assert ask(reader, "SELECT * FROM seen") == ((1,),)


def test_a_failed_statement_keeps_no_row_locked(connect: Connect) -> None:
    first, second = connect(), connect(init_command="SET innodb_lock_wait_timeout = 1")
    ask(first, "INSERT INTO seen VALUES (1)")
    first.commit()
    with pytest.raises(pymysql.err.IntegrityError):
        ask(first, "INSERT INTO seen VALUES (1)")
    first.rollback()
    ask(second, "DELETE FROM seen")


def test_what_is_not_committed_is_gone(connect: Connect) -> None:
    connection = connect()
    ask(connection, "INSERT INTO seen VALUES (1)")
    connection.rollback()
    ask(connection, "INSERT INTO seen VALUES (2)")
    connection.commit()
    connection.rollback()
    assert ask(connect(), "SELECT * FROM seen") == ((2,),)


def test_a_transaction_is_ended_where_each_statement_is_one(connect: Connect) -> None:
    connection = connect(autocommit=True)
    ask(connection, "BEGIN")
    ask(connection, "INSERT INTO seen VALUES (1)")
    assert ask(connection, "SELECT * FROM seen") == ((1,),)
    connection.rollback()
    assert ask(connection, "SELECT * FROM seen") == ()


def test_nothing_is_said_to_end_what_was_ended_or_never_began(connect: Connect) -> None:
    connection, reader = connect(), connect(autocommit=True)
    assert heard(reader, lambda: (reader.commit(), reader.rollback())) == 0
    assert not connection.is_open
    ask(connection, "INSERT INTO seen VALUES (1)")
    assert connection.is_open
    connection.commit()
    assert not connection.is_open


def test_one_that_was_closed_by_the_database_is_found_out(connect: Connect) -> None:
    connection = connect()
    number = connection.thread_id()
    ask(connection, "SELECT 1")
    ask(connect(), f"KILL {number}")
    time.sleep(FRESH_S / 10)
    with pytest.raises(pymysql.err.Error):
        connection.ping()


def test_one_that_was_just_used_is_not_asked(connect: Connect) -> None:
    connection = connect()
    assert heard(connection, connection.ping) == 0


def test_one_that_was_not_used_for_long_is_asked(connect: Connect) -> None:
    connection = connect()

    def wait() -> None:
        time.sleep(FRESH_S * 1.1)
        connection.ping()

    assert heard(connection, wait) > 0
