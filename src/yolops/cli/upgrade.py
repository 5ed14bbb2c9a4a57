"""`yolops upgrade`: another MLflow for the server of custom mode, tried first, and back if it fails all the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, Session, opened
from yolops.errors import UsageError, YolopsError

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.settings import Settings
    from yolops.tracking.backups import Backup
    from yolops.tracking.rest import MlflowRest
    from yolops.tracking.upgrades import Trial


def upgrade(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="The version of MLflow.")],
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Only try it: on a backup, beside what is served, which goes on.")
    ] = False,
    backup: Annotated[
        str, typer.Option(metavar="ID", help="With --rehearse: the backup, otherwise the latest, or a new one.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply the plan without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Give the server of custom mode a newer MLflow, tried first and with a way back."""
    from yolops.cli.backup import made_backup
    from yolops.tracking.upgrades import end_upgrade

    session, console = opened(context, as_json)
    if backup and not rehearse:
        raise UsageError("--backup: an upgrade is tried on a backup of its own", "leave it out, or add --rehearse")
    settings, rest, present = _platform(session, to, rehearse=rehearse)
    if present == to:
        console.data({"from": present, "to": to, "backup": ""}, f"the server is MLflow {to}: nothing to do")
        return
    if rehearse:
        _rehearse(session, console, rest, (present, to), backup)
        return
    kept = made_backup(console, rest)
    console.note(f"backup {kept.id}: {kept.counts}")
    trial = _try_first(session, console, rest, (present, to), kept)
    _switch(session, settings, console, rest, (present, to), yes=yes)
    if failure := _failure(session, settings, console, rest, kept):
        console.warn(failure)
        _go_back(session, settings, console, rest, present)
        raise YolopsError(
            f"the upgrade to MLflow {to} failed: {failure}",
            f"MLflow {present} serves again, with everything that was there; a backup of it is {kept.id}",
        )
    end_upgrade(rest)
    console.data(
        {"from": present, "to": to, "backup": kept.id, "trial": trial and asdict(trial)},
        f"MLflow {to} serves; a backup of what {present} held: {kept.id}",
    )


def _rehearse(session: Session, console: Console, rest: MlflowRest, versions: tuple[str, str], backup: str) -> None:
    from yolops.cli.trial import trial_of, trial_report, trial_summary

    present, to = versions
    command = f"{session.command_prefix()} upgrade --to {to}"
    trial = trial_of(console, rest, versions, backup, f"{command} --rehearse", anew=True)
    report = trial.report or {}
    shown = [trial_summary(report, to), *trial_report(report), f"do it: {command}"]
    console.data({"from": present, **asdict(trial)}, *shown)


def _try_first(
    session: Session, console: Console, rest: MlflowRest, versions: tuple[str, str], backup: Backup
) -> Trial | None:
    """Return the trial that shows that the upgrade works; None if the server cannot make one, which is said.

    Raises:
        YolopsError: the upgrade would fail.
    """
    from yolops.cli.trial import trial_of, trial_summary
    from yolops.tracking.upgrades import NoTrialError

    to = versions[1]
    again = f"{session.command_prefix()} upgrade --to {to} --rehearse"
    try:
        trial = trial_of(console, rest, versions, backup.id, again, anew=False)
    except NoTrialError as error:
        console.warn(f"the upgrade is not tried first: {error.message}; {error.hint}")
        return None
    console.note(f"tried at {trial.at}: {trial_summary(trial.report or {}, to)}")
    return trial


def _platform(session: Session, to: str, *, rehearse: bool) -> tuple[Settings, MlflowRest, str]:
    """Return the platform's settings, its server, and the version of that; both versions fit each other."""
    from yolops.cli.custom_server import custom_server
    from yolops.platform.mlflow_version import parts, shipped_versions
    from yolops.tracking.upgrades import served_version

    local = YolopsError(
        "the platform on this machine has no server to upgrade",
        "it runs the MLflow that is installed: pip install --upgrade, then yolops down and yolops up",
    )
    settings = session.settings()
    if settings is None:
        raise local
    studio = YolopsError("in studio mode AWS upgrades MLflow", "see the version in the SageMaker console")
    rest, outputs = custom_server(session, local=local, studio=studio, administrators=True)
    present, shipped = served_version(rest), shipped_versions(settings.configuration)
    if to not in shipped:
        raise YolopsError(
            f"MLflow {to}: this configuration cannot install it; it can install {', '.join(shipped)}",
            "choose one of them; a newer release brings newer ones: yolops init",
        )
    if parts(to) < parts(present):
        raise YolopsError(
            f"MLflow {to} is older than {present}, and cannot read its tables",
            "a migration has no way back; a backup of the older one fits a new platform of that version",
        )
    if present != to and not (rehearse or outputs.server_instance_id):
        raise YolopsError(
            "in high availability a server of the old version would write to migrated tables",
            "set high_availability = false and yolops up, upgrade, then set it back",
        )
    return settings, rest, present


def _switch(
    session: Session, settings: Settings, console: Console, rest: MlflowRest, versions: tuple[str, str], *, yes: bool
) -> None:
    """Put a server of the new version in the place of the old one, with the order to migrate the tables.

    Raises:
        Exit: it was declined; everything is as before.
    """
    from yolops.cli.up import build
    from yolops.platform.mlflow_version import write_version
    from yolops.tracking.upgrades import end_upgrade, order_upgrade

    present, to = versions
    order_upgrade(rest, to)
    write_version(settings.path, to)
    built = None
    try:
        built = build(session, settings, console, yes=yes)
    finally:
        if built is None and _still_serves(rest, present):
            write_version(settings.path, present)
            end_upgrade(rest)
    if built is None:
        raise typer.Exit(1)


def _go_back(session: Session, settings: Settings, console: Console, rest: MlflowRest, version: str) -> None:
    """Put a server of the old version in the place of one that failed."""
    from yolops.cli.up import build
    from yolops.platform.mlflow_version import write_version
    from yolops.tracking.upgrades import end_upgrade

    console.note(f"going back to MLflow {version}")
    write_version(settings.path, version)
    build(session, settings, console, yes=True)
    _wait(session, settings, console)
    end_upgrade(rest)


def _still_serves(rest: MlflowRest, version: str) -> bool:
    """Return whether the old server is there; once it is gone, `yolops up` goes on with the upgrade."""
    from yolops.tracking.upgrades import served_version

    try:
        return served_version(rest) == version
    except YolopsError:
        return False


def _wait(session: Session, settings: Settings, console: Console) -> None:
    from yolops.cli.deployment import deployment_of
    from yolops.cli.up import wait_until_healthy

    wait_until_healthy(deployment_of(session, settings, console), console)


def _failure(session: Session, settings: Settings, console: Console, rest: MlflowRest, backup: Backup) -> str:
    """Return why the new server is none, as long as nobody has written to it; nothing if it is one."""
    from yolops.platform.readiness import BootError
    from yolops.tracking.backups import count

    try:
        _wait(session, settings, console)
    except BootError as error:
        return error.message
    wanted, seen = backup.counts, count(rest)
    if wanted and not seen.covers(wanted):
        return f"the backup holds {wanted}, and MLflow shows {seen}"
    return ""
