"""Divide a dataset anew: every split with its share of every class, and nothing in two splits that looks the same.

Which image goes where depends on the contents of the files, the shares and the seed alone: not on names, on the order
in which a directory is listed, or on the machine. (A pattern of names, and the names of Roboflow, do count.)
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from yolops.datasets.description import SPLITS, label_file, label_path, write_description
from yolops.datasets.examine import IS_HASHED, images_and_splits, read_portion, side_by_side, tasks_of
from yolops.datasets.families import Families, join_alike, join_equal, join_named
from yolops.datasets.fingerprint import shared_name
from yolops.datasets.images import Level
from yolops.datasets.placing import named, place, refuse_occupied, whole_directory
from yolops.datasets.report import Counts
from yolops.datasets.splits import ImagePaths
from yolops.datasets.stratify import Groups, stratify
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from yolops.datasets.description import Dataset
    from yolops.datasets.examine import Task


@dataclass(frozen=True, slots=True)
class Plan:
    """How a dataset will be divided.

    Attributes:
        dataset: the dataset with its new splits.
        shares: what part each split should get, in the order of `SPLITS`.
        counts: what is in each split.
        groups: how many groups of images stay together; an image that is like no other is one of its own.
        largest: how many images the largest group has.
    """

    dataset: Dataset
    shares: Mapping[str, float]
    counts: Mapping[str, Counts]
    groups: int
    largest: int

    def rows(self) -> Iterator[tuple[str, int, list[tuple[int, float]]]]:
        """Yield what is counted, how many there are of it, and for each split how many it gets and what it should."""
        counts, shares = list(self.counts.values()), list(self.shares.values())
        yield (
            "images",
            sum(each.images for each in counts),
            [*zip((each.images for each in counts), shares, strict=True)],
        )
        background = [each.background for each in counts]
        yield "background", sum(background), [*zip(background, shares, strict=True)]
        for number, name in enumerate(self.dataset.names):
            parts = [each.per_class[number] for each in counts]
            yield name, sum(parts), [*zip(parts, shares, strict=True)]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain values, for `--json`."""
        splits = {
            split: {"wanted": self.shares[split], **asdict(counts), "per_class": list(counts.per_class)}
            for split, counts in self.counts.items()
        }
        return {"names": list(self.dataset.names), "splits": splits, "groups": self.groups, "largest": self.largest}


