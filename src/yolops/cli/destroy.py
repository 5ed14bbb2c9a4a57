"""`yolops destroy`: take the platform in AWS away, and prove that nothing of it is left."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, Session, opened
from yolops.cli.wording import size_text
from yolops.errors import YolopsError
from yolops.findings import counted, errors

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.findings import Finding
    from yolops.platform.deployment import Deployment
    from yolops.platform.stake import Stake

MOST_RUNS = 1000


def destroy(
    context: typer.Context,
    yes: Annotated[
        str, typer.Option("--yes", metavar="PROJECT_NAME", help="Do not ask; the name of the project says which.")
    ] = "",
    discard_runs: Annotated[
        bool, typer.Option("--discard-runs", help="Lose the runs that were not moved to another platform.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Destroy the platform in AWS, then list what is left. Exit code 1 if something is."""
    from yolops.cli.deployment import deployment_of

    session, console = opened(context, as_json)
    settings = session.settings()
    if settings is None:
        raise YolopsError(
            f"{session.workspace.root}: the platform of this workspace is local, nothing of it is in AWS",
            "yolops down ends it; its runs lie in .yolops",
        )
    deployment = deployment_of(session, settings, console)
    with console.working("looking at what there is ..."):
        stake = deployment.stake()
    if stake.resources:
        _say_what_goes(session, stake, console)
        _confirm(settings.project_name, yes, stake, console, discard_runs=discard_runs)
        _destroy(deployment, stake, console)
    with console.working("listing what is left in AWS ..."):
        left = deployment.leftovers(stake, lambda _: None)
    _report(settings.project_name, stake, left, console)


def _say_what_goes(session: Session, stake: Stake, console: Console) -> None:
    console.note(f"{counted(len(stake.resources), 'resource')} to be destroyed, and with them:")
    if stake.holds_runs:
        console.note(f"  runs        {_runs(session, stake)}")
    for database in stake.databases:
        console.note(f"  database    {database} (a last snapshot is kept unless db_snapshot_on_destroy = false)")
    for bucket in stake.buckets:
        fate = "stays: delete_bucket_contents is not set" if bucket in stake.kept else "goes"
        content = f"{counted(bucket.objects, 'version')} of objects, {size_text(bucket.bytes)}"
        console.note(f"  bucket      {bucket.name} with {content}; it {fate}")


def _runs(session: Session, stake: Stake) -> str:
    """Return how many runs MLflow has, if it can be asked."""
    from yolops.tracking.runs import list_runs

    if stake.outputs is None or not stake.outputs.tracking_uri.startswith("http"):
        return "all of them; they were not moved anywhere"
    try:
        runs = list_runs(session.mlflow(stake.outputs), experiment="", most=MOST_RUNS)
    except YolopsError:
        return "all of them; how many cannot be told, because MLflow does not answer"
    count = f"{len(runs)} or more" if len(runs) == MOST_RUNS else str(len(runs))
    return f"{count}; they were not moved anywhere" if runs else "none yet"


def _confirm(project: str, yes: str, stake: Stake, console: Console, *, discard_runs: bool) -> None:
    from yolops.cli.questions import ask

    if yes and yes != project:
        raise YolopsError(f"--yes {yes}: the project of this workspace is {project}", f"yolops destroy --yes {project}")
    if stake.holds_runs and yes and not discard_runs:
        raise YolopsError(
            f"{project} still holds runs, which would be lost",
            "move them first (yolops migrate, from a later version on), or say that they may go: --discard-runs",
        )
    if yes:
        return
    lose = ", and lose its runs" if stake.holds_runs else ""
    if ask(f"Type {project} to destroy it{lose}", "--yes PROJECT_NAME") != project:
        console.note("that is not its name; nothing was changed")
        raise typer.Exit(1)


def _destroy(deployment: Deployment, stake: Stake, console: Console) -> None:
    from yolops.cli.deployment import apply

    if stake.protected:
        with console.working("giving the runs up ..."):
            surrender = deployment.plan_surrender(stake)
        apply(deployment, surrender, console)
    with console.working("asking Terraform what it would destroy ..."):
        plan = deployment.plan_destroy(stake)
    apply(deployment, plan, console)


def _report(project: str, stake: Stake, left: list[Finding], console: Console) -> None:
    remaining = errors(left)
    console.findings(left)
    value = {
        "destroyed": len(stake.resources),
        "kept": [asdict(bucket) for bucket in stake.kept],
        "findings": [finding.as_dict() for finding in left],
    }
    kept = "; what was kept on purpose is listed above" if len(left) > len(remaining) else ""
    unseen = sum(finding.code == "not-listed" for finding in left)
    blind = f"; {counted(unseen, 'kind')} could not be looked at" if unseen else ""
    count = "nothing" if not remaining else "one thing" if len(remaining) == 1 else f"{len(remaining)} things"
    summary = f"{count} of {project} {'are' if len(remaining) > 1 else 'is'} left{kept}{blind}"
    console.data(value, summary)
    if remaining:
        raise typer.Exit(1)
