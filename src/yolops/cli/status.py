"""`yolops status`: what can be seen of the platform of the workspace."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from yolops.cli.session import Json, Session, opened
from yolops.cli.wording import minute, size_text

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.deployment import Status
    from yolops.platform.outputs import Mode, Outputs
    from yolops.platform.settings import Settings

MOST_DRIFT = 10
SHOWN = ("tracking_uri", "ui_url", "bucket_name", "studio_url", "log_group_name", "dashboard_url")
NOT_HERE = "can be seen only where the platform was applied"


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show whether MLflow runs, where, and how much it keeps. Exit code 1 if it does not answer."""
    session, console = opened(context, as_json)
    if named := session.named_server():
        _elsewhere(session, named, console)
        return
    if described := session.described():
        healthy, mend = _described(session, described, console), "doctor"
    elif settings := session.workspace.settings():
        healthy, mend = _in_aws(session, settings, console), "up"
    else:
        healthy, mend = _here(session, console), "up"
    if not healthy:
        console.note(f"try: {session.command_prefix()} {mend}")
        raise typer.Exit(1)


def _elsewhere(session: Session, named: Outputs, console: Console) -> None:
    """Show a server that somebody else runs: who asks it for experiments has reached it, and was let in."""
    from yolops.cli.console import table

    session.mlflow(named).post("experiments/search", max_results=1)
    value = {"mode": named.mode.value, "state": "running", "url": named.tracking_uri}
    rows = [("state", "running"), ("address", named.tracking_uri)]
    console.data(value, table("platform", named.mode.value, rows=rows))


def _here(session: Session, console: Console) -> bool:
    from yolops.cli.console import table
    from yolops.platform.local import LocalPlatform, State

    seen = LocalPlatform(session.workspace).status()
    rows = [
        ("state", seen.state.value),
        ("address", seen.url),
        ("process", seen.pid),
        ("MLflow", seen.version),
        ("since", seen.since and minute(seen.since)),
        ("database", size_text(seen.database_bytes)),
        ("artifacts", size_text(seen.artifact_bytes)),
        ("log", seen.log),
    ]
    console.data({"mode": "local", **asdict(seen)}, table("platform", "local", rows=rows))
    return seen.state is State.RUNNING


def _in_aws(session: Session, settings: Settings, console: Console) -> bool:
    from yolops.cli.deployment import deployment_of

    deployment = deployment_of(session, settings, console)
    with console.working("looking at the platform, and whether anybody has changed it ..."):
        seen = deployment.status()
    unapplied = f"{settings.mode} (not applied {'whole' if seen.resources else 'yet'})"
    about = [
        ("project", f"{settings.project_name} in {settings.region}"),
        ("mode", seen.outputs.mode.value if seen.outputs else unapplied),
    ]
    return _show(session, console, settings.mode, about, seen)


def _described(session: Session, outputs: Outputs, console: Console) -> bool:
    """Show a platform of which only its outputs are known here, as in a space of Studio."""
    from yolops.aws import Aws
    from yolops.cli.access import trust_of
    from yolops.platform.deployment import Status
    from yolops.platform.readiness import Server

    server = Server.of(outputs, Aws(outputs.aws_region), trust_of(session, outputs))
    with console.working("looking at MLflow ..."):
        seen = Status(outputs, None, server.health(), None, server.known_boot())
    about = [
        ("project", f"{outputs.project_name} in {outputs.aws_region}"),
        ("described by", str(session.description)),
    ]
    return _show(session, console, outputs.mode, about, seen)


def _show(session: Session, console: Console, mode: Mode, about: list[tuple[str, str]], seen: Status) -> bool:
    """Show what was seen of a platform in AWS, and return whether its MLflow answers."""
    from yolops.cli.console import table

    known = {} if seen.outputs is None else session.as_rehearsed(seen.outputs).as_dict()
    drift = f"yes, {len(seen.drift)} changed behind Terraform's back" if seen.drift else "no"
    rows = [
        *about,
        ("MLflow", seen.health),
        *((("boot", seen.boot.line()),) if seen.boot else ()),
        ("resources", NOT_HERE if seen.resources is None else str(seen.resources)),
        ("drift", NOT_HERE if seen.drift is None else drift),
        *((name.replace("_", " "), value) for name, value in known.items() if value and name in SHOWN),
    ]
    value = {
        "mode": mode.value,
        "health": seen.health,
        "boot": asdict(seen.boot) if seen.boot else None,
        "resources": seen.resources,
        "drift": seen.drift,
        "outputs": known or None,
    }
    console.data(value, table("platform", mode.value, rows=rows))
    for address in (seen.drift or ())[:MOST_DRIFT]:
        console.note(f"changed behind Terraform's back: {address}")
    return seen.is_healthy
