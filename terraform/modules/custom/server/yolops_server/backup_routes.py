"""Backups over HTTP, behind MLflow's own login and for administrators only.

`GET` and `POST /api/2.0/yolops/backups`, `GET` and `DELETE` of one, and `POST` of its restore. The work is done by a
process of its own, so that no request waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from yolops_server import work
from yolops_server.administrators import BUSY, MISSING, for_administrators, refusal
from yolops_server.backup import LOCK
from yolops_server.backup_status import Status, view
from yolops_server.backup_store import ID, BackupStore, NoBackupError, new_id, store_of
from yolops_server.database import engine_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops_server.settings import Settings

PATH = "/api/2.0/yolops/backups"


class Backups:
    """The backups of this platform, for those who ask over HTTP.

    Args:
        settings: the settings of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = engine_of(settings)

    def list(self) -> Any:
        """Answer what there is, the newest first."""
        store, busy = self.store(), self.is_busy()
        return {"backups": [view(store, backup, busy=busy) for backup in store.ids()]}

    def show(self, backup: str) -> Any:
        """Answer how one is."""
        store = self.store()
        if backup not in store.ids():
            return refusal(404, MISSING, f"there is no backup {backup!r}")
        return view(store, backup, busy=self.is_busy())

    def create(self) -> Any:
        """Begin one."""
        return self._begin("create", new_id())

    def restore(self, backup: str) -> Any:
        """Begin to restore one; answer the ID of the backup of what was there."""
        try:
            self.store().manifest(backup)
        except NoBackupError as error:
            return refusal(404, MISSING, str(error))
        return self._begin("restore", backup, new_id())

    def remove(self, backup: str) -> Any:
        """Forget one."""
        store = self.store()
        if backup not in store.ids():
            return refusal(404, MISSING, f"there is no backup {backup!r}")
        if busy := self.refusal_while_busy():
            return busy
        store.remove(backup)
        return {"id": backup}

    def _begin(self, command: str, *ids: str) -> Any:
        if busy := self.refusal_while_busy():
            return busy
        status = Status(self.store(), ids[-1], {"restores": ids[0]} if command == "restore" else {})
        work.start(status, "backup", command, *ids)
        return {"id": ids[-1]}, 202

    def store(self) -> BackupStore:
        """Return where they are kept."""
        return store_of(self._settings)

    def is_busy(self) -> bool:
        """Return whether a backup, a restore or a trial of an upgrade is under way."""
        with self._engine.connect() as connection:
            return connection.execute(text("SELECT IS_FREE_LOCK(:name)"), {"name": LOCK}).scalar() != 1

    def refusal_while_busy(self) -> Any:
        """Return what is answered as long as it is; None if it is not."""
        if not self.is_busy():
            return None
        return refusal(409, BUSY, "another backup, restore or trial of an upgrade is under way")


def install(flask_app: Any, settings: Settings) -> Backups:
    """Add the routes to MLflow's application, which lets nobody reach them without a login."""
    backups = Backups(settings)
    for method, path, act in (
        ("GET", PATH, backups.list),
        ("POST", PATH, backups.create),
        ("GET", f"{PATH}/<backup>", backups.show),
        ("DELETE", f"{PATH}/<backup>", backups.remove),
        ("POST", f"{PATH}/<backup>/restore", backups.restore),
    ):
        flask_app.add_url_rule(path, f"yolops_backups_{act.__name__}", _of_backups(act), methods=[method])
    return backups


def _of_backups(act: Callable[..., Any]) -> Callable[..., Any]:
    def checked(**parts: str) -> Any:
        if not all(ID.fullmatch(part) for part in parts.values()):
            return refusal(404, MISSING, f"there is no backup {parts['backup']!r}")
        return act(**parts)

    return for_administrators(checked)
