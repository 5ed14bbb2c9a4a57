"""Everything about a dataset that would spoil a training without a word. Reads each file once; changes none."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from yolops.datasets.all_images import Images
from yolops.datasets.balance import about_balance
from yolops.datasets.contents import about_label_directories, about_names, about_splits
from yolops.datasets.description import SPLITS
from yolops.datasets.fingerprint import fingerprint_of
from yolops.datasets.images import Level
from yolops.datasets.report import Counts, Report
from yolops.datasets.tally import Collected, Tally, tallied
from yolops.datasets.twins import about_twins

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.datasets.description import Dataset


def check(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None, *, level: Level = Level.DEFAULT
) -> Report:
    """Read every image and label file of a dataset and say what is wrong with it.

    Args:
        dataset: what `read_dataset` returned.
        progress: called in this thread after every portion with how many images are done, and of how many.
        level: how closely images are looked at. `QUICK` reads no image whole: no fingerprint, no duplicates, no damage
            behind the header.

    Returns:
        The report. A dataset without errors loses no image in training.

    Raises:
        YolopsError: a process that reads images was ended from outside.
    """
    images = Images(dataset, level)
    collected, tally = Collected(), Tally.empty(len(dataset.names))
    collected.extend(dataset.findings)
    collected.extend(about_names(images.paths))
    collected.extend(about_label_directories(images.paths))

    def add(_: int, portion: tuple[Tally, Collected]) -> None:
        tally.add(portion[0])
        collected.merge(portion[1])

    images.read(tallied, add, progress)
    collected.extend(about_splits(dataset, images, tally))
    collected.extend(about_balance(dataset, tally))
    collected.extend(about_twins(images))
    splits = {
        split: Counts.of(len(dataset.splits[split]), int(labelled), boxes.tolist())
        for split, labelled, boxes in zip(SPLITS, tally.labelled, tally.per_class, strict=True)
        if split in dataset.splits
    }
    mark = "" if level is Level.QUICK else fingerprint_of(dataset, images)
    return Report(
        dataset.source,
        dataset.names,
        MappingProxyType(splits),
        tuple(collected.kept),
        mark,
        counts=MappingProxyType(dict(collected.counts)),
    )
