"""The trial of an upgrade: begun or found under way, followed, and its report shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yolops.cli.console import table
from yolops.cli.wording import size_text
from yolops.errors import YolopsError
from yolops.findings import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from yolops.cli.console import Console
    from yolops.tracking.rest import MlflowRest
    from yolops.tracking.upgrades import Trial

# The tables that take longest are shown; `--json` has all.
SHOWN = 10
AWAY = {"copying": "copy_s", "migrating": "migrate_s", "comparing": "compare_s"}


def trial_of(
    console: Console, rest: MlflowRest, versions: tuple[str, str], backup: str, again: str, *, anew: bool
) -> Trial:
    """Return a trial of an upgrade that shows that it works; one that is under way is followed.

    Args:
        console: where its progress is shown.
        rest: the server.
        versions: from which MLflow to which.
        backup: the ID of the backup it is tried on; empty for the latest, or a new one.
        again: the command that follows it again.
        anew: whether it is tried again where the latest trial has shown that it works.

    Raises:
        NoTrialError: the server cannot try it.
        YolopsError: the upgrade would fail.
    """
    from yolops.tracking.upgrades import begin_trial, follow_trial, latest_trial

    present, to = versions
    found = latest_trial(rest, to)
    if found is not None and found.tried == versions and not anew:
        return found
    if found is not None and (found.state, found.to) == ("running", to):
        console.note("a trial of it is under way, and is followed")
    else:
        begin_trial(rest, to, backup)
    doing = f"trying the upgrade to MLflow {to}"
    try:
        with console.working(f"{doing} ...") as say:
            ended = follow_trial(rest, lambda phase: say(f"{doing}: {phase} ..."))
    except KeyboardInterrupt:
        console.note(f"the server goes on with the trial; follow it: {again}")
        raise
    if ended.report is None:
        raise YolopsError(
            f"the trial of the upgrade to MLflow {to} {ended.state}: {ended.error or 'the server was stopped'}",
            f"nothing was changed: MLflow {present} serves as before",
        )
    return ended


def trial_summary(report: Mapping[str, Any], to: str) -> str:
    """Return what a trial has found, in one line."""
    steps = counted(sum(len(of_part) for of_part in report["migrations"].values()), "migration")
    rows = sum(one["rows"] for one in report["tables"])
    return (
        f"an upgrade from MLflow {report['mlflow']} to {to} works on backup {report['backup']}: {steps} of "
        f"{len(report['tables'])} tables with {rows} rows, compared as in an upgrade"
    )


def trial_report(report: Mapping[str, Any]) -> list[str | Table]:
    """Return what else it has found: where the time goes, the room it takes, and the migrations."""
    tables = report["tables"]
    rows = [
        (one["table"], str(one["rows"]), size_text(one["bytes"]), f"{one['seconds']:.1f} s") for one in tables[:SHOWN]
    ]
    away = ", ".join(f"{doing} {report[name]:.1f} s" for doing, name in AWAY.items())
    room = f"{size_text(sum(one['bytes'] for one in tables))} in the database, as that estimates"
    disk = f"{size_text(report['environment_bytes'])}; {size_text(report['disk_free_bytes'])} are free beside it"
    return [
        table("table", "rows", "size", "copied and compared in", rows=rows),
        *([f"less for {counted(len(tables) - SHOWN, 'other table')}"] if len(tables) > SHOWN else []),
        f"MLflow would be away for this, and while its new server boots: {away}",
        f"room that the copies would need meanwhile: {room}",
        f"the other MLflow on the server's disk, installed in {report['install_s']:.0f} s: {disk}",
        *(f"migration of {part}: {step}" for part, steps in report["migrations"].items() for step in steps),
    ]
