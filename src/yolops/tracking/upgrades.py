"""Upgrades of a platform in custom mode, as its server is asked for them through REST.

They are no part of MLflow; the routes are those of `upgrade_routes.py` and `trial_routes.py` in
`terraform/modules/custom/server/yolops_server`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.tracking.rest import NotFoundError
from yolops.tracking.server_work import wait_for_end

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yolops.tracking.rest import MlflowRest

UPGRADE = "/api/2.0/yolops/upgrade"
TRIAL = f"{UPGRADE}/trial"


@dataclass(frozen=True)
class Trial:
    """An upgrade that the server tries on a backup.

    Attributes:
        to: the version of MLflow.
        state: running, done, failed or interrupted.
        at: when it last said something, as ISO 8601 in UTC.
        phase: what is being done.
        error: why it failed.
        report: what an upgrade would do; None unless it is done.
    """

    to: str
    state: str
    at: str = ""
    phase: str = ""
    error: str = ""
    report: Mapping[str, Any] | None = None

    @property
    def tried(self) -> tuple[str, str]:
        """From which version to which it was found to work; nothing if it was not."""
        return (str(self.report["mlflow"]), self.to) if self.state == "done" and self.report else ("", "")


class NoTrialError(YolopsError):
    """The server cannot try an upgrade."""


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


def latest_trial(rest: MlflowRest, to: str) -> Trial | None:
    """Return the latest trial of an upgrade; None if there is none.

    Args:
        rest: the server.
        to: the version that is to be tried.

    Raises:
        NoTrialError: the server cannot try that.
        YolopsError: we are no administrator.
    """
    try:
        said = rest.get(TRIAL)
    except NotFoundError as error:
        raise NoTrialError(
            f"{rest.base}: this MLflow tries no upgrades",
            "a platform in custom mode does; one that was made before yolops had trials: yolops up",
        ) from error
    if to not in said["versions"]:
        raise NoTrialError(
            f"MLflow {to}: this server cannot try it; it can try {', '.join(said['versions']) or 'none'}",
            "a server of this release can: yolops up; in the rehearsal only one that boots: --instances container",
        )
    return _trial(said["trial"]) if said["trial"] else None


def begin_trial(rest: MlflowRest, to: str, backup: str) -> None:
    """Have the server try an upgrade on a backup; on the latest one, or a new one, if none is named.

    Raises:
        NotFoundError: there is no such backup.
        YolopsError: a backup, a restore or another trial is under way.
    """
    rest.post(TRIAL, to=to, backup=backup)


def follow_trial(rest: MlflowRest, say: Callable[[str], object]) -> Trial:
    """Return the trial that is under way once it has ended, however that is; `say` is told what is being done."""
    return wait_for_end(lambda: _trial(rest.get(TRIAL)["trial"]), say)


def _trial(said: Mapping[str, Any]) -> Trial:
    return Trial(**{name: said[name] for name in Trial.__dataclass_fields__ if name in said})
