"""The tables of a schema as lines of text and back, value by value, with a hash by which tables are compared.

A line is a table (`{"part", "table", "create", "columns"}`) or one of its rows, a list. A value is what MySQL writes
for it: text, null, or `{"hex"}` for bytes. So nothing is rounded or translated on the way. No program of MySQL is
needed, the login and TLS are those of the server itself, and both directions know the size of a row only.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from pymysql.cursors import SSCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy.engine import Engine

# Rows that are handed to the database together; pymysql cuts them into statements of a megabyte.
BATCH_ROWS = 2000
MODULUS = 1 << 256
SESSION = (
    "SET time_zone = '+00:00'",
    # A line waits while a part of the upload is sent, and a busy S3 asks for patience.
    "SET net_write_timeout = 600, net_read_timeout = 600, wait_timeout = 600",
    # Experiment 0 is not the next free number, and no value is bent to fit.
    "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES'",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
)


class Content:
    """Rows of a table, counted and hashed whatever their order: the sum of the hashes of all lines.

    https://cseweb.ucsd.edu/~mihir/papers/inchash.pdf (AdHASH); it finds accidents, and nobody forges rows here.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, line: str) -> None:
        """Take a row."""
        self.rows += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(line.encode()).digest(), "big")) % MODULUS

    def as_dict(self) -> dict[str, Any]:
        """Return count and hash."""
        return {"rows": self.rows, "hash": f"{self._sum:064x}"}


@contextmanager
def raw_connection(engine: Engine) -> Iterator[Any]:
    """Yield a connection of pymysql that gives values as MySQL writes them."""
    connection = engine.raw_connection()
    try:
        plain: Any = connection.driver_connection
        plain.decoders = {}
        with plain.cursor() as cursor:
            for statement in SESSION:
                cursor.execute(statement)
        yield plain
    finally:
        connection.invalidate()  # its settings are for nobody else
        connection.close()


def dump(
    connection: Any, schemas: Mapping[str, str], say: Callable[[str], None], found: dict[str, dict[str, Any]]
) -> Iterator[str]:
    """Yield the lines of schemas as they are at one moment, while others go on writing.

    Args:
        connection: one of `raw_connection`, in use by nobody else.
        schemas: the schema of each part.
        say: is told which table comes.
        found: is filled with count and hash of each table, by part.
    """
    with connection.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    for part, schema in schemas.items():
        found[part] = {}
        for table in table_names(connection, schema):
            say(f"reading table {table}")
            columns = columns_of(connection, schema, table)
            yield json.dumps(
                {"part": part, "table": table, "create": _create(connection, schema, table), "columns": columns}
            )
            content = Content()
            for line in _rows(connection, schema, table, columns):
                content.add(line)
                yield line
            found[part][table] = content.as_dict()
    connection.rollback()


def load(connection: Any, schemas: Mapping[str, str], lines: Iterable[str], say: Callable[[str], None]) -> None:
    """Make the tables of a dump.

    Args:
        connection: one of `raw_connection`.
        schemas: the empty schema for each part.
        lines: what `dump` yielded.
        say: is told which table is made.
    """
    with connection.cursor() as cursor:
        # Tables come by name, not with what they refer to first.
        cursor.execute("SET foreign_key_checks = 0, unique_checks = 0")
        for schema, head, rows in _tables(lines, schemas):
            say(f"writing table {head['table']}")
            cursor.execute(f"USE `{schema}`")
            cursor.execute(head["create"])
            columns = ", ".join(f"`{name}`" for name in head["columns"])
            values = ", ".join(["%s"] * len(head["columns"]))
            insert = f"INSERT INTO `{head['table']}` ({columns}) VALUES ({values})"
            while batch := list(islice(rows, BATCH_ROWS)):
                cursor.executemany(insert, batch)
                connection.commit()


def contents(connection: Any, schemas: Mapping[str, str], say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Return count and hash of each table, by part."""
    found: dict[str, dict[str, Any]] = {}
    for _ in dump(connection, schemas, say, found):
        pass
    return found


def content_of(connection: Any, schema: str, table: str, columns: list[str]) -> dict[str, Any]:
    """Return count and hash of a table, of some of its columns."""
    content = Content()
    for line in _rows(connection, schema, table, columns):
        content.add(line)
    return content.as_dict()


def table_names(connection: Any, schema: str) -> list[str]:
    """Return the tables of a schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = %s AND table_type = 'BASE TABLE' ORDER BY table_name",
            (schema,),
        )
        return [row[0] for row in cursor.fetchall()]


def columns_of(connection: Any, schema: str, table: str) -> list[str]:
    """Return the columns of a table without those that MySQL calculates."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
            "AND COALESCE(generation_expression, '') = '' ORDER BY ordinal_position",
            (schema, table),
        )
        return [row[0] for row in cursor.fetchall()]


def _create(connection: Any, schema: str, table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW CREATE TABLE `{schema}`.`{table}`")
        return str(cursor.fetchone()[1])


def _rows(connection: Any, schema: str, table: str, columns: list[str]) -> Iterator[str]:
    listed = ", ".join(f"`{name}`" for name in columns)
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(f"SELECT {listed} FROM `{schema}`.`{table}`")
        for row in cursor:
            yield json.dumps(row, default=_bytes, separators=(",", ":"))


def _bytes(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__}: MySQL gives text and bytes")
    return {"hex": value.hex()}


def _tables(
    lines: Iterable[str], schemas: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any], Iterator[list[Any]]]]:
    """Yield each table of a dump with its rows, which must be read before the next one."""
    source = iter(lines)
    head: dict[str, Any] | None = json.loads(next(source))

    def rows() -> Iterator[list[Any]]:
        nonlocal head
        head = None
        for line in source:
            item = json.loads(line)
            if isinstance(item, dict):
                head = item
                return
            yield [bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in item]

    while head is not None:
        yield schemas[head["part"]], head, rows()
