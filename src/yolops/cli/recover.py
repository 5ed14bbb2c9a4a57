"""`yolops recover`: after an apply that was killed, take its lock and import what it created."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, opened
from yolops.errors import YolopsError
from yolops.findings import counted

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.platform.recovery import Orphan, Recovery

MOST_ROUNDS = 5


def recover(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Import what is found without asking.")] = False,
    as_json: Json = False,
) -> None:
    """After a killed apply: take its lock, and import what it created."""
    from yolops.cli.deployment import deployment_of

    session, console = opened(context, as_json)
    settings = session.settings()
    if settings is None:
        raise YolopsError(f"{session.workspace.root}: a local platform has nothing to recover", "yolops up")
    deployment = deployment_of(session, settings, console)
    recovery = deployment.recovery()
    lock = recovery.take_over()
    if lock is not None:
        console.note(f"took over the lock of {lock.who} of {lock.created}")
    imported, unclear = _import_all(recovery, console, yes=yes)
    if unclear:
        for line in unclear:
            console.warn(line)
        raise YolopsError(
            f"{counted(len(imported), 'resource')} imported, {len(unclear)} could not be",
            "import those by hand (terraform import ADDRESS ID), then: yolops recover",
        )
    recovery.finish()
    console.data(
        {"lock": None if lock is None else asdict(lock), "imported": [asdict(orphan) for orphan in imported]},
        f"{counted(len(imported), 'resource')} imported; go on with: {session.command_prefix()} up",
    )


def _import_all(recovery: Recovery, console: Console, *, yes: bool) -> tuple[list[Orphan], list[str]]:
    """Import in rounds: what was imported makes known where to look for what depends on it."""
    from yolops.cli.console import table
    from yolops.cli.questions import agrees

    imported: list[Orphan] = []
    failed: dict[str, str] = {}
    for number in range(MOST_ROUNDS):
        with console.working("looking for what exists in AWS but is not in the state ..."):
            found = recovery.search()
        orphans = [orphan for orphan in found.orphans if orphan.address not in failed]
        if not orphans:
            return imported, [*failed.values(), *found.unclear]
        console.note(table("exists", "as", rows=[(orphan.address, orphan.identity) for orphan in orphans]))
        if number == 0 and not yes and not agrees("Import these, and what belongs to them?"):
            console.note("nothing was imported")
            raise typer.Exit(1)
        with console.working("importing them ..."):
            adopted = recovery.adopt(orphans)
        for orphan, problem in adopted:
            if problem is None:
                imported.append(orphan)
                console.note(f"imported  {orphan.address}")
            else:
                failed[orphan.address] = f"{orphan.address}: {problem.message}"
    return imported, [*failed.values(), "there may be more; recover again"]
