"""`yolops status`: what can be seen of the platform of the workspace."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from yolops.cli.session import Json, Session, session_of
from yolops.cli.wording import minute, size_text

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.outputs import Outputs
    from yolops.platform.settings import Settings

MOST_DRIFT = 10


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show whether MLflow runs, where, and how much it keeps. Exit code 1 if it does not answer."""
    session = session_of(context)
    console = session.console(as_json=as_json)
    if named := session.named_server():
        _elsewhere(session, named, console)
        return
    settings = session.workspace.settings()
    healthy = _here(session, console) if settings is None else _in_aws(session, settings, console)
    if not healthy:
        console.note(f"try: {session.command_prefix()} up")
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
    from yolops.cli.console import table
    from yolops.cli.deployment import deployment_of

    deployment = deployment_of(session, settings, console)
    with console.working("looking at the platform, and whether anybody has changed it ..."):
        seen = deployment.status()
    known = {} if seen.outputs is None else session.as_rehearsed(seen.outputs).as_dict()
    rows = [
        ("project", f"{settings.project_name} in {settings.region}"),
        ("mode", known.get("mode", f"{settings.mode} (not applied {'whole' if seen.resources else 'yet'})")),
        ("MLflow", seen.health),
        *((("boot", seen.boot.line()),) if seen.boot else ()),
        ("resources", str(seen.resources)),
        ("drift", f"yes, {len(seen.drift)} changed behind Terraform's back" if seen.drift else "no"),
        *((name.replace("_", " "), value) for name, value in known.items() if value and name in SHOWN),
    ]
    value = {
        "mode": settings.mode.value,
        "health": seen.health,
        "boot": asdict(seen.boot) if seen.boot else None,
        "resources": seen.resources,
        "drift": list(seen.drift),
        "outputs": known or None,
    }
    console.data(value, table("platform", settings.mode.value, rows=rows))
    for address in seen.drift[:MOST_DRIFT]:
        console.note(f"changed behind Terraform's back: {address}")
    return seen.is_healthy


SHOWN = ("tracking_uri", "ui_url", "bucket_name", "studio_url", "log_group_name", "dashboard_url")
