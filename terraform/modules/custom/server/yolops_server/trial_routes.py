"""The trial of an upgrade over HTTP, behind MLflow's own login and for administrators only.

`GET` and `POST /api/2.0/yolops/upgrade/trial`. The work is done by a process of its own, so that no request waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yolops_server import trial_environment, trial_place, work
from yolops_server.administrators import INVALID, MISSING, for_administrators, refusal
from yolops_server.backup_status import Status, state_of
from yolops_server.backup_store import STATUS, NoBackupError
from yolops_server.database import engine_of
from yolops_server.trial import NAME

if TYPE_CHECKING:
    from yolops_server.backup_routes import Backups
    from yolops_server.settings import Settings

PATH = "/api/2.0/yolops/upgrade/trial"


class Trials:
    """The latest trial, for those who ask over HTTP.

    Args:
        settings: the settings of the server.
        backups: the backups, one of which an upgrade is tried on.
    """

    def __init__(self, settings: Settings, backups: Backups) -> None:
        self._settings = settings
        self._backups = backups

    def show(self) -> Any:
        """Answer how the latest trial is, and which versions can be tried."""
        said = self._backups.store().read(NAME, STATUS)
        trial = {**said, "state": state_of(said, busy=self._backups.is_busy())} if said else None
        return {"versions": trial_environment.versions(self._settings), "trial": trial}

    def begin(self) -> Any:
        """Begin one: `to` names the version, and `backup` the backup, if it is a certain one."""
        from flask import request

        asked = request.get_json(silent=True) or {}
        wanted, backup = asked.get("to"), asked.get("backup", "")
        present = trial_environment.versions(self._settings)
        if wanted not in present:
            listed = ", ".join(present) or "none: it was not installed by user data of this release"
            return refusal(400, INVALID, f"MLflow {wanted}: this server cannot try it; it can try {listed}")
        store = self._backups.store()
        if backup:
            try:
                store.manifest(str(backup))
            except NoBackupError as error:
                return refusal(404, MISSING, str(error))
        if busy := self._backups.refusal_while_busy():
            return busy
        arguments = [wanted, *filter(None, [backup])]
        work.start(Status(store, NAME, {"to": wanted}), "trial", *arguments, clean=self._clean)
        return self.show(), 202

    def _clean(self) -> None:
        trial_place.remove_remains(engine_of(self._settings), self._settings, trial_place.PATIENCE_S)


def install(flask_app: Any, settings: Settings, backups: Backups) -> None:
    """Add the routes to MLflow's application, which lets nobody reach them without a login."""
    trials = Trials(settings, backups)
    for method, act in (("GET", trials.show), ("POST", trials.begin)):
        flask_app.add_url_rule(PATH, f"yolops_trial_{act.__name__}", for_administrators(act), methods=[method])
