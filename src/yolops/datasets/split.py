"""Divide a dataset anew: every split with its share of every class, and nothing in two splits that looks the same.

Which image goes where depends on the contents of the files, the shares and the seed alone: not on names, on the order
in which a directory is listed, or on the machine. (A pattern of names, and the names of Roboflow, do count.)
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from yolops.datasets.all_images import Images
from yolops.datasets.description import SPLITS, label_file, label_path, write_description
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
    from yolops.datasets.examine import Content


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
        rows = {"images": [each.images for each in counts], "background": [each.background for each in counts]}
        classes = ([each.per_class[number] for each in counts] for number in range(len(self.dataset.names)))
        for what, parts in (*rows.items(), *zip(self.dataset.names, classes, strict=True)):
            yield what, sum(parts), [*zip(parts, shares, strict=True)]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain values, for `--json`."""
        splits = {split: {"wanted": self.shares[split], **counts.as_dict()} for split, counts in self.counts.items()}
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
    images, objects = Images(dataset, Level.DEFAULT), _Objects(len(dataset.names), [])
    images.read(_sum_up, objects.add, progress)
    if not images.hashed.all():
        missing = images.paths[int(np.flatnonzero(~images.hashed)[0])]
        raise YolopsError(f"{missing}: cannot be read", "see what else is wrong: yolops dataset check")
    groups, group = _groups(_families(images, f"{dataset.root}/", group_by), images.digests[:, 0], objects)
    if len(groups.sizes) < len(shares):
        what = f"{len(group)} images are {len(groups.sizes)} groups that must stay together, for {len(shares)} splits"
        raise YolopsError(f"{dataset.source}: {what}", "add other images, or ask for fewer splits")
    chosen = stratify(groups, list(shares.values()), seed)[group]
    inside = {split: chosen == index for index, split in enumerate(shares)}
    splits = {
        split: ImagePaths(images.paths[row] for row in np.flatnonzero(here).tolist()) for split, here in inside.items()
    }
    counts = {split: objects.counts(here) for split, here in inside.items()}
    divided = replace(dataset, splits=MappingProxyType(splits))
    return Plan(divided, shares, MappingProxyType(counts), len(groups.sizes), int(groups.sizes.max()))


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
        write_description(partial_target, plan.dataset.names, plan.dataset.splits, plan.dataset.pose)
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


def _sum_up(content: Content) -> NDArray[np.int64]:
    """Return image, class and how many objects, shape (3, m)."""
    pairs = content.owner * content.classes + content.boxes[:, 0].astype(np.int64)
    found, count = np.unique(pairs, return_counts=True)
    return np.stack([found // content.classes, found % content.classes, count])


@dataclass(frozen=True, slots=True)
class _Objects:
    """How many objects of which class are in which image: 24 bytes for each class that an image shows."""

    classes: int
    parts: list[NDArray[np.int64]]

    def add(self, first: int, part: NDArray[np.int64]) -> None:
        part[0] += first
        self.parts.append(part)

    def all(self) -> NDArray[np.int64]:
        """Return image, class and how many objects, shape (3, m)."""
        return np.concatenate([np.empty((3, 0), np.int64), *self.parts], axis=1)

    def counts(self, inside: NDArray[np.bool_]) -> Counts:
        owner, number, count = self.all()
        here = inside[owner]
        per_class = np.bincount(number[here], count[here], self.classes).astype(int).tolist()
        return Counts.of(int(inside.sum()), len(np.unique(owner[here])), per_class)


def _families(images: Images, root: str, group_by: str) -> Families:
    families = Families(len(images.paths))
    join_equal(families, images.digests[:, 0], images.hashed)
    join_alike(families, images.thumbnails)
    join_named(families, [shared_name(image, root) for image in images.paths], group_by)
    return families


def _groups(families: Families, digests: NDArray[np.uint8], objects: _Objects) -> tuple[Groups, NDArray[np.intp]]:
    """Return the families as groups, in an order that only contents decide, and the group of each image."""
    # The first bytes of a SHA-256 are as good as random; equal images are in one family.
    marks = np.ascontiguousarray(digests[:, :8]).view(">u8").ravel()
    _, family = np.unique(families.labels, return_inverse=True)
    first = np.full(int(family.max(initial=-1)) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(first, family, marks.astype(np.uint64))
    place_of = np.empty(len(first), np.intp)
    place_of[np.argsort(first, kind="stable")] = np.arange(len(first))
    group = place_of[family]
    owner, number, count = objects.all()
    bare = np.setdiff1d(np.arange(len(group)), owner)
    pairs = np.r_[group[owner] * (objects.classes + 1) + number, group[bare] * (objects.classes + 1) + objects.classes]
    found, where = np.unique(pairs, return_inverse=True)
    total = np.bincount(where, np.r_[count, np.ones(len(bare), np.int64)]).astype(np.int64)
    # Numbers without a gap: a class without an object is nobody's share.
    _, number = np.unique(found % (objects.classes + 1), return_inverse=True)
    return Groups(np.bincount(group), found // (objects.classes + 1), number, total), group


def _shares(ratios: Sequence[float]) -> Mapping[str, float]:
    if not 2 <= len(ratios) <= len(SPLITS) or not all(0 < ratio < np.inf for ratio in ratios):
        raise YolopsError(
            f"--ratios {','.join(f'{ratio:g}' for ratio in ratios)}: not the shares of train, val and perhaps test",
            "give two or three positive numbers, for example 0.8,0.1,0.1",
        )
    return {split: ratio / sum(ratios) for split, ratio in zip(SPLITS, ratios, strict=False)}
