"""The tables of MLflow in MySQL: made once, by one server, and never changed by a start.

MLflow itself migrates an older database when its server starts, and a migration that was killed cannot be repeated:
MySQL ends a transaction at each change of a table. So the first tables are made under a lock and behind a mark; a
schema that carries the mark was never served, and is dropped and made anew. A schema of another MLflow is refused.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import text
from sqlalchemy.pool import NullPool

from yolops_server.migration_repair import copy_repaired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from alembic.script import ScriptDirectory
    from sqlalchemy.engine import Connection, Engine

    from yolops_server.settings import Settings

LOCK, LOCK_PATIENCE_S = "yolops-mlflow-tables", 600
# A machine that vanishes closes no connection, and its locks stay with those. MySQL waits eight hours for a word
# (wait_timeout), and Linux two for the machine (tcp_keepalive_time, which RDS lets nobody change).
SILENCE_S = 60
MARK = "yolops_unfinished"
# Where Alembic keeps the revision of each part of MLflow.
VERSION_TABLES = {"runs": "alembic_version", "users": "alembic_version_auth"}


class OtherVersionError(Exception):
    """The tables are those of another MLflow."""


@dataclass(frozen=True)
class Tables:
    """The tables of one part of MLflow.

    Attributes:
        schema: where they are.
        version_table: where Alembic keeps their revision.
        wanted: the revision that the installed MLflow works with.
        make: makes them in an empty schema.
        migrate: makes them of an older version's tables, in the schema that it is given.
    """

    schema: str
    version_table: str
    wanted: str
    make: Callable[[], object]
    migrate: Callable[[str], object]


def engine_of(settings: Settings) -> Engine:
    """Return what leads to the database, whatever the schema, and keeps no connection."""
    return sqlalchemy.create_engine(settings.address(""), poolclass=NullPool)


@contextmanager
def alone(
    engine: Engine, lock: str = LOCK, patience_s: int = LOCK_PATIENCE_S, silence_s: int = SILENCE_S
) -> Iterator[Connection]:
    """Hold a lock that one process of the platform can have at a time.

    Args:
        engine: leads to the database, whatever the schema.
        lock: its name; that of the tables unless said otherwise.
        patience_s: how long to wait for it, in seconds.
        silence_s: how many seconds after its last word a machine that vanished has lost it.

    Yields:
        The connection that the lock is bound to: it fails once the lock is lost.

    Raises:
        TimeoutError: another process has it.
    """
    with engine.connect() as connection:
        plain: Any = connection.connection.driver_connection
        with plain.ended_when_silent(silence_s):
            got = connection.execute(text("SELECT GET_LOCK(:name, :wait)"), {"name": lock, "wait": patience_s})
            if got.scalar() != 1:
                raise TimeoutError(f"another process holds the lock {lock}, also after {patience_s} s: try again later")
            try:
                yield connection
            finally:
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": lock})


def make_ready(connection: Connection, tables: Tables) -> str:
    """Make the tables where there are none, and return what was done.

    Args:
        connection: one that holds the lock.
        tables: what is wanted.

    Raises:
        OtherVersionError: there are tables of another version.
    """
    present = set(tables_in(connection, tables.schema))
    if MARK in present:
        connection.execute(text(f"DROP DATABASE `{tables.schema}`"))
        present = set()
    if not present:
        connection.execute(text(f"CREATE DATABASE IF NOT EXISTS `{tables.schema}`"))
        connection.execute(text(f"CREATE TABLE `{tables.schema}`.`{MARK}` (made INT)"))
        connection.commit()
        tables.make()
        connection.execute(text(f"DROP TABLE `{tables.schema}`.`{MARK}`"))
        connection.commit()
        return "made"
    found = revision(connection, tables.schema, tables.version_table)
    if found != tables.wanted:
        raise OtherVersionError(
            f"the schema {tables.schema} is of another MLflow (revision {found}, this one needs {tables.wanted}); "
            "nothing was changed: set mlflow_version back, or use yolops upgrade"
        )
    return "unchanged"


def tables_in(connection: Connection, schema: str) -> list[str]:
    """Return the tables of a schema; none where there is no such schema."""
    found = connection.execute(
        text("SELECT table_name FROM information_schema.tables WHERE table_schema = :schema ORDER BY table_name"),
        {"schema": schema},
    )
    return [str(row[0]) for row in found]


def revision(connection: Connection, schema: str, version_table: str) -> str:
    """Return the revision of the tables of a schema; `unknown` where they have none."""
    if version_table not in tables_in(connection, schema):
        return "unknown"
    found = str(connection.execute(text(f"SELECT version_num FROM `{schema}`.`{version_table}`")).scalar())
    # A transaction that has read a table keeps it from being moved.
    connection.commit()
    return found


def revisions(connection: Connection, schemas: Mapping[str, str]) -> dict[str, str]:
    """Return the revision of the tables of each part."""
    return {part: revision(connection, schemas[part], table) for part, table in VERSION_TABLES.items()}


def tables_of_mlflow(settings: Settings) -> list[Tables]:
    """Return the tables that the installed MLflow needs."""
    from alembic.command import upgrade
    from mlflow.store.db import utils as runs_database

    def migrate_users(schema: str) -> None:
        place, address = Path(settings.run) / "migrations", settings.address(schema)
        copy_repaired(migrations_of_users(), place)
        config = runs_database._get_alembic_config(address, str(place))
        with sqlalchemy.create_engine(address).begin() as connection:
            config.attributes["connection"] = connection
            upgrade(config, "head")

    def engine(schema: str) -> Engine:
        return sqlalchemy.create_engine(settings.address(schema))

    runs, users = settings.schema, settings.users_schema
    wanted = {part: str(scripts.get_current_head()) for part, scripts in scripts_of_mlflow().items()}
    return [
        Tables(
            runs,
            VERSION_TABLES["runs"],
            wanted["runs"],
            lambda: runs_database._initialize_tables(engine(runs)),
            lambda schema: runs_database._upgrade_db(engine(schema)),
        ),
        Tables(users, VERSION_TABLES["users"], wanted["users"], lambda: migrate_users(users), migrate_users),
    ]


def scripts_of_mlflow() -> dict[str, ScriptDirectory]:
    """Return the migrations that the installed MLflow has, by part."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils as runs_database

    users = str(migrations_of_users())
    return {
        "runs": ScriptDirectory.from_config(runs_database._get_alembic_config("")),
        "users": ScriptDirectory.from_config(runs_database._get_alembic_config("", users)),
    }


def migrations_of_users() -> Path:
    """Return where the installed MLflow has its migrations of users: MLflow's own word needs its whole server."""
    from mlflow.store.db import utils as runs_database

    return Path(runs_database._get_package_dir()) / "server" / "auth" / "db" / "migrations"


def steps(scripts: ScriptDirectory, found: str) -> list[str]:
    """Return the migrations from a revision to the newest one, each by its revision and what it says of itself."""
    return [f"{one.revision}: {one.doc}" for one in reversed(list(scripts.iterate_revisions("heads", found)))]
