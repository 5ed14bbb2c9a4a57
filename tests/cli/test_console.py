from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console as RichConsole

from yolops.cli.console import ISSUES, Console, print_bug, print_error, table
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

# What rich would take for colour, a link, a closing tag, an emoji, an escape.
TRAPS = [
    "[red]cell[/red]",
    "[/]",
    "[bold",
    "a.txt:100: wrong",
    ":warning:",
    r"\[red]",
    "C:\\cells\\",
    "[link=file:///etc]here[/link]",
    "names[0]",
    "[@click=quit]x[/]",
]


def _finding(severity: Severity, text: str = "text") -> Finding:
    return Finding(severity, "some-code", f"{text}.txt:100", f"what {text}", f"fix {text}")


def test_with_json_the_value_is_on_stdout_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    value = {"when": datetime(2030, 1, 2, 3, 4, 5, 678, UTC), "where": Path("a/b"), "name": "[red]ä[/]", "n": [1, None]}
    console.data(value, "a table that nobody sees")
    console.note("going on")
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {
        "when": "2030-01-02T03:04:05+00:00",
        "where": "a/b",
        "name": "[red]ä[/]",
        "n": [1, None],
    }
    assert shown.err == "going on\n"


def test_without_json_what_is_for_people_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("cells", 12, 0.123456), ("tools", 3, None)]
    Console().data({"not": "shown"}, table("name", "images", "mAP50", rows=rows), "a line")
    shown = capsys.readouterr()
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines == [["name", "images", "mAP50"], ["cells", "12", "0.1235"], ["tools", "3", "-"], ["a", "line"]]
    assert shown.err == ""


def test_a_table_in_a_pipe_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    Console().data(None, table("path", "note", rows=[("p" * 300, "n" * 300)]))
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_no_line_of_a_table_in_a_pipe_ends_with_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    shown = table("name", "note", rows=[("cells", "a"), ("tools", "much longer")])
    Console().data(None, shown)
    Console().note(shown)
    printed = capsys.readouterr()
    assert printed.out == printed.err == "name   note\ncells  a\ntools  much longer\n"


def test_a_narrow_terminal_cuts_no_word_of_a_table_in_two() -> None:
    run = ("first", "cells", "FINISHED", "2030-01-02 13:55", "197 s", 0.5, 0.1234, "64c82675", "a" * 40)
    columns = ("name", "experiment", "status", "started", "took", "mAP50", "mAP50-95", "id", "directory")
    screen = io.StringIO()
    RichConsole(file=screen, force_terminal=True, color_system=None, width=60, soft_wrap=True).print(
        table(*columns, rows=[run])
    )
    words = screen.getvalue().split()
    assert {*columns, *run[:3], *run[3].split(), "0.1234", "64c82675", "a" * 16} <= set(words)


@pytest.mark.parametrize(
    "row",
    [
        (
            "20260109-101500-7be2",
            "interrupted",
            "what a restore replaced",
            "3 experiments, 41 runs",
            "database 1.2 MB, 3",
        ),
        ("cells-yolo11n-1a2b3c4d", "InProgress (Training, interrupted 1x)", "11-26 21:37", "3600 s", "ml.g4dn.xlarge"),
    ],
)
def test_what_a_person_copies_from_the_first_column_stays_whole_on_80_columns(row: tuple[str, ...]) -> None:
    screen = io.StringIO()
    shown = table("name", "state", "why", "holds", "size", rows=[(*row[:4], f"{row[4]} artifacts of the bucket")])
    RichConsole(file=screen, force_terminal=True, color_system=None, width=80, soft_wrap=True).print(shown)
    assert row[0] in screen.getvalue().split()
    assert max(map(len, screen.getvalue().splitlines())) <= 80


def test_the_worst_findings_come_first_and_the_rest_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    info, warning, error = (_finding(severity) for severity in (Severity.INFO, Severity.WARNING, Severity.ERROR))
    Console().findings([info, warning, error, info], most=2)
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.err.splitlines()] == ["error", "fix", "warning", "fix", "..."]
    assert "... and 2 more" in shown.err
    assert shown.out == ""


def test_what_shows_the_other_findings_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Console().findings([_finding(Severity.INFO)] * 3, most=1, others="yolops dataset check cells --json lists all")
    assert capsys.readouterr().err.splitlines()[-1] == "... and 2 more (yolops dataset check cells --json lists all)"


def test_all_findings_are_shown_where_there_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    Console().findings([_finding(Severity.WARNING)])
    assert capsys.readouterr().err == "warning text.txt:100: what text\n    fix text\n"
    Console().findings([])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", TRAPS)
def test_text_is_shown_as_it_is_and_never_interpreted(capsys: pytest.CaptureFixture[str], text: str) -> None:
    console = Console()
    console.note(text)
    console.warn(text)
    console.findings([_finding(Severity.ERROR, text)])
    print_error(YolopsError(text, text))
    with console.working(text):
        pass
    err = capsys.readouterr().err.splitlines()
    assert err == [
        text,
        f"warning: {text}",
        f"error {text}.txt:100: what {text}",
        f"    fix {text}",
        f"error: {text}",
        f"  try: {text}",
        text,
    ]
    console.data(None, text, table(text, "", rows=[(text, text)]))
    out = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in out] == [text, text, f"{text}  {text}"]


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(YolopsError("no"))
    assert capsys.readouterr().err == "error: no\n"


def test_a_bug_is_shown_with_where_to_report_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_bug(ValueError("[red]"), verbose=False)
    err = capsys.readouterr().err
    assert "ValueError: [red]" in err
    assert ISSUES in err


def test_what_is_done_at_once_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().progress("checking") as update:
        for done in range(100):
            update(done, 100)
    assert capsys.readouterr() == ("", "")


ON_A_TERMINAL = """
from yolops.cli.console import Console, print_error
from yolops.errors import YolopsError

console = Console()
with console.working("[red]working[/] :warning:"):
    console.note("[red]note[/]")
print_error(YolopsError("[red]message[/]"))
"""


def test_on_a_terminal_the_label_has_a_colour_and_text_is_still_shown_as_it_is() -> None:
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(
        [sys.executable, "-c", ON_A_TERMINAL], check=False, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b[31merror:\x1b[0m [red]message[/]" in done.stderr
    assert "[red]working[/] :warning:" in done.stderr
    assert "[red]note[/]" in done.stderr


def test_what_goes_on_is_said_once_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().working("waiting ...") as say:
        for seen in ("installing", "installing", "starting"):
            say(seen)
    assert capsys.readouterr().err.splitlines() == ["waiting ...", "installing", "starting"]
