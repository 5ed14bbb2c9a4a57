"""`yolops runs`: what has been trained."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from yolops.cli.group import group
from yolops.cli.session import Json, opened
from yolops.cli.wording import brief
from yolops.errors import YolopsError
from yolops.findings import counted

SHOWN_METRICS = ("best/mAP50", "best/mAP50-95")


def commands() -> typer.Typer:
    """Build the commands about runs."""
    return group("See what has been trained.", list=_list, show=_show, sync=_sync)


def _list(
    context: typer.Context,
    experiment: Annotated[str, typer.Option(help="Only the runs of this experiment.")] = "",
    most: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest runs."""
    from yolops.cli.console import table
    from yolops.tracking.runs import list_runs

    session, console = opened(context, as_json)
    runs = list_runs(session.mlflow(), experiment=experiment, most=most)
    rows = [
        (
            run.name,
            run.experiment,
            run.status,
            brief(run.started),
            "-" if run.seconds is None else f"{run.seconds:.0f} s",
            *(run.metrics.get(name) for name in SHOWN_METRICS),
            run.run_id[:8],
        )
        for run in runs
    ]
    columns = ("name", "experiment", "status", "started", "took", "mAP50", "mAP50-95", "id")
    nothing = f"no runs yet; train one: {session.command_prefix()} train data.yaml"
    shown = table(*columns, rows=rows) if rows else nothing
    console.data([asdict(run) for run in runs], shown)


def _show(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Name or ID of the run, or the first 6 characters of its ID.")],
    as_json: Json = False,
) -> None:
    """Show one run: how it ended, its metrics, settings and where it came from."""
    from yolops.cli.console import table
    from yolops.tracking.runs import find_run

    session, console = opened(context, as_json)
    found = find_run(session.mlflow(), run)
    what = [
        ("run", f"{found.name} ({found.run_id})"),
        ("experiment", found.experiment),
        ("status", found.status),
        ("started", f"{found.started.astimezone():%Y-%m-%d %H:%M:%S}"),
        ("took", "-" if found.seconds is None else f"{found.seconds:.0f} s"),
        *((title, found.tags[name]) for title, name in _TAGS.items() if found.tags.get(name)),
    ]
    metrics = [(name, value) for name, value in sorted(found.metrics.items()) if not name.startswith("system/")]
    console.data(asdict(found), table("", "", rows=what), "", table("metric", "last value", rows=metrics))


_TAGS = {
    "error": "yolops.error",
    "epochs": "yolops.epochs",
    "directory": "yolops.directory",
    "commit": "mlflow.source.git.commit",
    "command": "mlflow.source.name",
}


def _sync(context: typer.Context, as_json: Json = False) -> None:
    """Send what MLflow does not have yet of runs that ended while it was away."""
    from yolops.training.run_directory import RUNS, all_spools
    from yolops.training.sending import send_what_waits, wait_until_delivered

    session, console = opened(context, as_json)
    access = session.access(session.enter(session.outputs(), console))
    senders = send_what_waits(all_spools(session.workspace.root / RUNS), access)
    with console.working(f"sending {counted(len(senders), 'run')} ..."):
        done = [wait_until_delivered(spool, sender, access, console.note) for spool, sender in senders]
    runs = [spool.progress().run_id for spool, _ in senders]
    console.data({"runs": runs, "delivered": all(done)}, f"{sum(done)} of {counted(len(done), 'run')} sent")
    if not all(done):
        raise YolopsError("MLflow does not have all of it yet", "they are kept; see how MLflow is: yolops status")
