"""How the product speaks: data on stdout, everything else on stderr, plain lines where no person is watching."""

from __future__ import annotations

import json
import math
import re
import sys
import time
import traceback
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from yolops import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from yolops.errors import YolopsError
    from yolops.findings import Finding

# What is done sooner needs no bar.
BAR_AFTER_S = 2.0
PIPE_COLUMNS = 4000
# A word of a table is folded only if it is longer than this; a date, a status or an ID stays whole.
WHOLE_WORD = 16
# In the first column stands what a person types next, such as the name of a job: it stays on one line.
WHOLE_NAME = 24
# Text is shown as it is: rich would take `[0]` for markup, and the `:100:` behind the name of a file for an emoji.
LITERAL: Any = {"soft_wrap": True, "highlight": False, "markup": False, "emoji": False}
ISSUES = "https://github.com/yolops/yolops/issues"


class Console:
    """Prints for one command.

    Args:
        as_json: print data as JSON on stdout instead of tables.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        # A pipe is no page: what a program reads must not be wrapped.
        self._out = RichConsole(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_COLUMNS, **LITERAL)
        self._err = RichConsole(file=sys.stderr, width=None if sys.stderr.isatty() else PIPE_COLUMNS, **LITERAL)

    @property
    def is_piped(self) -> bool:
        """Whether nobody watches stderr on a terminal."""
        return not self._err.is_terminal

    def data(self, value: object, *shown: object) -> None:
        """Show a result: `value` with `--json`, else each of `shown` (text or rich renderables)."""
        if self.as_json:
            sys.stdout.write(json.dumps(_strict(value), indent=2, default=_plain) + "\n")
            return
        for item in shown:
            _print(self._out, item)

    def note(self, line: str | Table) -> None:
        """Say what is going on, on stderr."""
        _print(self._err, line)

    def warn(self, line: str) -> None:
        """Say what a person should know before they go on, on stderr."""
        self._err.print(Text.assemble(("warning:", "yellow"), " ", line))

    def findings(self, findings: Sequence[Finding], *, most: int = 20, others: str = "--json lists all") -> None:
        """Print findings on stderr, the worst first, at most `most` of them, and say what shows the others."""
        colors = {"error": "red", "warning": "yellow", "info": "cyan"}
        ranked = sorted(findings, key=lambda finding: list(colors).index(finding.severity))
        for finding in ranked[:most]:
            label = (finding.severity.value, colors[finding.severity])
            self._err.print(Text.assemble(label, f" {finding.where}: {finding.what}\n    ", (finding.fix, "dim")))
        if len(ranked) > most:
            self.note(f"... and {len(ranked) - most} more ({others})")

    @contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something is going on: a spinner for a person, one line elsewhere.

        The yielded function changes the text.
        """
        if self._err.is_terminal:
            with self._err.status(Text(text)) as status:
                yield lambda now: status.update(Text(now))
        else:
            self.note(text)
            yield self._changes()

    def _changes(self) -> Callable[[str], None]:
        """Return what says a line unless it was said last."""
        last = ""

        def say(line: str) -> None:
            nonlocal last
            if line != last:
                self.note(line)
            last = line

        return say

    @contextmanager
    def progress(self, text: str) -> Iterator[Callable[[int, int], None]]:
        """Show how far a loop is: the yielded function is called with how many are done, of how many."""
        bar = self.bar(text, lines=True)
        try:
            yield bar.update
        finally:
            bar.stop()

    def bar(self, text: str, *, lines: bool = False) -> Bar:
        """Return a bar that appears on a terminal when something takes longer than a person waits gladly.

        Args:
            text: what is going on.
            lines: say every tenth of the way in a line where there is no terminal.
        """
        return Bar(self._err, text, lines=lines)


class Bar:
    """A progress bar; see `Console.bar`."""

    def __init__(self, err: RichConsole, text: str, *, lines: bool) -> None:
        self._err = err
        self._text = text
        self._lines = lines
        self._started = time.monotonic()
        self._tenth = 0
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=err, transient=True)
        self._task = self._bar.add_task(text, total=None)

    def update(self, done: int, total: int, text: str = "") -> None:
        """Show that `done` of `total` are done."""
        if time.monotonic() - self._started < BAR_AFTER_S:
            return
        if self._err.is_terminal:
            self._bar.start()
            self._bar.update(self._task, completed=done, total=total, description=text or self._text)
        elif self._lines and (tenth := done * 10 // max(total, 1)) > self._tenth:
            self._tenth = tenth
            self._err.print(f"{self._text}: {done} of {total}")

    def stop(self) -> None:
        """Take the bar away."""
        if self._err.is_terminal:
            self._bar.stop()


def table(*columns: str, rows: Sequence[Sequence[Any]]) -> Table:
    """Return a table for `Console.data`: numbers to the right, everything else to the left.

    Where a terminal is too narrow for it, it is the terminal that wraps: a word cut in two is worse.
    """
    result = Table(box=None, header_style="bold", pad_edge=False, show_header=any(columns))
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        words = " ".join([column, *(str(_cell(row[index])) for row in rows)]).split()
        longest = max(map(len, words), default=0)
        result.add_column(
            column,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=index == 0 and longest <= WHOLE_NAME,
            min_width=min(longest, WHOLE_WORD),
        )
    for row in rows:
        result.add_row(*(_cell(value) for value in row))
    return result


def print_error(error: YolopsError) -> None:
    """Print an error a person can mend: where and what, then what to do."""
    err = RichConsole(file=sys.stderr, **LITERAL)
    err.print(Text.assemble(("error:", "red"), " ", error.message))
    if error.hint:
        err.print(Text.assemble(("  try:", "cyan"), " ", error.hint))


def print_bug(error: Exception, *, verbose: bool) -> None:
    """Print a traceback and where to report it: nobody using the program did anything wrong."""
    limit = None if verbose else -8
    sys.stderr.write("".join(traceback.format_exception(error, limit=limit)))
    sys.stderr.write(f"\nThis is a bug in yolops {__version__}. Please report it with the lines above: {ISSUES}\n")


def _print(to: RichConsole, item: object) -> None:
    """Print text or a table; a table without the blanks behind its lines, with which rich fills the last column."""
    if to.is_terminal or isinstance(item, str):
        to.print(item)
        return
    with to.capture() as printed:
        to.print(item)
    to.file.write(re.sub(" +$", "", printed.get(), flags=re.MULTILINE))


def _strict(value: object) -> object:
    """Return the value without what JSON has no word for: NaN and infinity become null."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _cell(value: object) -> str | Text:
    if value is None:
        return "-"
    if isinstance(value, Text):  # coloured
        return value
    return f"{value:.4g}" if isinstance(value, float) else str(value)
