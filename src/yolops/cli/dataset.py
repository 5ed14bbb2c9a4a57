"""`yolops dataset`: generate a sample, convert from and to other formats; check and versions have their own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from yolops.cli import dataset_versions
from yolops.cli.dataset_check import check, counts_table
from yolops.cli.dataset_get import get
from yolops.cli.dataset_show import show
from yolops.cli.dataset_split import split
from yolops.cli.dataset_stats import stats
from yolops.cli.group import group
from yolops.cli.session import Json, opened
from yolops.datasets.formats import Source, Target


def commands() -> typer.Typer:
    """Build the commands about datasets."""
    return group(
        "Fetch, generate, check, convert, divide and keep datasets in YOLO format.",
        sample=_sample,
        check=check,
        convert=_convert,
        get=get,
        split=split,
        stats=stats,
        show=show,
        push=dataset_versions.push_version,
        pull=dataset_versions.pull_version,
        list=dataset_versions.list_versions,
        prune=dataset_versions.prune_versions,
    )


def _sample(
    context: typer.Context,
    target: Annotated[Path | None, typer.Argument(help="Where it goes; without it, `shapes` in the workspace.")] = None,
    images: Annotated[tuple[int, int, int], typer.Option(help="How many images train, val and test get.")] = (
        200,
        50,
        20,
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same dataset.")] = 0,
    as_json: Json = False,
) -> None:
    """Generate a small dataset that a detector learns in seconds: circles, squares and triangles."""
    from yolops.datasets.sample import write_sample

    session, console = opened(context, as_json)
    with console.working("drawing images ..."):
        data = write_sample(target or session.workspace.root / "shapes", images=images, seed=seed)
    console.data({"data": str(data)}, str(data))


def _convert(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="The dataset: its directory, or the file that describes it.")],
    target: Annotated[Path, typer.Argument(help="Where the dataset goes: a new directory.")],
    source_format: Annotated[
        Source | None, typer.Option("--from", help="Which format the source has; without it, that is recognised.")
    ] = None,
    to: Annotated[Target, typer.Option(help="Which format to write.")] = Target.YOLO,
    as_json: Json = False,
) -> None:
    """Convert annotations of other tools to YOLO format, or YOLO to theirs; the images stay as they are."""
    from yolops.datasets.convert import convert

    _, console = opened(context, as_json)
    with console.working("converting annotations ..."):
        result = convert(source, target, source_format=source_format, to=to)
    console.findings(result.findings)
    value = {
        "data": str(result.data),
        "from": result.source_format.value,
        "to": to.value,
        "images": {split: counts.images for split, counts in result.counts.items()},
        "boxes": {split: counts.boxes for split, counts in result.counts.items()},
        "findings": [finding.as_dict() for finding in result.findings],
    }
    console.data(value, counts_table(result.counts, result.names), str(result.data))
