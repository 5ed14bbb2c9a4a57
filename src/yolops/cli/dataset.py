"""`yolops dataset`: generate a sample, check a dataset, convert one from another format; and its versions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli import dataset_versions
from yolops.cli.session import Json, session_of
from yolops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from yolops.datasets.report import Counts


class Format(StrEnum):
    """The formats a dataset can be converted from."""

    AUTO = "auto"
    VOC = "voc"
    COCO = "coco"


def commands() -> typer.Typer:
    """Build the commands about datasets."""
    app = typer.Typer(
        help="Generate, check, convert and keep datasets in YOLO format.", no_args_is_help=True, rich_markup_mode=None
    )
    app.command("sample")(_sample)
    app.command("check")(_check)
    app.command("convert")(_convert)
    dataset_versions.add_commands(app)
    return app


def _sample(
    context: typer.Context,
    directory: Annotated[
        Path | None, typer.Argument(help="Where it goes; without it, `shapes` in the workspace.")
    ] = None,
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

    session = session_of(context)
    console = session.console(as_json=as_json)
    with console.working("drawing images"):
        data = write_sample(directory or session.workspace.root / "shapes", images=images, seed=seed)
    console.data({"data": str(data)}, str(data))


def _check(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="The data.yaml, or the directory that holds it.")],
    quick: Annotated[bool, typer.Option("--quick", help="Only structure, image headers and labels.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every pixel, not a reduced image.")] = False,
    as_json: Json = False,
) -> None:
    """Find everything about a dataset that would spoil a training; exit code 1 if there are errors."""
    from yolops.datasets.check import check
    from yolops.datasets.codes import DescriptionError
    from yolops.datasets.description import read_dataset
    from yolops.datasets.images import Level

    if quick and deep:
        raise UsageError("dataset check: --quick and --deep are opposites", "give one of them")
    level = Level.QUICK if quick else Level.DEEP if deep else Level.DEFAULT
    console = session_of(context).console(as_json=as_json)
    try:
        dataset = read_dataset(data)
    except DescriptionError as error:
        if as_json:
            console.data({"data": str(data), "findings": [error.finding.as_dict()]})
        raise
    with console.progress("checking images") as progress:
        report = check(dataset, progress, level=level)
    console.findings(report.findings)
    said = f"fingerprint {report.fingerprint}" if report.fingerprint else "no fingerprint: --quick reads no image whole"
    console.data(report.as_dict(), _counts_table(report.splits, report.names), said)
    if report.errors:
        raise typer.Exit(1)


def _convert(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="The directory in Pascal VOC or COCO format.")],
    target: Annotated[Path, typer.Argument(help="Where the dataset goes: a new directory.")],
    format: Annotated[Format, typer.Option(help="Which format the source has.")] = Format.AUTO,
    as_json: Json = False,
) -> None:
    """Convert Pascal VOC or COCO annotations to YOLO format; the images stay as they are."""
    from yolops.datasets.convert import convert
    from yolops.datasets.description import read_dataset

    console = session_of(context).console(as_json=as_json)
    with console.working("converting annotations"):
        result = convert(source, target, format=format.value)
    console.findings(result.findings)
    value = {
        "data": str(result.data_yaml),
        "images": {split: counts.images for split, counts in result.counts.items()},
        "boxes": {split: counts.boxes for split, counts in result.counts.items()},
        "findings": [finding.as_dict() for finding in result.findings],
    }
    names = read_dataset(result.data_yaml).names
    console.data(value, _counts_table(result.counts, names), str(result.data_yaml))


def _counts_table(splits: Mapping[str, Counts], names: Sequence[str]) -> Table:
    from yolops.cli.console import table

    rows: list[list[str | int]] = [
        [what, *(getattr(counts, what) for counts in splits.values())]
        for what in ("images", "labelled", "background", "boxes")
    ]
    rows += [
        [f"  {name}", *(counts.per_class[number] for counts in splits.values())] for number, name in enumerate(names)
    ]
    return table("", *splits, rows=rows)
