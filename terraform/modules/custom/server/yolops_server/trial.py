"""Tries an upgrade on a backup, beside what is served, in a process of its own.

`python -m yolops_server.trial VERSION` does to the tables of a backup what a server of that version would do to those
that are served, and reports how long it takes and what it needs. A second argument names the backup; otherwise it is
the latest one of what is served, or a new one.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from yolops_server import trial_environment, trial_place
from yolops_server.backup import (
    LOCK,
    Platform,
    UnfitError,
    back_up,
    check_revisions,
    finish_earlier,
    load_beside,
    platform_of,
)
from yolops_server.backup_status import State, Status
from yolops_server.backup_store import MANIFEST, new_id, store_of
from yolops_server.database import alone
from yolops_server.settings import read_settings
from yolops_server.work import KILLED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.engine import Connection

Say = Callable[[str], None]
# Where beside the backups the report lies: that of the latest trial.
NAME = "trial"


class FailedError(Exception):
    """The tables cannot be migrated, and why."""


class Watch:
    """Remembers how long each thing took that was said to come next.

    Args:
        say: is told it, too.
    """

    def __init__(self, say: Say) -> None:
        self.say = say
        self._phase, self._since = "", time.monotonic()
        self.seconds: dict[str, float] = {}

    def __call__(self, phase: str) -> None:
        """Take what comes next; nothing for the end."""
        now = time.monotonic()
        self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now
        if phase:
            self.say(phase)

    def of(self, *starts: str) -> float:
        """Return how long everything took that begins with one of these words."""
        return round(sum(took for phase, took in self.seconds.items() if phase.startswith(starts)), 3)


def try_out(platform: Platform, wanted: str, backup: str, holder: Connection, say: Say) -> dict[str, Any]:
    """Try the upgrade to a version, and return the report.

    Args:
        platform: the platform.
        wanted: the version of MLflow.
        backup: the ID of what it is tried on; empty for the latest, or a new one.
        holder: holds the lock of backups.
        say: is told what comes next.

    Raises:
        FailedError: the upgrade would fail.
        NotInstalledError: so would the installation of its server.
        NoBackupError: there is no such backup.
        UnfitError: it is of another MLflow.
    """
    watch, settings = Watch(say), platform.settings
    finish_earlier(platform, say)
    trial_place.remove(holder, settings)
    manifest = _manifest(platform, backup, watch)
    watch(f"installing MLflow {wanted} beside the one that serves")
    place = trial_place.directory(settings)
    python = trial_environment.make(settings, wanted, place)
    disk = trial_environment.size(place)
    watch("loading the backup")
    where = trial_place.places_of_trial(settings)
    load_beside(platform, manifest, where.replaced, holder, lambda line: watch(f"loading the backup: {line}"))
    watch(f"starting MLflow {wanted}")
    migrations = _migrate(python, place, watch)
    watch("")
    return {
        "mlflow": version("mlflow"),
        "backup": manifest["id"],
        "migrations": migrations,
        "tables": _tables(holder, where.restored, manifest, watch),
        "install_s": watch.of("installing "),
        "load_s": watch.of("loading "),
        "copy_s": watch.of("copying "),
        "migrate_s": watch.of("migrating "),
        "compare_s": watch.of("comparing "),
        "environment_bytes": disk[0],
        "disk_free_bytes": disk[1],
    }


def _manifest(platform: Platform, backup: str, watch: Watch) -> dict[str, Any]:
    """Return the manifest of the backup that is named, the latest one, or a new one; it fits what is served."""
    found = platform.store.manifest(backup) if backup else _latest(platform)
    if found is None:
        watch("making a backup")
        made = new_id()
        back_up(platform, made, platform.where.served, "made for a trial of an upgrade", watch.say)
        found = platform.store.manifest(made)
    check_revisions(found, platform.revisions())
    return found


def _latest(platform: Platform) -> dict[str, Any] | None:
    """Return the manifest of the latest backup of what is served; None if there is none."""
    present = platform.revisions()
    for backup in platform.store.ids():
        manifest = platform.store.read(backup, MANIFEST)
        if manifest and manifest["revisions"] == present:
            return manifest
    return None


def _migrate(python: Path, place: Path, say: Say) -> dict[str, list[str]]:
    """Have the other MLflow migrate; return its migrations, by part."""
    found: dict[str, Any] = {}
    migration = (str(python), "-m", "yolops_server.trial_migration", str(place / "run"))
    command = [*trial_environment.END_WITH_PARENT, *migration]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            for line in child.stdout or ():
                said = json.loads(line)
                if "say" in said:
                    say(said["say"])
                found |= said
            child.wait()
        except BaseException:
            child.kill()
            raise
    if reason := found.get("failure"):
        raise FailedError(reason)
    if child.returncode == -signal.SIGKILL:
        raise FailedError(KILLED)
    if "migrations" not in found or child.returncode:
        raise FailedError(f"its process ended with code {child.returncode}")
    return dict(found["migrations"])


def _tables(
    connection: Connection, schemas: Mapping[str, str], manifest: Mapping[str, Any], watch: Watch
) -> list[dict[str, Any]]:
    """Return rows, size and time of each table of the backup, those that took longest first."""
    found = []
    for part, tables in manifest["tables"].items():
        listed = connection.execute(
            text(
                "SELECT table_name, data_length + index_length FROM information_schema.tables "
                "WHERE table_schema = :schema"
            ),
            {"schema": schemas[part]},
        )
        sizes = {str(name): int(size or 0) for name, size in listed}
        for name, content in tables.items():
            took = sum(watch.seconds.get(f"{what} table {name}", 0.0) for what in ("copying", "comparing"))
            row = {"part": part, "table": name, "rows": content["rows"], "bytes": sizes.get(name, 0)}
            found.append({**row, "seconds": round(took, 3)})
    return sorted(found, key=lambda one: (-one["seconds"], one["table"]))


def main() -> None:
    """Do what the arguments say; how it goes is written beside the backups."""
    import boto3

    wanted, *named = sys.argv[1:]
    settings = read_settings()
    client = boto3.client("s3", region_name=settings.region)
    status = Status(store_of(settings, client), NAME, {"to": wanted})
    try:
        platform = platform_of(settings, client)
        with alone(platform.engine, LOCK, 0) as holder:
            try:
                report = try_out(platform, wanted, "".join(named), holder, status.say)
            finally:
                trial_place.remove(holder, settings)
    except TimeoutError:
        raise  # whoever has the lock says how it is
    except Exception as error:
        plain = isinstance(error, (UnfitError, FailedError, trial_environment.NotInstalledError))
        status.end(State.FAILED, error=str(error) if plain else f"{type(error).__name__}: {error}")
        raise
    status.end(State.DONE, report=report)


if __name__ == "__main__":
    main()
