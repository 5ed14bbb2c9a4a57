"""`yolops dataset split`: divide a dataset anew into train, val and test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, opened
from yolops.errors import UsageError
from yolops.findings import counted

if TYPE_CHECKING:
    from rich.table import Table

    from yolops.datasets.split import Plan


def split(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="The data.yaml, or the directory that holds it; `val` may be missing.")],
    target: Annotated[Path, typer.Argument(help="Where the divided copy goes: a new directory.")],
    ratios: Annotated[str, typer.Option(help="The shares of train, val and test; two for no test.")] = "0.8,0.1,0.1",
    seed: Annotated[int, typer.Option(min=0, help="Another one divides otherwise.")] = 0,
    group_by: Annotated[
        str, typer.Option(metavar="REGEX", help="Images for which this finds the same in their path stay together.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what each split would get.")] = False,
    as_json: Json = False,
) -> None:
    """Divide a dataset so that each split has its share of each class and nearly equal images stay together."""
    from yolops.datasets.description import read_dataset
    from yolops.datasets.split import check_target, plan_split, write_split

    shares = _numbers(ratios)
    _, console = opened(context, as_json)
    dataset = read_dataset(data, needs=("train",))
    check_target(target, dataset)
    with console.progress("reading images") as progress:
        plan = plan_split(dataset, shares, seed=seed, group_by=group_by, progress=progress)
    if not dry_run:
        with console.progress("writing links") as progress:
            write_split(plan, target, progress)
    smallest = min(plan.shares.values()) * sum(counts.images for counts in plan.counts.values())
    if plan.largest > smallest:
        console.warn(f"{counted(plan.largest, 'image')} in one group, more than the smallest split should get")
    groups, largest = counted(plan.groups, "group"), counted(plan.largest, "image")
    said = f"{groups} of images that stay together, the largest of {largest}"
    where = [] if dry_run else [str(target.absolute() / "data.yaml")]
    console.data({"data": None if dry_run else where[0], **plan.as_dict()}, _table(plan), said, *where)


def _table(plan: Plan) -> Table:
    from yolops.cli.console import table

    counts = list(plan.rows())
    digits = max(len(str(total)) for _, total, _ in counts)
    rows = [
        [name, total, *(_cell(part, digits, total, share) for part, share in parts)] for name, total, parts in counts
    ]
    return table("", "all", *(f"{split} {share:.4g}" for split, share in plan.shares.items()), rows=rows)


def _cell(part: int, digits: int, total: int, share: float) -> str:
    """Return a part, and how far it is from what was wished, in percent of all."""
    off = round(100 * (part / total - share), 1) + 0.0 if total else 0.0
    return f"{part:>{digits}} {part / total:6.1%} {off:+5.1f}" if total else f"{part:>{digits}}"


def _numbers(ratios: str) -> list[float]:
    try:
        return [float(part) for part in ratios.split(",")]
    except ValueError as error:
        raise UsageError(f"--ratios {ratios}: not numbers", "write them like 0.8,0.1,0.1") from error
