"""`yolops status`: what can be seen of the platform of the workspace."""

from __future__ import annotations

from dataclasses import asdict

import typer

from yolops.cli.session import Json, session_of


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show whether MLflow runs, where, and how much it keeps. Exit code 1 if it does not answer."""
    from yolops.cli.console import table
    from yolops.platform.local import LocalPlatform, State

    session = session_of(context)
    console = session.console(as_json=as_json)
    seen = LocalPlatform(session.workspace).status()
    rows = [
        ("state", seen.state.value),
        ("address", seen.url),
        ("process", seen.pid),
        ("MLflow", seen.version),
        ("since", seen.since and f"{seen.since.astimezone():%Y-%m-%d %H:%M}"),
        ("database", _megabytes(seen.database_bytes)),
        ("artifacts", _megabytes(seen.artifact_bytes)),
        ("log", seen.log),
    ]
    console.data({"mode": "local", **asdict(seen)}, table("platform", "local", rows=rows))
    if seen.state is not State.RUNNING:
        console.note("try: yolops up")
        raise typer.Exit(1)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
