"""`yolops up`: start or build the platform of the workspace."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, Session, opened
from yolops.errors import UsageError, YolopsError
from yolops.findings import counted

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.access import Access
    from yolops.platform.deployment import Deployment
    from yolops.platform.outputs import Outputs
    from yolops.platform.plan import Plan
    from yolops.platform.settings import Settings


def up(
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1024, max=65535, help="The port of MLflow; otherwise 5000 or the next free one."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="In AWS: apply the plan without asking.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="In AWS: wait until MLflow answers at its address.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Start the platform of this workspace; in AWS: show the plan, ask, apply it."""
    session, console = opened(context, as_json)
    settings = session.settings()
    if settings is None:
        _up_here(session, console, port)
    elif port is not None:
        raise UsageError("--port: only the server of local mode has a port to choose", "leave it out")
    else:
        _up_in_aws(session, settings, console, yes=yes, wait=wait)


def _up_in_aws(session: Session, settings: Settings, console: Console, *, yes: bool, wait: bool) -> None:
    built = build(session, settings, console, yes=yes)
    if built is None:
        raise typer.Exit(1)
    deployment, plan = built
    if wait:
        wait_until_healthy(deployment, console)
    outputs = session.as_rehearsed(deployment.outputs())
    console.data(
        {**outputs.as_dict(), "plan": plan.as_dict()},
        f"MLflow answers: {outputs.ui_url}" if wait else f"MLflow will answer: {outputs.ui_url}",
        *_for_other_programs(session, outputs),
    )


def build(session: Session, settings: Settings, console: Console, *, yes: bool) -> tuple[Deployment, Plan] | None:
    """Make the platform in AWS what its settings say, and return it with the last plan; None if that was declined."""
    from yolops.cli.deployment import apply, deployment_of, make_plan, plan_summary, plan_table
    from yolops.cli.questions import agrees

    deployment = deployment_of(session, settings, console)
    while True:
        plan = make_plan(deployment, console)
        if plan.empty:
            console.note(plan_summary(settings, plan))
            return deployment, plan
        console.note(plan_table(plan))
        console.note(plan_summary(settings, plan))
        if not yes and not agrees(f"Apply this to {settings.project_name} in {settings.region}?"):
            console.note("nothing more was changed")
            return None
        apply(deployment, plan, console)
        if not plan.then:
            return deployment, plan


def wait_until_healthy(deployment: Deployment, console: Console) -> None:
    """Wait until MLflow answers."""
    with console.working("waiting until MLflow answers; a new server takes minutes ...") as say:
        deployment.wait_until_healthy(lambda seen: say(f"waiting until MLflow answers: {seen}"))


def _for_other_programs(session: Session, outputs: Outputs) -> list[str]:
    """Return what MLflow's own client needs to find the server, and where a login for it comes from."""
    from yolops.platform.access import CERTIFICATE

    lines = [f"For other programs: export MLFLOW_TRACKING_URI={outputs.tracking_uri}"]
    if not outputs.tracking_uri.startswith("https://"):
        return lines
    try:
        known = session.access(outputs).environment()
    except YolopsError as error:  # whoever may build a platform need not be let in to it
        return [*lines, f"  {error.message}; {error.hint}"]
    lines += [f"  export {CERTIFICATE}={shlex.quote(known[CERTIFICATE])}"] if CERTIFICATE in known else []
    return [*lines, f"  and a login of their own: {session.command_prefix()} users add NAME"]


def _up_here(session: Session, console: Console, port: int | None) -> None:
    from yolops.platform.local import LocalPlatform

    platform = LocalPlatform(session.workspace, say=console.note)
    with console.working("making sure that MLflow runs; a start takes some seconds ..."):
        outputs = platform.up(port)
    console.data(
        outputs.as_dict(),
        f"MLflow runs at {outputs.ui_url}",
        f"For other programs: export MLFLOW_TRACKING_URI={outputs.tracking_uri}",
    )
    _send_what_waits(session, console, session.access(outputs))


def _send_what_waits(session: Session, console: Console, access: Access) -> None:
    from yolops.training.run_directory import RUNS, all_spools
    from yolops.training.sending import send_what_waits

    waiting = send_what_waits(all_spools(session.workspace.root / RUNS), access)
    if waiting:
        runs = counted(len(waiting), "run")
        sync = f"{session.command_prefix()} runs sync"
        console.note(f"sending {runs} that ended while MLflow was away; to wait for that: {sync}")
