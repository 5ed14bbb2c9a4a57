"""`yolops doctor`: whether everything that yolops needs is right here, and if not, what to do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import typer

from yolops.cli.session import Json, commands_of, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.table import Table
    from rich.text import Text

    from yolops.diagnosis.check import Outcome

COLORS = {"ok": "green", "info": "cyan", "warning": "yellow", "error": "red", "skipped": "dim"}


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check everything that yolops needs here, and say what to do. Exit code 1 if something does not work."""
    from yolops.cli.diagnosis import tasks_of
    from yolops.diagnosis.check import Verdict
    from yolops.diagnosis.run import run

    session, console = opened(context, as_json)
    mode, tasks = tasks_of(session)
    with console.progress("checks") as tell:
        outcomes = run(tasks, tell)
    retyped = partial(session.retyped, commands=commands_of(context))
    outcomes = [_retyped(outcome, retyped) for outcome in outcomes]
    failed = [outcome for outcome in outcomes if outcome.verdict is Verdict.ERROR]
    warned = [outcome for outcome in outcomes if outcome.verdict is Verdict.WARNING]
    console.data(
        {"mode": mode, "healthy": not failed, "checks": [outcome.as_dict() for outcome in outcomes]},
        _table(outcomes),
        "",
        f"{mode}: {len(failed)} of {len(outcomes)} checks found an error, {len(warned)} a warning",
    )
    if failed:
        raise typer.Exit(1)


def _retyped(outcome: Outcome, retyped: Callable[[str], str]) -> Outcome:
    """Return what was seen with commands that do not end up in another workspace or in the real AWS."""
    return replace(outcome, findings=tuple(replace(one, fix=retyped(one.fix)) for one in outcome.findings))


def _table(outcomes: Sequence[Outcome]) -> Table:
    """Return what was seen: a line for each finding, or for each check without one."""
    from yolops.cli.console import table

    rows = [row for outcome in outcomes if not outcome.because_of for row in _rows(outcome)]
    for cause in dict.fromkeys(outcome.because_of for outcome in outcomes if outcome.because_of):
        left_out = [outcome.check for outcome in outcomes if outcome.because_of == cause]
        what = f"not looked at, because of {cause}: {', '.join(left_out)}"
        rows.append((f"{len(left_out)} more", _colored("skipped"), what, ""))
    columns = ["check", "", "what", *(["what to do"] if any(row[-1] for row in rows) else [])]
    return table(*columns, rows=[row[: len(columns)] for row in rows])


def _rows(outcome: Outcome) -> Iterator[tuple[object, ...]]:
    if not outcome.findings:
        yield outcome.check, _colored(outcome.verdict.value), outcome.found, ""
    for finding in outcome.findings:
        where = "" if finding.where == outcome.check else f"{finding.where}: "
        yield outcome.check, _colored(finding.severity.value), f"{where}{finding.what}", finding.fix


def _colored(word: str) -> Text:
    from rich.text import Text

    return Text(word, COLORS[word])
