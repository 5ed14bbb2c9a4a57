"""`yolops up`: start the platform of the workspace."""

from __future__ import annotations

from typing import Annotated

import typer

from yolops.cli.session import Json, session_of


def up(
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1024, max=65535, help="The port of MLflow; otherwise 5000 or the next free one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start MLflow for this workspace, unless it runs already."""
    from yolops.platform.local import LocalPlatform

    session = session_of(context)
    console = session.console(as_json=as_json)
    platform = LocalPlatform(session.workspace, say=console.note)
    with console.working("Making sure that MLflow runs; a start takes about ten seconds"):
        outputs = platform.up(port)
    console.data(
        outputs.as_dict(),
        f"MLflow runs at {outputs.ui_url}",
        f"For other programs: export MLFLOW_TRACKING_URI={outputs.tracking_uri}",
    )