def plan_split(
    dataset: Dataset,
    ratios: Sequence[float],
    *,
    seed: int = 0,
    group_by: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Read all images of a dataset, whichever splits it has, and plan which goes where.

    Args:
        dataset: what `read_dataset` returned.
        ratios: what train, val and, if there are three, test should get; they are divided by their sum.
        seed: another one divides otherwise.
        group_by: a regular expression for paths within the dataset; see `families.join_named`.
        progress: called with how many images are done, and of how many.

    Returns:
        The plan; nothing is written.

    Raises:
        YolopsError: the ratios or the pattern make no sense, an image cannot be opened, there are fewer groups than
            splits, or a process that reads images was ended from outside.
    """
    shares = _shares(ratios)
    images, seen = _read(dataset, progress)
    families = Families(len(images))
    join_equal(families, seen.digests, seen.hashed)
    join_alike(families, seen.thumbnails)
    join_named(families, [shared_name(image, f"{dataset.root}/") for image in images], group_by)
    groups, group = _groups(families, seen)
    if len(groups.sizes) < len(shares):
        what = f"{len(images)} images are {len(groups.sizes)} groups that must stay together, for {len(shares)} splits"
        raise YolopsError(f"{dataset.source}: {what}", "add other images, or ask for fewer splits")
    chosen = stratify(groups, list(shares.values()), seed)[group]
    splits = {
        split: ImagePaths(images[row] for row in np.flatnonzero(chosen == index).tolist())
        for index, split in enumerate(shares)
    }
    counts = {split: seen.counts(chosen == index) for index, split in enumerate(shares)}
    divided = replace(dataset, splits=MappingProxyType(splits))
    return Plan(divided, shares, MappingProxyType(counts), len(groups.sizes), int(groups.sizes.max()))


def _read(dataset: Dataset, progress: Callable[[int, int], None] | None) -> tuple[Sequence[str], _Seen]:
    """Return all images of a dataset, and what is known of each."""
    images, membership = images_and_splits(dataset)
    seen = _Seen.empty(len(images), len(dataset.names))
    work = partial(_digest, classes=len(dataset.names))
    tasks = tasks_of(images, membership, Level.DEFAULT)
    with closing(side_by_side(work, tasks, len(images), Level.DEFAULT)) as portions:
        for portion in portions:
            seen.add(portion)
            if progress:
                progress(seen.done, len(images))
    if not seen.hashed.all():
        missing = images[int(np.flatnonzero(~seen.hashed)[0])]
        raise YolopsError(f"{missing}: cannot be read", "see what else is wrong: yolops dataset check")
    return images, seen


def write_split(plan: Plan, target: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Write what was planned: images as hard links where the file system has them, labels as copies.

    Args:
        plan: what `plan_split` returned.
        target: a directory that does not exist, or is empty.
        progress: called with how many images are done, and of how many.

    Returns:
        The absolute path of the written `data.yaml`.

    Raises:
        YolopsError: the target holds something, or cannot be written.
    """
    target = target.absolute()
    total = sum(map(len, plan.dataset.splits.values()))
    with whole_directory(target) as partial_target:
        for done, (split, image, name) in enumerate(named(plan.dataset.splits), start=1):
            link = partial_target / "images" / split / name
            place(image, link, symbolic=False)
            if labels := label_file(image):
                copy = label_path(link)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(labels, copy)
            if progress:
                progress(done, total)
        write_description(partial_target, plan.dataset)
    return target / "data.yaml"


def check_target(target: Path, dataset: Dataset) -> None:
    """Refuse a place before all images are read.

    Raises:
        YolopsError: the target holds something, or is below a directory of the dataset's images.
    """
    target = target.resolve()
    refuse_occupied(target)
    for members in dataset.splits.values():
        if any(parent in target.parents for parent in {image.parent for image in members}):
            raise YolopsError(f"{target}: is among the images of the dataset", "give a directory outside of it")


@dataclass(frozen=True, slots=True)
class _Digest:
    """What a portion of images comes to: `number` of object `owner` counts `count` times."""

    digests: NDArray[np.uint8]
    thumbnails: NDArray[np.uint8]
    hashed: NDArray[np.bool_]
    owner: NDArray[np.int64]
    number: NDArray[np.int64]
    count: NDArray[np.int64]


def _digest(task: Task, *, classes: int) -> _Digest:
    content = read_portion(task, classes=classes, level=Level.DEFAULT)
    pairs = content.owner * classes + content.boxes[:, 0].astype(np.int64)
    found, count = np.unique(pairs, return_counts=True)
    hashed = (content.flags & IS_HASHED) > 0
    return _Digest(content.digests[:, 0], content.thumbnails, hashed, found // classes, found % classes, count)


@dataclass(slots=True)
class _Seen:
    """What is known of all images, in arrays: about 110 bytes for each and 24 for each class that it shows."""

    classes: int
    digests: NDArray[np.uint8]
    thumbnails: NDArray[np.uint8]
    hashed: NDArray[np.bool_]
    objects: list[NDArray[np.int64]]
    done: int = 0

    @classmethod
    def empty(cls, images: int, classes: int) -> _Seen:
        return cls(
            classes, np.empty((images, 32), np.uint8), np.empty((images, 72), np.uint8), np.empty(images, np.bool_), []
        )

    def add(self, portion: _Digest) -> None:
        end = self.done + len(portion.hashed)
        for whole, part in (
            (self.digests, portion.digests),
            (self.thumbnails, portion.thumbnails),
            (self.hashed, portion.hashed),
        ):
            whole[self.done : end] = part
        self.objects.append(np.stack([portion.owner + self.done, portion.number, portion.count]))
        self.done = end

    def all_objects(self) -> NDArray[np.int64]:
        """Return image, class and how many objects, shape (3, m)."""
        return np.concatenate([np.empty((3, 0), np.int64), *self.objects], axis=1)

    def counts(self, inside: NDArray[np.bool_]) -> Counts:
        owner, number, count = self.all_objects()
        here = inside[owner]
        per_class = np.bincount(number[here], count[here], self.classes).astype(int).tolist()
        images, labelled = int(inside.sum()), len(np.unique(owner[here]))
        return Counts(images, labelled, images - labelled, sum(per_class), tuple(per_class))


def _groups(families: Families, seen: _Seen) -> tuple[Groups, NDArray[np.intp]]:
    """Return the families as groups, in an order that only contents decide, and the group of each image."""
    # The first bytes of a SHA-256 are as good as random; equal images are in one family.
    marks = np.ascontiguousarray(seen.digests[:, :8]).view(">u8").ravel()
    _, family = np.unique(families.labels, return_inverse=True)
    first = np.full(int(family.max(initial=-1)) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(first, family, marks.astype(np.uint64))
    place_of = np.empty(len(first), np.intp)
    place_of[np.argsort(first, kind="stable")] = np.arange(len(first))
    group = place_of[family]
    owner, number, count = seen.all_objects()
    bare = np.setdiff1d(np.arange(len(group)), owner)
    pairs = np.r_[group[owner] * (seen.classes + 1) + number, group[bare] * (seen.classes + 1) + seen.classes]
    found, where = np.unique(pairs, return_inverse=True)
    total = np.bincount(where, np.r_[count, np.ones(len(bare), np.int64)]).astype(np.int64)
    # Numbers without a gap: a class without an object is nobody's share.
    _, number = np.unique(found % (seen.classes + 1), return_inverse=True)
    return Groups(np.bincount(group), found // (seen.classes + 1), number, total), group


def _shares(ratios: Sequence[float]) -> Mapping[str, float]:
    if not 2 <= len(ratios) <= len(SPLITS) or not all(0 < ratio < np.inf for ratio in ratios):
        raise YolopsError(
            f"--ratios {','.join(f'{ratio:g}' for ratio in ratios)}: not the shares of train, val and perhaps test",
            "give two or three positive numbers, for example 0.8,0.1,0.1",
        )
    return {split: ratio / sum(ratios) for split, ratio in zip(SPLITS, ratios, strict=False)}
