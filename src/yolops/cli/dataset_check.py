"""`yolops dataset check`: find what would spoil a training, show it, and repair what is safe in a copy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, opened
from yolops.errors import UsageError, YolopsError
from yolops.findings import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from yolops.cli.console import Console
    from yolops.datasets.description import Dataset
    from yolops.datasets.report import Counts, Report


def check(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="The data.yaml, or the directory that holds it.")],
    quick: Annotated[bool, typer.Option("--quick", help="Only structure, image headers and labels.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every pixel, not a reduced image.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with pictures of the worst findings.")] = None,
    fix: Annotated[Path | None, typer.Option(help="Write a copy in which is repaired what is safe.")] = None,
    drop_lines: Annotated[bool, typer.Option("--drop-lines", help="With --fix, take wrong label lines out.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --fix, only say what it would do.")] = False,
    as_json: Json = False,
) -> None:
    """Find everything about a dataset that would spoil a training; exit code 1 if there are errors."""
    from yolops.datasets.check import check
    from yolops.datasets.codes import DescriptionError
    from yolops.datasets.description import read_dataset
    from yolops.datasets.images import Level
    from yolops.datasets.placing import refuse_occupied

    if quick and deep:
        raise UsageError("dataset check: --quick and --deep are opposites", "give one of them")
    if (drop_lines or dry_run) and fix is None:
        raise UsageError("dataset check: --drop-lines and --dry-run are about --fix", "add --fix and a new directory")
    if fix and not dry_run:
        refuse_occupied(fix.absolute())
    level = Level.QUICK if quick else Level.DEEP if deep else Level.DEFAULT
    _, console = opened(context, as_json)
    try:
        dataset = read_dataset(data)
    except DescriptionError as error:
        if console.as_json:
            console.data({"data": str(data), "findings": [error.finding.as_dict()]})
        raise
    with console.progress("checking images") as progress:
        report = check(dataset, progress, level=level)
    console.findings(report.findings)
    if html:
        _write_page(html, report, dataset)
    value = report.as_dict()
    if fix:
        value["fixed"] = _fix(console, dataset, fix, drop=drop_lines, dry_run=dry_run)
    said = f"fingerprint {report.fingerprint}" if report.fingerprint else "no fingerprint: --quick reads no image whole"
    console.data(value, *_found(report), counts_table(report.splits, report.names), said)
    if report.errors:
        raise typer.Exit(1)


def counts_table(splits: Mapping[str, Counts], names: Sequence[str]) -> Table:
    """Return a table of what is in each split."""
    from yolops.cli.console import table

    rows: list[list[str | int]] = [
        [what, *(getattr(counts, what) for counts in splits.values())]
        for what in ("images", "labelled", "background", "boxes")
    ]
    rows += [
        [f"  {name}", *(counts.per_class[number] for counts in splits.values())] for number, name in enumerate(names)
    ]
    return table("", *splits, rows=rows)


def _found(report: Report) -> list[Table]:
    from yolops.cli.console import table
    from yolops.datasets.codes import CODES

    rows = [[code, CODES[code].severity.value, count] for code, count in report.worst_first()]
    return [table("finding", "severity", "count", rows=rows)] if rows else []


def _write_page(path: Path, report: Report, dataset: Dataset) -> None:
    from yolops.datasets.html_report import html_page
    from yolops.whole_file import whole_file

    try:
        with whole_file(path) as draft:
            # Names of files need not be UTF-8.
            draft.write_text(html_page(report, dataset), encoding="utf-8", errors="replace")
    except OSError as error:
        raise YolopsError(f"--html {path}: cannot be written ({error.strerror})", "give another file") from error


def _fix(console: Console, dataset: Dataset, target: Path, *, drop: bool, dry_run: bool) -> dict[str, object]:
    from yolops.datasets.mend import mend

    mended = mend(dataset, None if dry_run else target, drop=drop)
    lines = ", ".join(f"{code} in {counted(count, 'line')}" for code, count in mended.lines.items())
    would = "would have" if dry_run else "has"
    images, files = counted(mended.images, "image"), counted(mended.files, "label file")
    console.note(f"{target} {would} {images}; {files} written anew{f' ({lines})' if lines else ''}")
    return {"images": mended.images, "files": mended.files, "lines": dict(mended.lines), "written": not dry_run}
