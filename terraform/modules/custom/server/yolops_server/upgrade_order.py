"""What the database knows of an upgrade: that it was ordered, how far it is, and why it failed.

One row in a schema of its own, so that each change of it is one statement. The old version writes the order, the new
one carries it out, and either finds its way back by it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from yolops_server.database import tables_in
from yolops_server.table_swap import Places, Trigger, places, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from yolops_server.settings import Settings


@dataclass(frozen=True)
class Order:
    """An upgrade.

    Attributes:
        mlflow: the version of MLflow that may migrate the tables.
        revisions: of the tables when it was ordered, by part; others are not migrated.
        moved: whether the tables may have been moved aside; if they are there, they are those that count.
        old_triggers: those of the tables that were moved aside.
        new_triggers: those of the migrated tables.
        failure: why it failed; it is not tried again then.
    """

    mlflow: str
    revisions: Mapping[str, str]
    moved: bool = False
    old_triggers: tuple[Trigger, ...] = ()
    new_triggers: tuple[Trigger, ...] = ()
    failure: str = ""


def places_of_upgrade(settings: Settings) -> Places:
    """Return the schemas: migrated tables are made in `restored`, and `replaced` keeps those of the old version."""
    return places(settings, "migrated", "former", "upgrade")


def read_order(connection: Connection, where: Places) -> Order | None:
    """Return the order; None if there is none."""
    if "upgrade" not in tables_in(connection, where.marked):
        return None
    said = connection.execute(text(f"SELECT said FROM `{where.marked}`.upgrade")).scalar()
    connection.commit()
    if said is None:
        return None
    values = json.loads(said)
    triggers = {name: tuple(map(tuple, values[name])) for name in ("old_triggers", "new_triggers")}
    return Order(**{**values, **triggers})


def write_order(connection: Connection, where: Places, order: Order) -> None:
    """Put an order in the place of the one before."""
    run(connection, f"CREATE DATABASE IF NOT EXISTS `{where.marked}`")
    run(connection, f"CREATE TABLE IF NOT EXISTS `{where.marked}`.upgrade (id INT PRIMARY KEY, said LONGTEXT)")
    statement = text(f"REPLACE INTO `{where.marked}`.upgrade VALUES (1, :said)")
    connection.execute(statement, {"said": json.dumps(asdict(order))})
    connection.commit()


def forget_order(connection: Connection, where: Places) -> None:
    """Forget the order, if there is one."""
    if "upgrade" in tables_in(connection, where.marked):
        run(connection, f"DELETE FROM `{where.marked}`.upgrade")
        connection.commit()
