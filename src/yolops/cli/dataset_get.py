"""`yolops dataset get`: bring a dataset from an archive, an address or Roboflow."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.session import Json, Session, opened
from yolops.errors import UsageError
from yolops.findings import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yolops.cli.console import Console
    from yolops.datasets.fetching.get import Got


def get(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="A .zip or .tar[.gz|.bz2|.xz]: its path or https://..., or roboflow:WORKSPACE/PROJECT/VERSION."
        ),
    ],
    target: Annotated[Path, typer.Argument(help="Where the dataset goes: a new directory.")],
    sha256: Annotated[str, typer.Option(metavar="HEX", help="What the archive must have.")] = "",
    as_json: Json = False,
) -> None:
    """Fetch a dataset, unpack it without trusting it, and say what it is."""
    from yolops.datasets.fetching.get import get
    from yolops.datasets.fetching.roboflow import KEY, PREFIX, REGION, api_of, archive_of
    from yolops.datasets.placing import refuse_occupied

    if sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UsageError(f"--sha256 {sha256}: not a SHA-256", "give its 64 hexadecimal digits")
    session, console = opened(context, as_json)
    refuse_occupied(target.absolute())
    address = source
    if source.startswith(PREFIX):
        api = api_of(os.environ.get(REGION, ""))
        with console.working("asking Roboflow ...") as say:
            address = archive_of(source, os.environ.get(KEY, ""), api=api, say=say)
    bar = console.bar("downloading", lines=True)
    try:
        got = get(address, target, sha256=sha256, progress=lambda what, done, total: bar.update(done, total, what))
    finally:
        bar.stop()
    _tell(console, session, target, got)


def _tell(console: Console, session: Session, target: Path, got: Got) -> None:
    console.findings(got.findings)
    if got.left_out:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(got.left_out.items())[:10])
        console.note(f"not unpacked, because no part of a dataset: {kinds}")
    if got.elsewhere:
        images = counted(got.elsewhere, "image")
        console.warn(f"{images} not below {target}, but where the paths in its description lead")
    console.data(
        {
            "data": str(got.data),
            "format": got.kind,
            "names": list(got.names),
            "images": dict(got.images),
            "elsewhere": got.elsewhere,
            "left_out": dict(got.left_out),
            "findings": [finding.as_dict() for finding in got.findings],
        },
        *_said(got),
        str(got.data),
    )
    command = f"check {got.data}" if got.kind == "yolo" else f"convert {got.data} NEW_DIRECTORY"
    console.note(f"next: {session.command_prefix()} dataset {command}")


def _said(got: Got) -> Iterator[str]:
    if got.kind != "yolo":
        yield f"annotations in {got.kind} format"
    elif got.names:
        images = ", ".join(f"{count} in {split}" for split, count in got.images.items())
        names = ", ".join(got.names[:10]) + (", ..." if len(got.names) > 10 else "")
        yield f"images: {images}; {counted(len(got.names), 'class', 'classes')}: {names}"
