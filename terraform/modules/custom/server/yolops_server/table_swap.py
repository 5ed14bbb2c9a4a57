"""Puts restored tables in the place of those that are served, at one moment, and keeps those for an undo.

One RENAME TABLE moves all of them: it waits for transactions that are open, and is done wholly or not at all, whatever
is killed (https://dev.mysql.com/doc/refman/8.4/en/atomic-ddl.html). So a write that was acknowledged is in the tables
that were moved away, which nobody writes to any more; a later write meets the restored ones. Only a trigger must be
away while its table changes the schema (error 1435); the mark, in a schema of its own, holds it until it is back.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from yolops_server.database import tables_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy.engine import Connection

    from yolops_server.settings import Settings

# Seconds for which requests to MLflow wait behind a transaction that does not end, before the swap gives up: fewer than
# `database_patience_s`, after which they fail.
SWAP_PATIENCE_S = 30
# Name, table, and the statement that makes it.
Trigger = tuple[str, str, str]


@dataclass(frozen=True)
class Places:
    """The schemas of a restore or an upgrade, by part.

    Attributes:
        served: those that MLflow works with.
        restored: those of the tables that come: restored or migrated.
        replaced: those that keep what was served before.
        marked: the one with the mark.
    """

    served: Mapping[str, str]
    restored: Mapping[str, str]
    replaced: Mapping[str, str]
    marked: str


def places(
    settings: Settings, restored: str = "restored", replaced: str = "replaced", marked: str = "restoring"
) -> Places:
    """Return the schemas of a restore, or of what calls them otherwise: each has the name of one that is served."""
    served = {"runs": settings.schema, "users": settings.users_schema}
    new, old = ({part: f"{schema}_{word}" for part, schema in served.items()} for word in (restored, replaced))
    return Places(served, new, old, f"{settings.schema}_{marked}")


@dataclass(frozen=True)
class Mark:
    """A restore that has reached the served tables.

    Attributes:
        backup: the ID of what is restored.
        undo: the ID of the backup of what was there.
        triggers: those of the served tables.
    """

    backup: str
    undo: str
    triggers: tuple[Trigger, ...]


def swap(connection: Connection, where: Places, mark: tuple[str, str], say: Callable[[str], None]) -> None:
    """Swap the tables.

    Args:
        connection: one that holds the lock of the tables.
        where: the schemas; those of `replaced` are empty or not there.
        mark: the IDs of what is restored, and of the backup that will be made of what is there.
        say: is told what comes next.
    """
    say("putting the tables in their place")
    moves, triggers = [], []
    for part, served in where.served.items():
        run(connection, f"CREATE DATABASE IF NOT EXISTS `{where.replaced[part]}`")
        triggers += triggers_in(connection, served)
        moves += moves_of_all(connection, served, where.replaced[part])
    for part, served in where.served.items():
        moves += moves_of_all(connection, where.restored[part], served)
    _write_mark(connection, where, Mark(*mark, tuple(triggers)))
    say("taking triggers away")
    drop_triggers(connection, triggers)
    say("moving tables")
    move(connection, moves)
    say("putting triggers back")
    put_triggers_back(connection, where)


def moves_of_all(connection: Connection, old: str, new: str) -> list[tuple[str, str, str]]:
    """Return what `move` takes for each table of a schema that goes to another one."""
    return [(old, new, table) for table in tables_in(connection, old)]


def move(connection: Connection, moves: Iterable[tuple[str, str, str]]) -> None:
    """Move tables at one moment: each from a schema to another one, by name; none of them has a trigger."""
    run(connection, f"SET lock_wait_timeout = {SWAP_PATIENCE_S}")
    renames = ", ".join(f"`{old}`.`{table}` TO `{new}`.`{table}`" for old, new, table in moves)
    run(connection, f"RENAME TABLE {renames}")


def read_mark(connection: Connection, where: Places) -> Mark | None:
    """Return the mark of a restore that is not finished; None if there is none."""
    if "mark" not in tables_in(connection, where.marked):
        return None
    said = connection.execute(text(f"SELECT said FROM `{where.marked}`.mark")).scalar()
    connection.commit()
    if said is None:
        return None
    values = json.loads(said)
    return Mark(values["backup"], values["undo"], tuple(tuple(item) for item in values["triggers"]))


def put_triggers_back(connection: Connection, where: Places) -> None:
    """Make the triggers that a restore took away, wherever it ended; without a mark nothing is missing."""
    mark = read_mark(connection, where)
    make_triggers(connection, mark.triggers if mark else ())


def make_triggers(connection: Connection, triggers: Iterable[Trigger]) -> None:
    """Make those triggers that are not there."""
    for name, table, statement in triggers:
        if name not in {found for found, *_ in triggers_in(connection, table.split(".")[0])}:
            run(connection, statement)


def drop_triggers(connection: Connection, triggers: Iterable[Trigger]) -> None:
    """Take triggers away."""
    for name, table, _ in triggers:
        schema = table.split(".")[0]
        run(connection, f"DROP TRIGGER `{schema}`.`{name}`")


def is_swapped(connection: Connection, where: Places) -> bool:
    """Return whether tables were moved away and are kept."""
    return any(tables_in(connection, schema) for schema in where.replaced.values())


def make_room(connection: Connection, schemas: Mapping[str, str]) -> None:
    """Make the empty schemas that a backup is loaded into, by part."""
    for schema in schemas.values():
        run(connection, f"DROP DATABASE IF EXISTS `{schema}`")
        run(connection, f"CREATE DATABASE `{schema}` CHARACTER SET utf8mb4")


def clear(connection: Connection, where: Places) -> None:
    """Drop everything of a restore but what is served; the mark last."""
    drop_copies(connection, where)
    run(connection, f"DROP DATABASE IF EXISTS `{where.marked}`")


def drop_copies(connection: Connection, where: Places) -> None:
    """Drop the tables that were made or kept beside those that are served."""
    run(connection, "SET foreign_key_checks = 0")
    for schema in (*where.restored.values(), *where.replaced.values()):
        run(connection, f"DROP DATABASE IF EXISTS `{schema}`")
    run(connection, "SET foreign_key_checks = 1")


def triggers_in(connection: Connection, schema: str, into: str = "") -> list[Trigger]:
    """Return the triggers of a schema, without a definer: only a superuser may name another.

    Args:
        connection: leads to the database.
        schema: where they are.
        into: the schema in which they would be made, if that is another one.
    """
    made = into or schema
    found = connection.execute(
        text(
            "SELECT trigger_name, event_object_table, CONCAT(action_timing, ' ', event_manipulation), "
            "CONCAT('FOR EACH ROW ', action_statement) FROM information_schema.triggers WHERE trigger_schema = :schema"
        ),
        {"schema": schema},
    )
    return [
        (name, f"{made}.{table}", f"CREATE TRIGGER `{made}`.`{name}` {how} ON `{made}`.`{table}` {rest}")
        for name, table, how, rest in found
    ]


def _write_mark(connection: Connection, where: Places, mark: Mark) -> None:
    run(connection, f"CREATE DATABASE IF NOT EXISTS `{where.marked}`")
    run(connection, f"CREATE TABLE IF NOT EXISTS `{where.marked}`.mark (said LONGTEXT)")
    statement = text(f"INSERT INTO `{where.marked}`.mark VALUES (:said)")
    connection.execute(statement, {"said": json.dumps(asdict(mark))})
    connection.commit()


def run(connection: Connection, statement: str) -> Any:
    """Execute a statement without parameters."""
    # Not `text`, which takes a colon in a trigger for a parameter; no parameters, so a percent sign stays one.
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
