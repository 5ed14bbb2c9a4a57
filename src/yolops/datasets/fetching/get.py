"""Bring a dataset into a new directory: fetch it, unpack it, see what it is. Whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.datasets.codes import DescriptionError
from yolops.datasets.convert import recognise
from yolops.datasets.description import read_dataset
from yolops.datasets.fetching.archive import unpack
from yolops.datasets.fetching.download import check_hash, download, shown
from yolops.datasets.placing import refuse_occupied, whole_directory
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping

    from yolops.datasets.fetching.members import Limits
    from yolops.findings import Finding


@dataclass(frozen=True, slots=True)
class Got:
    """What was brought.

    Attributes:
        data: what to give to other commands: the description, or the directory of other kinds than `yolo`; absolute.
        kind: `yolo`, or another of `formats.Source`.
        names: the class names; none of other kinds than `yolo`, or where the description is wrong.
        images: how many images each split has.
        elsewhere: how many of them lie outside of the directory, where a path of the description leads.
        left_out: how many members of the archive were left out, by suffix.
        findings: what is wrong with its description.
    """

    data: Path
    kind: str
    names: tuple[str, ...]
    images: Mapping[str, int]
    elsewhere: int
    left_out: Mapping[str, int]
    findings: tuple[Finding, ...]


def get(
    source: str,
    target: Path,
    *,
    sha256: str = "",
    limits: Limits | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Got:
    """Bring a dataset from an archive.

    Args:
        source: an address of https, or the path of an archive.
        target: a directory that does not exist, or is empty.
        sha256: what the archive must have, in hexadecimal digits; empty compares nothing.
        limits: how much may come out of the archive.
        progress: called with what is going on, how many bytes are done, and of how many.

    Raises:
        YolopsError: it cannot be fetched, the archive is another one, hostile or damaged, or holds no dataset.
    """
    target = target.absolute()
    refuse_occupied(target)
    with whole_directory(target) as partial:
        with _archive(source, partial, _about(progress, "downloading")) as archive:
            if sha256:
                check_hash(archive, sha256)
            left_out = unpack(archive, partial, limits=limits, progress=_about(progress, "unpacking"))
        kind, inner = _recognised(partial, shown(source) if "://" in source else source)
    return _looked_at(target, target / inner, kind, left_out)


@contextmanager
def _archive(source: str, partial: Path, progress: Callable[[int, int], None] | None) -> Iterator[Path]:
    """Hand out an archive: the one of this path, or one that is downloaded beside `partial` and removed afterwards."""
    if "://" not in source:
        if Path(source).is_dir():
            hint = f"see what it is: yolops dataset check {source}"
            raise YolopsError(f"{source}: a directory, and no archive", hint)
        if not Path(source).is_file():
            raise YolopsError(f"{source}: there is no such archive", "give a path, https://... or roboflow:...")
        yield Path(source)
        return
    archive = partial.with_name(f"{partial.name}.archive")
    try:
        download(source, archive, progress=progress)
        yield archive
    except YolopsError as error:
        # The name of the file on the way says nothing to anybody.
        raise YolopsError(error.message.replace(str(archive), shown(source)), error.hint) from error
    finally:
        archive.unlink(missing_ok=True)


def _about(progress: Callable[[str, int, int], None] | None, what: str) -> Callable[[int, int], None] | None:
    return (lambda done, total: progress(what, done, total)) if progress else None


def _recognised(directory: Path, source: str) -> tuple[str, str]:
    """Bring what lies in one directory above all to the top; return what it is, and where its description is."""
    while len(inside := list(directory.iterdir())) == 1 and inside[0].is_dir() and inside[0].name != "Annotations":
        # First out of the way: it may hold a directory of its own name.
        moved = inside[0].rename(directory / ".above")
        for path in list(moved.iterdir()):
            path.rename(directory / path.name)
        moved.rmdir()
    if any(directory.glob("*.y*ml")):
        return "yolo", ""
    if (found := recognise(directory)) is not None:
        return found.value, ""
    deeper = [*directory.glob("*/data.y*ml"), *directory.glob("*/*/data.y*ml")]
    if len(deeper) == 1:
        return "yolo", str(deeper[0].relative_to(directory))
    what = "it holds neither one data.yaml nor annotations that can be converted"
    raise YolopsError(f"{source}: {what}", "unpack it yourself and see what it is")


def _looked_at(target: Path, data: Path, kind: str, left_out: Counter[str]) -> Got:
    if kind != "yolo":
        return Got(data, kind, (), {}, 0, left_out, ())
    try:
        dataset = read_dataset(data, needs=("train",))
    except DescriptionError as error:  # it is here, and its description can be corrected
        return Got(data, kind, (), {}, 0, left_out, (error.finding,))
    images = {split: len(members) for split, members in dataset.splits.items()}
    inside = f"{target.resolve()}/"
    elsewhere = sum(not name.startswith(inside) for members in dataset.splits.values() for name in members.names)
    return Got(dataset.source, kind, dataset.names, images, elsewhere, left_out, dataset.findings)
