"""Makes one backup, or restores one, in a process of its own.

`python -m yolops_server.backup create ID`, or `restore ID UNDO`. One at a time on a platform, under a lock of the
database. What a restore that was killed left half done is finished by whoever holds that lock next.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from yolops_server import login, table_swap
from yolops_server.backup_status import State, Status
from yolops_server.backup_store import ARTIFACTS, DATABASE, MANIFEST, BackupStore, now, store_of
from yolops_server.database import alone, engine_of, revisions
from yolops_server.database_dump import contents, dump, load, raw_connection
from yolops_server.object_versions import Version, current_versions, make_current, not_current, read_versions
from yolops_server.settings import fetch_secret, read_settings

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from yolops_server.settings import Settings

LOCK = "yolops-backups"
# Copies within S3 that are under way together.
COPIES = 16
Say = Callable[[str], None]


class UnfitError(Exception):
    """A backup cannot be restored here."""


@dataclass(frozen=True)
class Platform:
    """What a backup is made of, and where it goes.

    Attributes:
        settings: the settings of the server.
        engine: leads to the database.
        client: of S3.
        store: the backups.
    """

    settings: Settings
    engine: Engine
    client: Any
    store: BackupStore

    @property
    def where(self) -> table_swap.Places:
        """The schemas."""
        return table_swap.places(self.settings)

    @property
    def artifacts(self) -> str:
        """The prefix of the artifacts in the bucket."""
        return f"{self.settings.prefix}/artifacts/"

    def revisions(self) -> dict[str, str]:
        """Return the revision of the tables that are served, by part."""
        with self.engine.connect() as connection:
            return revisions(connection, self.where.served)


def platform_of(settings: Settings, client: Any) -> Platform:
    """Return the platform of a server; from here on this process logs in to its database."""
    login.install(settings, fetch_secret(settings).password)
    return Platform(settings, engine_of(settings), client, store_of(settings, client))


def create(platform: Platform, backup: str, say: Say) -> None:
    """Make a backup of what is served."""
    with alone(platform.engine, LOCK, 0):
        finish_earlier(platform, say)
        back_up(platform, backup, platform.where.served, "asked for", say)


def restore(platform: Platform, backup: str, undo: str, say: Say) -> dict[str, int]:
    """Put a backup in the place of what is served, and make a backup of what was there.

    Args:
        platform: the platform.
        backup: what is restored.
        undo: the ID of the backup that is made.
        say: is told what comes next.

    Returns:
        How many artifacts were made current again (`artifacts`), and how many the bucket had no more (`lost`).

    Raises:
        NoBackupError: there is no such backup.
        UnfitError: it is of another MLflow.
        ValueError: it is not what was written.
    """
    with alone(platform.engine, LOCK, 0) as holder:
        finish_earlier(platform, say)
        manifest = platform.store.manifest(backup)
        check_revisions(manifest, platform.revisions())
        load_beside(platform, manifest, platform.where.restored, holder, say)
        # Also finds out if the connection was lost, and the lock with it.
        if not holder.execute(text("SELECT IS_USED_LOCK(:name) = CONNECTION_ID()"), {"name": LOCK}).scalar():
            raise TimeoutError("the database has given the lock of this restore to another one; nothing was changed")
        with alone(platform.engine) as connection:
            try:
                table_swap.swap(connection, platform.where, (backup, undo), say)
            finally:
                table_swap.put_triggers_back(connection, platform.where)
        return _complete(platform, backup, undo, say)


def finish_earlier(platform: Platform, say: Say) -> None:
    """Finish what a restore that was killed left: undo it before the tables were moved, complete it after."""
    with alone(platform.engine) as connection:
        table_swap.put_triggers_back(connection, platform.where)
        mark = table_swap.read_mark(connection, platform.where)
        swapped = table_swap.is_swapped(connection, platform.where)
        if swapped and mark is None:
            listed = " and ".join(platform.where.replaced.values())
            raise RuntimeError(f"{listed} hold tables that no restore has put there: move or drop these schemas")
        if not swapped:
            table_swap.clear(connection, platform.where)
    if swapped and mark:
        say(f"finishing the restore of {mark.backup}")
        result = _complete(platform, mark.backup, mark.undo, say)
        Status(platform.store, mark.undo, {"restores": mark.backup}).end(State.DONE, result=result)


def check_revisions(manifest: Mapping[str, Any], present: Mapping[str, str]) -> None:
    """Refuse a backup of another MLflow.

    Raises:
        UnfitError: it is one.
    """
    if manifest["revisions"] != present:
        raise UnfitError(
            f"backup {manifest['id']} is of MLflow {manifest['mlflow']}, whose tables are of revision "
            f"{_named(manifest['revisions'])}; this server's are of {_named(present)}; nothing was changed"
        )


def _named(found: Mapping[str, str]) -> str:
    return " and ".join(f"{revision} ({part})" for part, revision in found.items())


def back_up(platform: Platform, backup: str, schemas: Mapping[str, str], why: str, say: Say) -> None:
    """Make a backup.

    Args:
        platform: the platform.
        backup: its ID.
        schemas: what it is made of, by part.
        why: what for.
        say: is told what comes next.
    """
    began = time.monotonic()
    made = now()
    tables: dict[str, dict[str, Any]] = {}
    with platform.engine.connect() as connection:
        found = revisions(connection, schemas)
    with raw_connection(platform.engine) as plain:
        database = platform.store.write_lines(backup, DATABASE, dump(plain, schemas, say, tables))
    # After the tables: what a run in them refers to was in the bucket before it was said.
    say("listing artifacts")
    totals = {"objects": 0, "bytes": 0}
    listed = _counted(current_versions(platform.client, platform.settings.bucket, platform.artifacts), totals)
    artifacts = platform.store.write_lines(backup, ARTIFACTS, (one.line() for one in listed))
    manifest = {
        "id": backup,
        "made": made.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 1),
        "why": why,
        "mlflow": version("mlflow"),
        "revisions": found,
        "tables": tables,
        "database": database,
        "artifacts": artifacts | totals,
    }
    platform.store.write(backup, MANIFEST, manifest)


def _counted(versions: Iterator[Version], totals: dict[str, int]) -> Iterator[Version]:
    for one in versions:
        totals["objects"] += 1
        totals["bytes"] += one.size
        yield one


def load_beside(
    platform: Platform, manifest: Mapping[str, Any], schemas: Mapping[str, str], holder: Connection, say: Say
) -> None:
    """Load a backup into schemas beside those that are served, and compare.

    Args:
        platform: the platform.
        manifest: what the backup says of itself.
        schemas: those of each part; what they hold is dropped.
        holder: leads to the database.
        say: is told what comes next.

    Raises:
        ValueError: it is not what was written.
    """
    table_swap.make_room(holder, schemas)
    backup = manifest["id"]
    with (
        raw_connection(platform.engine) as plain,
        platform.store.lines(backup, DATABASE, manifest["database"]["sha256"]) as lines,
    ):
        load(plain, schemas, lines, say)
    with raw_connection(platform.engine) as plain:
        found = contents(plain, schemas, lambda line: say(line.replace("reading", "comparing")))
    if found != manifest["tables"]:
        raise ValueError(
            f"the tables of backup {backup} are not what they were once they are loaded; nothing was changed"
        )


def _complete(platform: Platform, backup: str, undo: str, say: Say) -> dict[str, int]:
    """Do what follows the swap; all of it may be done twice."""
    if not platform.store.has(undo, MANIFEST):
        back_up(platform, undo, platform.where.replaced, f"what was there before {backup} was restored", say)
    say("making artifacts current again")
    result = _restore_artifacts(platform, backup)
    with alone(platform.engine) as connection:
        table_swap.clear(connection, platform.where)
    return result


def _restore_artifacts(platform: Platform, backup: str) -> dict[str, int]:
    manifest = platform.store.manifest(backup)
    bucket, result = platform.settings.bucket, {"artifacts": 0, "lost": 0}
    with (
        platform.store.lines(backup, ARTIFACTS, manifest["artifacts"]["sha256"]) as lines,
        ThreadPoolExecutor(COPIES) as pool,
    ):
        missing = not_current(read_versions(lines), current_versions(platform.client, bucket, platform.artifacts))
        while batch := list(islice(missing, COPIES)):
            for had in pool.map(lambda one: make_current(platform.client, bucket, one), batch):
                result["artifacts" if had else "lost"] += 1
    return result


def main() -> None:
    """Do what the arguments say; how it goes is written beside the backup."""
    import boto3

    # `create` names one backup, `restore` also the one that it makes.
    *restored, made = sys.argv[2:]
    settings = read_settings()
    client = boto3.client("s3", region_name=settings.region)
    status = Status(store_of(settings, client), made, {"restores": "".join(restored)})
    result: dict[str, int] = {}
    try:
        platform = platform_of(settings, client)
        if restored:
            result = restore(platform, restored[0], made, status.say)
        else:
            create(platform, made, status.say)
    except Exception as error:
        said = str(error) if isinstance(error, UnfitError) else f"{type(error).__name__}: {error}"
        status.end(State.FAILED, error=said)
        raise
    status.end(State.DONE, result=result)


if __name__ == "__main__":
    main()
