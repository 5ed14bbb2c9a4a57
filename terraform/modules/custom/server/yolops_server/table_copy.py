"""Copies tables within the database, and compares what two schemas have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from yolops_server.database import SILENCE_S, tables_in
from yolops_server.database_dump import columns_of, content_of, raw_connection, table_names
from yolops_server.table_swap import run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy.engine import Connection, Engine


class DifferentError(Exception):
    """Tables do not hold the same."""


def make_like(connection: Connection, schema: str, like: str) -> None:
    """Make an empty schema in which new tables get the character set that they would get in another one.

    A foreign key between columns of different character sets is refused, and a migration says nothing of them.
    """
    found = connection.execute(
        text(
            "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata "
            "WHERE schema_name = :like"
        ),
        {"like": like},
    )
    characters, collation = found.one()
    run(connection, f"DROP DATABASE IF EXISTS `{schema}`")
    run(connection, f"CREATE DATABASE `{schema}` CHARACTER SET {characters} COLLATE {collation}")


def copy(connection: Connection, old: str, new: str, say: Callable[[str], object]) -> None:
    """Copy all tables of a schema, row by row as they are, into an empty one.

    Args:
        connection: one whose settings are for nobody else.
        old: where they are; nobody writes there.
        new: where they go.
        say: is told which table comes.
    """
    # Tables come by name, not with what they refer to first; experiment 0 is not the next free number.
    run(connection, "SET foreign_key_checks = 0, unique_checks = 0")
    run(connection, "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES'")
    # What a machine that vanished has left open keeps tables from being moved.
    run(connection, f"SET wait_timeout = {SILENCE_S}")
    run(connection, f"USE `{new}`")
    for table in tables_in(connection, old):
        say(f"copying table {table}")
        run(connection, run(connection, f"SHOW CREATE TABLE `{old}`.`{table}`").one()[1])
        columns = ", ".join(f"`{name}`" for name in columns_of(connection.connection.driver_connection, old, table))
        run(connection, f"INSERT INTO `{new}`.`{table}` ({columns}) SELECT {columns} FROM `{old}`.`{table}`")
        connection.commit()


def compare(
    engine: Engine,
    old: Mapping[str, str],
    new: Mapping[str, str],
    but: Collection[str],
    say: Callable[[str], object],
) -> None:
    """Compare each table with what became of it, row for row by hash, in the columns that both have.

    Args:
        engine: leads to the database.
        old: the schema of each part before.
        new: the schema of each part now.
        but: the tables that are to be different.
        say: is told which table comes.

    Raises:
        DifferentError: a table or a row is missing, is new, or is another one.
    """
    with raw_connection(engine) as plain:
        for part, schema in old.items():
            there = set(table_names(plain, new[part]))
            for table in table_names(plain, schema):
                if table not in there:
                    raise DifferentError(f"the table {table} is gone")
                if table in but:
                    continue
                say(f"comparing table {table}")
                now = set(columns_of(plain, new[part], table))
                common = [name for name in columns_of(plain, schema, table) if name in now]
                before, after = (content_of(plain, where, table, common) for where in (schema, new[part]))
                if before != after:
                    raise DifferentError(
                        f"the table {table} had {before['rows']} rows and has {after['rows']}, or values of "
                        f"{', '.join(common)} are others"
                    )
