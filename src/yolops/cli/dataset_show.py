"""`yolops dataset show`: a picture of some images with their objects drawn on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from yolops.cli.session import Json, opened
from yolops.errors import UsageError, YolopsError

SUFFIXES = (".jpg", ".jpeg", ".png")


def show(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="The data.yaml, or the directory that holds it; `val` may be missing.")],
    out: Annotated[Path, typer.Option(help="The picture, a JPEG or PNG; an earlier one is replaced.")] = Path(
        "sheet.jpg"
    ),
    count: Annotated[int, typer.Option(min=1, max=100, help="How many images.")] = 16,
    name: Annotated[str, typer.Option("--class", metavar="NAME", help="Only images that show this class.")] = "",
    split: Annotated[str, typer.Option(help="Only images of this split.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Another one chooses other images.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw boxes, polygons and keypoints on some images, as the trainer sees them, and put them on one sheet."""
    from yolops.datasets.description import read_dataset
    from yolops.datasets.sheet import contact_sheet, pick
    from yolops.whole_file import whole_file

    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {out}: neither a JPEG nor a PNG", f"end it with {' or '.join(SUFFIXES)}")
    _, console = opened(context, as_json)
    dataset = read_dataset(data, needs=("train",))
    if any(str(out.resolve()) in members.names for members in dataset.splits.values()):
        raise YolopsError(f"--out {out}: an image of the dataset", "give another file")
    with console.working("drawing ..."):
        picked = pick(dataset, count, seed=seed, split=split, name=name)
        sheet = contact_sheet(dataset, picked)
        try:
            with whole_file(out) as draft:
                sheet.save(draft, "PNG" if out.suffix.lower() == ".png" else "JPEG", quality=90)
        except OSError as error:
            raise YolopsError(f"--out {out}: cannot be written ({error.strerror})", "give another file") from error
    images = [{"image": item.image, "split": item.split, "objects": len(item.shapes)} for item in picked]
    console.data({"sheet": str(out.absolute()), "images": images}, str(out.absolute()))
