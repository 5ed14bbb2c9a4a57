"""Upgrades of a platform in custom mode, as its server is asked for them through REST.

They are no part of MLflow; the routes are those of `terraform/modules/custom/server/yolops_server/upgrade_routes.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.tracking.rest import NotFoundError

if TYPE_CHECKING:
    from yolops.tracking.rest import MlflowRest

UPGRADE = "/api/2.0/yolops/upgrade"


def served_version(rest: MlflowRest) -> str:
    """Return the version of the MLflow that serves.

    Raises:
        YolopsError: the server cannot be upgraded, or we are no administrator.
    """
    try:
        return str(rest.get(UPGRADE)["mlflow"])
    except NotFoundError as error:
        raise YolopsError(
            f"{rest.base}: this MLflow takes no order for an upgrade",
            "a platform in custom mode does; one that was made before yolops had upgrades: yolops up",
        ) from error


def order_upgrade(rest: MlflowRest, to: str) -> None:
    """Let a server of another version migrate the tables as they are now, once."""
    rest.post(UPGRADE, to=to)


def end_upgrade(rest: MlflowRest) -> None:
    """Withdraw the order; where it was carried out, give up the way back to the old tables."""
    rest.send("DELETE", UPGRADE)
