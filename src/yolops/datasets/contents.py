"""What only shows when all files of a dataset are looked at together: gaps, clashes, files that belong to nothing."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.codes import finding
from yolops.datasets.description import SPLITS, label_of
from yolops.datasets.examine import EMPTY_LABELS, HAS_BOM, HAS_CRLF, HAS_LABEL_FILE
from yolops.datasets.splits import is_image
from yolops.datasets.tally import BITS
from yolops.findings import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from yolops.datasets.all_images import Images
    from yolops.datasets.description import Dataset
    from yolops.datasets.tally import Tally
    from yolops.findings import Finding

# LabelImg and its like write the class names into the directory of the labels.
NOT_LABELS = frozenset({"classes.txt", "notes.txt", "readme.txt"})


def about_splits(dataset: Dataset, images: Images, tally: Tally) -> Iterator[Finding]:
    """Say which splits are empty or without labels, and which labels are missing or oddly written.

    Args:
        dataset: the dataset.
        images: all its images, read.
        tally: what was counted.
    """
    for split, members in dataset.splits.items():
        where = f"{dataset.source} ({split})"
        if not members:
            code = "test-empty" if split == "test" else "split-empty"
            yield finding(code, where, "no image in this split", "correct the path of the split")
            continue
        if not tally.labelled[SPLITS.index(split)]:
            code = "train-without-labels" if split == "train" else "split-without-labels"
            fix = f"put the labels where they are looked for: {label_of(members.names[0])}"
            yield finding(code, where, "no image of this split has a box", fix)
        inside = (images.membership & BITS[split]) > 0
        yield from _about_label_files(where, images.paths, inside, images.flags)
    for flag, code, written in (
        (HAS_BOM, "label-bom", "begin with a byte-order mark"),
        (HAS_CRLF, "label-crlf", "have Windows line ends"),
    ):
        written_so = np.flatnonzero(images.flags & flag)
        if len(written_so):
            what = f"{len(written_so)} label files {written}, for example {label_of(images.paths[written_so[0]])}"
            yield finding(code, str(dataset.source), what, "nothing: they are read")


def about_names(images: Sequence[str]) -> Iterator[Finding]:
    """Say which images share a label file, or a name as soon as case does not count.

    Args:
        images: the paths of all images.
    """
    # Numbers instead of texts: of a million names there are few twins, and those are compared as texts.
    for group in _groups(images, label_of):
        for image in group[1:]:
            what = f"shares its label file with {Path(group[0]).name}"
            yield finding("label-shared", image, what, "give one of them another name")
    for group in _groups(images, str.lower):
        for image in group[1:]:
            what = f"differs from {Path(group[0]).name} in upper and lower case only"
            yield finding("name-case-clash", image, what, "give one of them another name")


def about_label_directories(images: Sequence[str]) -> Iterator[Finding]:
    """Say which files in the directories of the labels belong to nothing.

    Args:
        images: the paths of all images.
    """
    sources: dict[str, dict[str, list[NDArray[np.int64]]]] = {}
    for parent, group in groupby(images, os.path.dirname):
        labels = str(Path(label_of(f"{parent}/a.jpg")).parent)
        stems = _hashes(image[len(parent) + 1 :].rpartition(".")[0] for image in group)
        sources.setdefault(labels, {}).setdefault(parent, []).append(stems)
    for directory, parents in sorted(sources.items()):
        cache = f"{os.path.splitext(directory)[0]}.cache"  # noqa: PTH122 - of a path as text
        if os.path.exists(cache):  # noqa: PTH110 - what may not be looked at is no error here
            what = "a cache that ultralytics would unpickle, which can run code; yolops leaves it unread"
            yield finding("cache-ignored", cache, what, "nothing; delete it if the data came from somebody else")
        # Labels beside their images: any other .txt there may be a list or a readme.
        if directory not in parents:
            yield from _orphans(directory, parents)


def _about_label_files(
    where: str, images: Sequence[str], inside: NDArray[np.bool_], flags: NDArray[np.uint8]
) -> Iterator[Finding]:
    missing = np.flatnonzero(inside & ((flags & HAS_LABEL_FILE) == 0))
    for index in missing.tolist():
        what = f"no label file ({label_of(images[index])}), so it counts as background"
        fix = "nothing, if it shows no object; an empty label file says so"
        yield finding("label-missing", images[index], what, fix)
    if len(missing):
        what = f"no label file for {len(missing)} of {counted(int(inside.sum()), 'image')}, so background"
        fix = f"make sure that they show no object, for example {images[missing[0]]}"
        yield finding("labels-missing", where, what, fix)
    empty = np.flatnonzero(inside & ((flags & EMPTY_LABELS) > 0))
    if len(empty):
        what = f"an empty label file for {len(empty)} of {counted(int(inside.sum()), 'image')}, so background"
        yield finding("labels-empty", where, what, "nothing, if they show no object")


def _groups(images: Sequence[str], key: Callable[[str], str]) -> Iterator[list[str]]:
    marks = np.fromiter((hash(key(image)) for image in images), np.int64, len(images))
    order = np.argsort(marks, kind="stable")
    marks = marks[order]
    twins = np.flatnonzero(marks[1:] == marks[:-1])
    groups: dict[str, list[str]] = {}
    for index in np.unique(order[np.r_[twins, twins + 1]]).tolist():
        groups.setdefault(key(images[index]), []).append(images[index])
    yield from (group for group in groups.values() if len(group) > 1)


def _orphans(directory: str, parents: Mapping[str, Sequence[NDArray[np.int64]]]) -> Iterator[Finding]:
    odd: list[str] = []
    labels = _hashes(_label_stems(directory, odd))
    strange = labels[~np.isin(labels, np.concatenate([part for parts in parents.values() for part in parts]))]
    if len(strange):
        # Of images that no list names, too.
        beside = (name.rpartition(".")[0] for parent in sorted(parents) for name in _names(parent) if is_image(name))
        lost = set(strange[~np.isin(strange, _hashes(beside))].tolist())
        odd += (name for name in _names(directory) if name.endswith(".txt") and hash(name[:-4]) in lost)
    for name in sorted(odd):
        if name.startswith(".") or name.lower() in NOT_LABELS:
            continue
        if not name.endswith(".txt"):
            what, fix = "not read because its suffix is not `.txt`", "rename it"
            yield finding("label-suffix", f"{directory}/{name}", what, fix)
        else:
            what, fix = "labels of an image that is not there", "bring the image back, or delete the labels"
            yield finding("label-without-image", f"{directory}/{name}", what, fix)


def _label_stems(directory: str, odd: list[str]) -> Iterator[str]:
    """Yield the names of label files without suffix; those whose suffix is not read go to `odd`."""
    for name in _names(directory):
        if name.endswith(".txt"):
            yield name[:-4]
        elif name.lower().endswith(".txt"):
            odd.append(name)


def _hashes(texts: Iterable[str]) -> NDArray[np.int64]:
    # Numbers instead of texts: a million names would take 70 MB.
    return np.fromiter(map(hash, texts), np.int64)


def _names(directory: str) -> Iterator[str]:
    try:
        with os.scandir(directory) as entries:
            yield from (entry.name for entry in entries)
    except OSError:  # the images of a list may be gone; that is said of each of them
        return
