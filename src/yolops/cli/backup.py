"""`yolops backup`: keep what a platform in custom mode holds, and bring it back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.group import group
from yolops.cli.session import Json, Session, opened
from yolops.cli.wording import size_text
from yolops.errors import YolopsError
from yolops.findings import counted

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.tracking.backups import Backup, Counts
    from yolops.tracking.rest import MlflowRest

Id = Annotated[str, typer.Argument(metavar="ID", help="Which backup.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def commands() -> typer.Typer:
    """Build the commands about backups."""
    return group(
        "Back up MLflow in custom mode, and restore it.", create=_create, list=_list, restore=_restore, remove=_remove
    )


def _create(context: typer.Context, as_json: Json = False) -> None:
    """Make a backup: runs, models, users, permissions, and which artifacts there are."""
    from yolops.tracking.backups import list_backups

    session, console = opened(context, as_json)
    rest = _server(session)
    list_backups(rest)  # says so where there are none
    made = made_backup(console, rest)
    console.data(asdict(made), f"{made.id}: {made.counts}; {_size(made)}")


def _list(context: typer.Context, as_json: Json = False) -> None:
    """List the backups, the newest first."""
    from yolops.cli.console import table
    from yolops.tracking.backups import list_backups

    session, console = opened(context, as_json)
    backups = list_backups(_server(session))
    rows = [
        (
            one.id,
            one.state,
            "what a restore replaced" if one.restores else one.why,
            str(one.counts or "-"),
            _size(one) if one.whole else "-",
        )
        for one in backups
    ]
    nothing = f"no backups yet; make one: {session.command_prefix()} backup create"
    shown = table("backup", "state", "why", "holds", "size", rows=rows) if rows else nothing
    console.data([asdict(one) for one in backups], shown)


def _restore(context: typer.Context, backup: Id, yes: Yes = False, as_json: Json = False) -> None:
    """Put a backup in the place of what is there, prove it, and say how to undo that."""
    from yolops.cli.questions import agrees
    from yolops.tracking.backups import begin_restore, count, find_backup

    session, console = opened(context, as_json)
    rest = _server(session)
    found = find_backup(rest, backup)
    if found.counts is None:
        raise YolopsError(f"backup {backup} is not whole ({found.state})", "see which are: yolops backup list")
    console.note(f"now: {count(rest)}")
    console.note(f"{backup}: {found.counts}; it takes the place of all runs, models, users and permissions")
    console.note("what is there now is kept as a backup of its own; artifacts that are newer stay in the bucket")
    if not yes and not agrees(f"restore {backup}?"):
        console.note("nothing was changed")
        raise typer.Exit(1)
    undo = _followed(console, rest, begin_restore(rest, backup), f"restoring {backup}")
    seen = count(rest)
    _prove(found.counts, seen, undo.id)
    result = undo.result or {}
    if seen != found.counts:
        console.note(f"there is more by now than the backup holds: {seen}")
    current = counted(result.get("artifacts", 0), "artifact")
    if lost := result.get("lost", 0):
        console.warn(f"{counted(lost, 'artifact')} of the backup lost: no version of it is in the bucket any more")
    console.data(
        {"restored": backup, "undo": undo.id, "holds": asdict(found.counts), **result},
        f"restored {backup}: {found.counts}, {current} made current again",
        f"undo it: {session.command_prefix()} backup restore {undo.id}",
    )


def _remove(context: typer.Context, backup: Id, as_json: Json = False) -> None:
    """Forget a backup; what is served stays as it is."""
    from yolops.tracking.backups import find_backup, remove_backup

    session, console = opened(context, as_json)
    rest = _server(session)
    remove_backup(rest, find_backup(rest, backup).id)
    console.data({"removed": backup}, f"removed {backup}")


def _server(session: Session) -> MlflowRest:
    """Return what the server of a platform in custom mode is asked with."""
    from yolops.cli.custom_server import custom_server

    rest, _ = custom_server(
        session,
        local=YolopsError(
            "the platform on this machine has no server that makes backups",
            "its runs are files: yolops down, then copy the directory .yolops",
        ),
        studio=YolopsError(
            "in studio mode AWS keeps what MLflow holds, and gives nobody its database",
            "artifacts are in the bucket, with their former versions",
        ),
        administrators=True,
    )
    return rest


def made_backup(console: Console, rest: MlflowRest) -> Backup:
    """Have the server make a backup, and return it."""
    from yolops.tracking.backups import begin_backup

    return _followed(console, rest, begin_backup(rest), "making a backup")


def _followed(console: Console, rest: MlflowRest, backup: str, doing: str) -> Backup:
    """Return a backup that was begun once it is made, or what it is made for is restored."""
    from yolops.tracking.backups import follow

    console.note(f"backup {backup}; the server goes on if this command is stopped")
    with console.working(f"{doing} ...") as say:
        return follow(rest, backup, lambda phase: say(f"{doing}: {phase} ..."))


def _prove(wanted: Counts, seen: Counts, undo: str) -> None:
    """Refuse to call it restored if there is less than the backup holds."""
    if not seen.covers(wanted):
        raise YolopsError(
            f"the backup holds {wanted}, and MLflow shows {seen}", f"undo it: yolops backup restore {undo}"
        )


def _size(backup: Backup) -> str:
    database, artifacts = size_text(backup.database_bytes), size_text(backup.artifact_bytes)
    return f"database {database}, {counted(backup.artifacts, 'artifact')} ({artifacts}, as versions in the bucket)"
