"""`yolops up`: start the platform of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, Session, session_of

if TYPE_CHECKING:
    from yolops.cli.console import Console


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
    _send_what_waits(session, console, outputs.tracking_uri)


def _send_what_waits(session: Session, console: Console, tracking_uri: str) -> None:
    from yolops.training.run_directory import RUNS, all_runs
    from yolops.training.sending import send_what_waits

    waiting = send_what_waits([run.spool for run in all_runs(session.workspace.root / RUNS)], tracking_uri)
    if waiting:
        console.note(
            f"{len(waiting)} runs that ended while MLflow was away are being sent; wait for them: yolops runs sync"
        )
