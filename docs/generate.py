"""Writes what the program says of itself into the documents: its commands, the help page that ships, its checks, and
what `dataset check` finds.

`python docs/generate.py` writes the files; with `--check` it writes nothing and exits with 1 when one of them is out
of date. They hold plain text of a fixed width, so that they are the same on every machine and terminal.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from yolops.cli.app import application
from yolops.datasets.codes import CODES
from yolops.datasets.labels import MOST_PER_FILE
from yolops.datasets.tally import MOST_PER_CODE
from yolops.diagnosis.catalogue import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from yolops.diagnosis.check import Check

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference" / "cli.md"
CHECKS = ROOT / "docs" / "reference" / "checks.md"
FINDINGS = ROOT / "docs" / "reference" / "dataset-findings.md"
HELP_PAGE = ROOT / "src" / "yolops" / "cli" / "help.txt"
PROGRAM = "yolops"
WIDTH = 100
MEND = "python docs/generate.py"

INTRODUCTION = """\
# Command line

<!-- Written by docs/generate.py; do not edit. -->

What `yolops` and each of its commands print with `--help`. Results go to stdout and everything else to stderr; with
`--json`, in front of a command or behind it, a result is JSON. What the exit codes mean is told in
[Exit codes](exit-codes.md).
"""
ABOUT_FINDINGS = f"""\
# Findings of a dataset check

<!-- Written by docs/generate.py from the table in src/yolops/datasets/codes.py; do not edit. -->

What `yolops dataset check` can find. An error stops `yolops train`. A code never changes; with `--json` each finding
has its code, its severity, where it is, what is wrong, and what to do. `counts` has how many there are of each code: of
one kind at most {MOST_PER_CODE:,} are listed, and of one label file at most {MOST_PER_FILE}.

`--quick` reads structure, headers and labels. It finds neither images that are there twice nor damage behind a header.
Without an option each image is hashed and decoded to a reduced size, which runs through all of its compressed data;
`--deep` decodes every pixel. Damage of a JPEG that its decoder makes up for without a word, such as a block of zeros,
is not seen by any of them.

| code | severity | what it is | what ultralytics 8.4 does |
|---|---|---|---|"""

ABOUT_CHECKS = """\
# Checks

<!-- Written by docs/generate.py; do not edit. -->

What [`yolops doctor`](cli.md#yolops-doctor) looks at. Checks run side by side, and each may take the seconds in its
column; one that does not answer by then is an error. What AWS must allow stands in the last column: whoever may not do
that is told so, and nothing else fails.
"""


def help_pages() -> Iterator[tuple[str, str]]:
    """Yield every command as it is typed and its help page, a group before its commands."""
    yield from _pages(typer.main.get_command(application()), PROGRAM, parent=None)


def documents() -> dict[Path, str]:
    """Return the text that each generated file should have."""
    pages = list(help_pages())
    sections = (f"## {command}\n\n```text\n{page}```\n" for command, page in pages)
    checks = (f"## {title}\n\n{_check_table(group)}" for title, group in GROUPS)
    return {
        REFERENCE: "\n".join([INTRODUCTION, *sections]),
        CHECKS: "\n".join([ABOUT_CHECKS, *checks]),
        FINDINGS: _findings(),
        HELP_PAGE: pages[0][1],
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` say which one is out of date."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"usage: {MEND} [--check]\n")
        return 2
    stale = [path for path, text in documents().items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in stale:
        if arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)}: out of date; run: {MEND}\n")
        else:
            path.write_text(documents()[path], encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return int(bool(stale and arguments))


def _check_table(checks: tuple[Check[Any], ...]) -> str:
    rows = [("check", "what must be true", "seconds", "AWS actions"), ("---",) * 4]
    for check in checks:
        actions = ", ".join(f"`{action}`" for action in check.actions)
        rows.append((check.name, check.about.rstrip("."), f"{check.patience_s:g}", actions))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _findings() -> str:
    rows = (
        f"| `{code.name}` | {code.severity.value} | {code.meaning} | {code.ultralytics} |" for code in CODES.values()
    )
    return "\n".join([ABOUT_FINDINGS, *rows, ""])


# Typer 0.29 carries click inside and other releases stand on click itself, so no type of either is named here.
def _pages(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    context = command.context_class(command, info_name=name.rpartition(" ")[2], parent=parent, terminal_width=WIDTH)
    yield name, command.get_help(context).rstrip() + "\n"
    if hasattr(command, "list_commands"):
        for part in command.list_commands(context):
            yield from _pages(command.get_command(context, part), f"{name} {part}", context)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
