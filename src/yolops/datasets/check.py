"""Everything about a dataset that would spoil a training without a word. Reads each file once; changes none."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from yolops.datasets.contents import about_contents
from yolops.datasets.examine import Examined, examine_all
from yolops.datasets.fingerprint import Entry, fingerprint
from yolops.datasets.report import Counts, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yolops.datasets.description import Dataset


def check(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read every image and label file of a dataset and say what is wrong with it.

    Args:
        dataset: what `read_dataset` returned.
        progress: called in this thread after every image with how many are done, and of how many.

    Returns:
        The report. A dataset without errors loses no image in training.
    """
    every = sorted({image for members in dataset.splits.values() for image in members})
    examined = examine_all(every, len(dataset.names), progress)
    findings = list(dataset.findings)
    for result in examined.values():
        findings += result.findings
    findings += about_contents(dataset, examined)
    entries = (
        Entry(split, _name(image, dataset.root), examined[image].image_hash, examined[image].label_hash)
        for split, members in dataset.splits.items()
        for image in members
    )
    splits = {split: _count(dataset, split, examined) for split in dataset.splits}
    mark = fingerprint(dataset.names, entries)
    return Report(dataset.source, dataset.names, MappingProxyType(splits), tuple(findings), mark)


def _name(image: Path, root: Path) -> str:
    # Outside the root there is no path that another machine shares; the name alone is.
    return image.relative_to(root).as_posix() if image.is_relative_to(root) else image.name


def _count(dataset: Dataset, split: str, examined: dict[Path, Examined]) -> Counts:
    total: Counter[int] = Counter()
    labelled = 0
    members = dataset.splits[split]
    for image in members:
        per_class = examined[image].per_class
        labelled += any(per_class)
        total.update(dict(enumerate(per_class)))
    counted = tuple(total[number] for number in range(len(dataset.names)))
    return Counts(len(members), labelled, len(members) - labelled, sum(counted), counted)
