"""`yolops rehearsal`: the simulated AWS of this workspace; and what `yolops --rehearsal COMMAND` does first."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.group import group
from yolops.cli.session import Json, Session, opened
from yolops.errors import YolopsError
from yolops.platform.outputs import Mode
from yolops.rehearsal.instance_mode import InstanceMode

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.outputs import Outputs
    from yolops.rehearsal.rehearsal import Rehearsal, Status

# The one makes it, the other says what is missing.
WITHOUT_PLATFORM = ("init", "doctor")


def commands() -> typer.Typer:
    """Build the commands about the rehearsal."""
    return group(
        "Rehearse AWS on this machine: simulated services, real MLflow.",
        start=_start,
        status=_status,
        interrupt=_interrupt,
        stop=_stop,
        reset=_reset,
    )


def enter(session: Session, command: str) -> None:
    """Start the rehearsal unless it runs, and have this process and its children talk to it instead of AWS.

    Raises:
        YolopsError: there is no platform to rehearse, or the rehearsal is not installed or does not start.
    """
    from yolops.rehearsal import environment

    named = session.description or session.tracking_uri
    if not named and command not in WITHOUT_PLATFORM and session.workspace.settings() is None:
        raise YolopsError(
            f"{session.workspace.root}: the platform of this workspace is local, so nothing in AWS can be rehearsed",
            "yolops init makes one that is in AWS; if you are in the wrong directory, name the right one: --workspace",
        )
    environment.enter(os.environ, _started(session, session.console()))


def with_own_pages(session: Session, outputs: Outputs) -> Outputs:
    """Return a platform of the rehearsal with addresses that show it: the console of AWS knows nothing of it."""
    pages = replace(outputs, studio_url="", dashboard_url="")
    if outputs.mode is not Mode.STUDIO:
        return pages
    urls = {server["tracking_uri"]: server["url"] for server in _rehearsal(session).status().mlflow}
    return replace(pages, ui_url=urls.get(outputs.tracking_uri) or outputs.tracking_uri)


Instances = Annotated[
    InstanceMode | None,
    typer.Option(help="What an EC2 instance is: a container that boots its user data, or a process that stands in."),
]


def _start(context: typer.Context, as_json: Json = False, instances: Instances = None) -> None:
    """Start the simulated AWS for this workspace, unless it runs already."""
    from yolops.rehearsal.environment import environment

    session, console = opened(context, as_json)
    url = _started(session, console, instances)
    variables = environment(url)
    console.data(
        {"url": url, "environment": variables},
        f"the simulated AWS runs at {url}",
        f"run any command against it: {replace(session, rehearsal=True).command_prefix()} COMMAND",
        "for other programs:",
        *(f"  export {name}={value}" for name, value in variables.items()),
    )


def _status(context: typer.Context, as_json: Json = False) -> None:
    """Show what there is in the simulated AWS, and what was asked of it in vain. Exit code 1 if it does not run."""
    session, console = opened(context, as_json)
    seen = _rehearsal(session).status()
    console.data(asdict(seen), *_tables(seen))
    if not seen.running:
        console.note(f"try: {session.command_prefix()} rehearsal start")
        raise typer.Exit(1)


def _interrupt(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="Name of the training job.")],
    grace: Annotated[
        float, typer.Option(min=0, max=120, help="Seconds from SIGTERM to SIGKILL; SageMaker gives two minutes.")
    ] = 120,
    as_json: Json = False,
) -> None:
    """Take the spot instance of a training job away; the job goes on with another one."""
    session, console = opened(context, as_json)
    _rehearsal(session).interrupt(job, grace)
    console.data({"job": job, "grace_s": grace}, f"{job}: SIGTERM now, SIGKILL in {grace:g} s, then another instance")


def _stop(context: typer.Context, as_json: Json = False) -> None:
    """End the simulated AWS and everything it started; what it holds stays."""
    session, console = opened(context, as_json)
    ended = _rehearsal(session).stop()
    text = "The rehearsal has ended; what it holds stays." if ended else "The rehearsal was not running."
    console.data({"ended": ended}, text)


def _reset(context: typer.Context, as_json: Json = False) -> None:
    """End the simulated AWS and delete everything in it."""
    session, console = opened(context, as_json)
    deleted = _rehearsal(session).reset()
    text = "The rehearsal has ended, and everything in it is deleted." if deleted else "There was no rehearsal."
    console.data({"deleted": deleted}, text)


def _rehearsal(session: Session, console: Console | None = None) -> Rehearsal:
    from yolops.rehearsal.rehearsal import Rehearsal

    return Rehearsal(session.workspace, say=None if console is None else console.note)


def _started(session: Session, console: Console, instances: InstanceMode | None = None) -> str:
    with console.working("making sure that the simulated AWS runs ..."):
        return _rehearsal(session, console).start(instances)


def _tables(seen: Status) -> list[object]:
    from yolops.cli.console import table

    about = [
        ("state", "running" if seen.running else "stopped"),
        ("address", seen.url),
        ("process", seen.pid),
        ("buckets", ", ".join(seen.buckets) or None),
        ("log", seen.log),
    ]
    shown: list[object] = [table("rehearsal", "", rows=about)]
    for title, columns, items in (
        ("instance", ("id", "state", "address", "boot", "log"), seen.instances),
        ("database", ("name", "status", "local_port", "log"), seen.databases),
        ("MLflow", ("name", "status", "url", "tracking_uri"), seen.mlflow),
        ("training job", ("name", "status", "log"), seen.jobs),
        ("not simulated", ("service", "action", "reason", "count"), seen.unimplemented),
    ):
        if items:
            rows = [tuple(item[column] for column in columns) for item in items]
            shown += ["", table(title, *columns[1:], rows=rows)]
    return shown
