"""Migrates the tables of an older MLflow, if that was ordered, so that there is a way back at each moment.

The old tables are moved aside, all at once, and from then on nobody writes to them. Copies of them are migrated by
MLflow's own migration, compared with them, and put in their place, all at once. The old ones are kept until the first
request that may write. So while the order says that tables were moved and they are there, they hold everything that was
acknowledged: whoever starts next may put them back, and does so unless its own version has been put in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from yolops_server.database import VERSION_TABLES, OtherVersionError, alone, revisions, tables_in
from yolops_server.table_copy import compare, copy, make_like
from yolops_server.table_swap import (
    Places,
    drop_copies,
    drop_triggers,
    is_swapped,
    make_triggers,
    move,
    moves_of_all,
    run,
    triggers_in,
)
from yolops_server.upgrade_order import Order, forget_order, read_order, write_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection, Engine

    from yolops_server.database import Tables
    from yolops_server.table_swap import Trigger

Say = Callable[[str], object]
# Seconds that the first request which may write waits for a server that starts.
CONFIRM_PATIENCE_S = 30
# What migrations take rows out of: 75868b020152 (MLflow 3.17) moves what traces cost into columns of `trace_info` and
# `spans`, and checks that itself.
REWRITTEN = ("span_metrics", "trace_metrics", "trace_request_metadata", "trace_tags")


@dataclass(frozen=True)
class Upgrade:
    """The tables of a platform, seen by a server that starts with one version of MLflow.

    Attributes:
        engine: leads to the database.
        where: the schemas of an upgrade.
        tables: what this version of MLflow needs, by part.
        say: is told what comes next.
    """

    engine: Engine
    where: Places
    tables: Mapping[str, Tables]
    say: Say

    def settle(self, connection: Connection) -> None:
        """Put the old tables back that an upgrade has moved aside, unless it was finished by this version.

        Args:
            connection: one that holds the lock of the tables.
        """
        order = read_order(connection, self.where)
        if order is None or not order.moved:
            drop_copies(connection, self.where)
        elif is_swapped(connection, self.where) and revisions(connection, self.where.served) == self._wanted():
            make_triggers(connection, order.new_triggers)
        else:
            self._put_back(connection, order)

    def migrate(self, connection: Connection) -> None:
        """Migrate the tables if they are of the version, and this is the MLflow, that the order names.

        Args:
            connection: one that holds the lock of the tables; those are settled.

        Raises:
            OtherVersionError: it failed; the next start puts the old tables back.
        """
        order = read_order(connection, self.where)
        found = revisions(connection, self.where.served)
        if order is None or order.moved or found == self._wanted():
            return
        if order.mlflow != version("mlflow") or order.revisions != found:
            return
        if order.failure:
            raise OtherVersionError(_failed(order.failure))
        triggers = self._triggers(connection, self.where.served, self.where.restored)
        try:
            self._move_aside(connection, order)
            self._make_migrated(connection, triggers)
            self._put_in_place(connection)
        except Exception as error:
            failure = f"{type(error).__name__}: {error}".splitlines()[0]
            # The connection may be what failed.
            with self.engine.connect() as another:
                write_order(another, self.where, replace(read_order(another, self.where) or order, failure=failure))
            raise OtherVersionError(_failed(failure)) from error

    def try_out(self, connection: Connection) -> None:
        """Migrate copies of what was loaded into the place of the tables moved aside, and compare, as `migrate` does.

        Args:
            connection: leads to the database; what is served is only read.

        Raises:
            Exception: whatever would end `migrate`.
        """
        self._make_migrated(connection, self._triggers(connection, self.where.served, self.where.restored))

    def _move_aside(self, connection: Connection, order: Order) -> None:
        self.say("moving the tables aside")
        triggers = self._triggers(connection, self.where.served, self.where.served)
        write_order(connection, self.where, replace(order, moved=True, old_triggers=triggers))
        drop_triggers(connection, triggers)
        for schema in self.where.replaced.values():
            run(connection, f"CREATE DATABASE IF NOT EXISTS `{schema}`")
        self._move(connection, (self.where.served, self.where.replaced))

    def _make_migrated(self, connection: Connection, triggers: Iterable[Trigger]) -> None:
        """Make migrated copies of the tables that were moved aside, beside what is served."""
        for part, made in self.where.restored.items():
            make_like(connection, made, self.where.served[part])
            with self.engine.connect() as another:
                copy(another, self.where.replaced[part], made, self.say)
        make_triggers(connection, triggers)
        for part, made in self.where.restored.items():
            self.say(f"migrating the tables of {part}")
            self.tables[part].migrate(made)
        if (found := revisions(connection, self.where.restored)) != self._wanted():
            raise OtherVersionError(f"the migration ended at {found}, and not at {self._wanted()}")
        but = {*VERSION_TABLES.values(), *REWRITTEN}
        compare(self.engine, self.where.replaced, self.where.restored, but, self.say)

    def _put_in_place(self, connection: Connection) -> None:
        self.say("putting the migrated tables in their place")
        triggers = self._triggers(connection, self.where.restored, self.where.served)
        order = read_order(connection, self.where)
        if order is None or not order.moved:
            raise OtherVersionError("the order was withdrawn")
        write_order(connection, self.where, replace(order, new_triggers=triggers))
        drop_triggers(connection, self._triggers(connection, self.where.restored, self.where.restored))
        self._move(connection, (self.where.restored, self.where.served))
        make_triggers(connection, triggers)

    def _put_back(self, connection: Connection, order: Order) -> None:
        if is_swapped(connection, self.where):
            self.say("putting the old tables back")
            drop_triggers(connection, self._triggers(connection, self.where.served, self.where.served))
            if any(tables_in(connection, schema) for schema in self.where.served.values()):
                # Those of a migration that was put in place; their former place is empty.
                away = (self.where.served, self.where.restored)
                self._move(connection, away, (self.where.replaced, self.where.served))
            else:
                self._move(connection, (self.where.replaced, self.where.served))
        make_triggers(connection, order.old_triggers)
        write_order(connection, self.where, replace(order, moved=False, old_triggers=(), new_triggers=()))
        drop_copies(connection, self.where)

    def _move(self, connection: Connection, *ways: tuple[Mapping[str, str], Mapping[str, str]]) -> None:
        """Move all tables from one schema of each part to another, at one moment."""
        move(
            connection,
            [one for old, new in ways for part in old for one in moves_of_all(connection, old[part], new[part])],
        )

    def _triggers(
        self, connection: Connection, schemas: Mapping[str, str], into: Mapping[str, str]
    ) -> tuple[Trigger, ...]:
        return tuple(one for part in schemas for one in triggers_in(connection, schemas[part], into[part]))

    def _wanted(self) -> dict[str, str]:
        return {part: tables.wanted for part, tables in self.tables.items()}


def confirm(engine: Engine, where: Places) -> None:
    """Give up the way back: from now on the migrated tables are written to.

    Args:
        engine: leads to the database.
        where: the schemas of an upgrade.
    """
    if not _is_open(engine, where):
        return
    with alone(engine, patience_s=CONFIRM_PATIENCE_S) as connection:
        # The order is what counts; what it leaves, this or the next start drops.
        forget_order(connection, where)
        drop_copies(connection, where)


def _is_open(engine: Engine, where: Places) -> bool:
    with engine.connect() as connection:
        order = read_order(connection, where)
    return order is not None and order.moved


def _failed(reason: str) -> str:
    return f"the upgrade failed, and the old tables come back with the next start: {reason}"
