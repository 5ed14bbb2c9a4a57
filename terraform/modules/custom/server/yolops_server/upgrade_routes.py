"""The order for an upgrade over HTTP, behind MLflow's own login and for administrators only.

`GET`, `POST` and `DELETE /api/2.0/yolops/upgrade`. An order changes nothing here: the server of the other version,
which takes the place of this one, carries it out.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from yolops_server.administrators import INVALID, for_administrators, refusal
from yolops_server.database import engine_of, revisions
from yolops_server.upgrade import confirm
from yolops_server.upgrade_order import Order, forget_order, places_of_upgrade, read_order, write_order

if TYPE_CHECKING:
    from yolops_server.settings import Settings

PATH = "/api/2.0/yolops/upgrade"


class Upgrades:
    """The order, for those who ask over HTTP.

    Args:
        settings: the settings of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self._where = places_of_upgrade(settings)
        self._engine = engine_of(settings)

    def show(self) -> Any:
        """Answer which MLflow this is, and what was ordered."""
        with self._engine.connect() as connection:
            order = read_order(connection, self._where)
        shown = {"to": order.mlflow, "failure": order.failure} if order else None
        return {"mlflow": version("mlflow"), "order": shown}

    def order(self) -> Any:
        """Let another version of MLflow migrate the tables as they are now, once."""
        from flask import request

        wanted = (request.get_json(silent=True) or {}).get("to")
        if not isinstance(wanted, str) or not wanted:
            return refusal(400, INVALID, "say to which version of MLflow: to")
        with self._engine.connect() as connection:
            write_order(connection, self._where, Order(wanted, revisions(connection, self._where.served)))
        return self.show()

    def withdraw(self) -> Any:
        """Forget the order."""
        with self._engine.connect() as connection:
            forget_order(connection, self._where)
        return self.show()

    def confirm(self) -> None:
        """Give up the way back to the old tables, if this server was upgraded."""
        confirm(self._engine, self._where)


def install(flask_app: Any, settings: Settings) -> Upgrades:
    """Add the routes to MLflow's application, which lets nobody reach them without a login."""
    upgrades = Upgrades(settings)
    for method, act in (("GET", upgrades.show), ("POST", upgrades.order), ("DELETE", upgrades.withdraw)):
        flask_app.add_url_rule(PATH, f"yolops_upgrade_{act.__name__}", for_administrators(act), methods=[method])
    return upgrades
