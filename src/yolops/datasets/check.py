"""Everything about a dataset that would spoil a training without a word. Reads each file once; changes none."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.balance import about_balance
from yolops.datasets.contents import about_label_directories, about_names, about_splits
from yolops.datasets.description import SPLITS
from yolops.datasets.examine import IS_HASHED, Portion, examine, images_and_splits, side_by_side, tasks_of
from yolops.datasets.fingerprint import fingerprint_of
from yolops.datasets.images import Level
from yolops.datasets.report import Counts, Report
from yolops.datasets.tally import Collected, Tally
from yolops.datasets.twins import Twins

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
    images, membership = images_and_splits(dataset)
    collected = Collected()
    collected.extend(dataset.findings)
    collected.extend(about_names(images))
    collected.extend(about_label_directories(images))
    tally = Tally.empty(len(dataset.names))
    rows = _Rows(len(images), level)
    work = partial(examine, classes=len(dataset.names), level=level)
    # Closed at once when something ends the loop early, so that no process goes on.
    with closing(side_by_side(work, tasks_of(images, membership, level), len(images), level)) as portions:
        for portion in portions:
            rows.add(portion)
            tally.add(portion.tally)
            collected.merge(portion.findings)
            if progress:
                progress(rows.done, len(images))
    collected.extend(about_splits(dataset, images, membership, rows.flags, tally))
    collected.extend(about_balance(dataset, tally))
    hashed = (rows.flags & IS_HASHED) > 0
    collected.extend(Twins(images, membership, rows.digests[:, 0], hashed, rows.thumbnails).findings())
    splits = {split: _count(len(members), SPLITS.index(split), tally) for split, members in dataset.splits.items()}
    mark = "" if level is Level.QUICK else fingerprint_of(dataset, images, membership, rows.digests, hashed)
    return Report(
        dataset.source,
        dataset.names,
        MappingProxyType(splits),
        tuple(collected.kept),
        mark,
        counts=MappingProxyType(dict(collected.counts)),
    )


class _Rows:
    """What is known of each image, in arrays: about 140 bytes for each."""

    def __init__(self, count: int, level: Level) -> None:
        deep = 0 if level is Level.QUICK else count
        self.digests = np.empty((deep, 2, 32), np.uint8)
        self.thumbnails = np.empty((deep, 72), np.uint8)
        self.flags = np.empty(count, np.uint8)
        self.done = 0

    def add(self, portion: Portion) -> None:
        end = self.done + len(portion.flags)
        self.flags[self.done : end] = portion.flags
        if len(self.digests):
            self.digests[self.done : end] = portion.digests
            self.thumbnails[self.done : end] = portion.thumbnails
        self.done = end


def _count(images: int, index: int, tally: Tally) -> Counts:
    labelled = int(tally.labelled[index])
    per_class = tuple(tally.per_class[index].tolist())
    return Counts(images, labelled, images - labelled, sum(per_class), per_class)
