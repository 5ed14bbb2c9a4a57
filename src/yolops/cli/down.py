"""`yolops down`: end the platform of the workspace; what it recorded stays."""

from __future__ import annotations

import typer

from yolops.cli.session import Json, opened


def down(context: typer.Context, as_json: Json = False) -> None:
    """End MLflow for this workspace. Its runs and artifacts stay. A platform in AWS keeps running."""
    from yolops.platform.local import LocalPlatform

    session, console = opened(context, as_json)
    settings = session.settings()
    if settings is not None:
        console.data(
            {"ended": False, "mode": settings.mode.value},
            f"{settings.project_name} keeps running in AWS ({settings.mode}, {settings.region}).",
            f"To take it away with its runs: {session.command_prefix()} destroy",
        )
        return
    ended = LocalPlatform(session.workspace).down()
    console.data(
        {"ended": ended}, "MLflow has ended; its runs and artifacts stay." if ended else "MLflow was not running."
    )
