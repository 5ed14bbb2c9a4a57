"""`yolops dataset stats`: what a dataset is made of, in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, opened
from yolops.findings import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from yolops.datasets.stats import Stats

# More classes than fit on a screen; --json has all.
MOST_CLASSES = 30
BAR_CHARACTERS = 20


def stats(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="The data.yaml, or the directory that holds it; `val` may be missing.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Only image headers and labels: nothing about copies.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Count images and objects of each split and class, their sizes and places, and what is there twice."""
    from yolops.datasets.description import read_dataset
    from yolops.datasets.images import Level
    from yolops.datasets.stats import stats_of

    _, console = opened(context, as_json)
    dataset = read_dataset(data, needs=("train",))
    with console.progress("reading images") as progress:
        result = stats_of(dataset, progress, level=Level.QUICK if quick else Level.DEFAULT)
    console.data(result.as_dict(), _splits(result), "", *_classes(result), "", *_lines(result))


def _splits(stats: Stats) -> Table:
    from yolops.cli.console import table
    from yolops.datasets.stats import AREAS

    rows = []
    for split, part in stats.splits.items():
        mean, _, most = part.per_image
        counts = [split, part.images, part.background, part.unlabelled, part.objects]
        rows.append([*counts, f"{mean:.1f}", most, *_percent(part.areas)])
    columns = ("images", "background", "no label", "objects", "mean", "most")
    return _to_the_right(table("split", *columns, *AREAS, rows=rows))


def _classes(stats: Stats) -> Iterator[Table | str]:
    from yolops.cli.console import table
    from yolops.datasets.stats import AREAS

    ranked = sorted(stats.classes, key=lambda item: -sum(item.objects))
    highest = max(1, sum(ranked[0].objects))
    rows = [
        [item.name, *item.objects, item.images, *_percent(item.areas), _bar(sum(item.objects) / highest)]
        for item in ranked[:MOST_CLASSES]
    ]
    shown = table("class", *stats.splits, "images", *AREAS, "objects", rows=rows)
    yield _to_the_right(shown, but=1)
    if len(ranked) > MOST_CLASSES:
        more = counted(len(ranked) - MOST_CLASSES, "class", "classes")
        yield f"... and {more} with fewer objects (--json lists all)"


def _lines(stats: Stats) -> Iterator[str]:
    """Say what is no table, a line each."""
    readable = max(1, stats.images - stats.unreadable)
    sizes = ", ".join(f"{width}x{height} {count / readable:.0%}" for width, height, count in stats.sizes)
    yield f"sizes      {sizes or 'none'}"
    if len(stats.sizes) > 1:
        for side, (least, median, most) in (("widths", stats.widths), ("heights", stats.heights)):
            yield f"           {side} {least} to {most}, the median is {median}"
    yield f"formats    {', '.join(f'{form} {count}' for form, count in stats.formats.items()) or 'none'}"
    if stats.unreadable:
        unread = counted(stats.unreadable, "image")
        yield f"unread     {unread}, whose objects do not count; yolops dataset check says why"
    total = max(1, sum(map(sum, stats.centres)))
    for title, height, row in zip(("centres", "", ""), ("top", "middle", "bottom"), stats.centres, strict=True):
        yield f"{title:10} {height:7} " + "  ".join(f"{_shade(count / total)} {count / total:4.0%}" for count in row)
    if stats.twice:
        twice = stats.twice
        elsewhere = counted(twice.between_splits, "image") + " also in another split"
        see = " (see: check)" if twice.between_splits else ""
        yield f"copies     {twice.equal} equal, {twice.alike} nearly equal; {elsewhere}{see}"


def _percent(areas: Sequence[int]) -> list[str]:
    total = sum(areas)
    return [f"{area / total:.0%}" if total else "-" for area in areas]


def _bar(share: float) -> str:
    eighths = round(share * BAR_CHARACTERS * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _shade(share: float) -> str:
    """Return a block that is darker the more of all is in one field of nine."""
    return 2 * "·░▒▓█"[min(4, round(share * 9 * 2))]


def _to_the_right(shown: Table, but: int = 0) -> Table:
    for column in shown.columns[1 : len(shown.columns) - but]:
        column.justify = "right"
    return shown
