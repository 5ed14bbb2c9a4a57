"""What is counted while a dataset is read, in arrays whose size does not grow with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.description import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from yolops.datasets.examine import Content
    from yolops.findings import Finding

# The bit of a split in `membership`: an image may be in several.
BITS = {split: 1 << index for index, split in enumerate(SPLITS)}
# Steps in which sizes and places of boxes are counted; a difference that matters spans several.
STEPS = 20
# Findings of one kind that are kept; the rest is counted. Nobody reads more, and a million would not fit in memory.
MOST_PER_CODE = 1000


@dataclass(slots=True)
class Tally:
    """Counts of boxes, for each split in the order of `SPLITS`.

    Attributes:
        labelled: shape (3,): images with at least one box.
        per_class: shape (3, classes): boxes.
        histograms: shape (3, 3, STEPS): boxes by the root of their area, their centre's x and its y, each 0 to 1.
    """

    labelled: NDArray[np.int64]
    per_class: NDArray[np.int64]
    histograms: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> Tally:
        """Return one that has counted nothing."""
        return cls(
            np.zeros(len(SPLITS), np.int64),
            np.zeros((len(SPLITS), classes), np.int64),
            np.zeros((len(SPLITS), 3, STEPS), np.int64),
        )

    def count(self, boxes: NDArray[np.float64], owner: NDArray[np.intp], membership: NDArray[np.uint8]) -> None:
        """Count boxes.

        Args:
            boxes: shape (n, 5), in fractions of the image.
            owner: shape (n,): which image each is of.
            membership: of each image, the bits of the splits it is in.
        """
        measures = np.stack([np.sqrt(np.maximum(boxes[:, 3] * boxes[:, 4], 0)), boxes[:, 1], boxes[:, 2]])
        steps = np.clip((measures * STEPS).astype(np.intp), 0, STEPS - 1)
        splits = membership[owner]
        for index, bit in enumerate(BITS.values()):
            inside = (splits & bit) > 0
            if not inside.any():
                continue
            self.labelled[index] += len(np.unique(owner[inside]))
            classes = self.per_class.shape[1]
            self.per_class[index] += np.bincount(boxes[inside, 0].astype(np.intp), minlength=classes)[:classes]
            for measure in range(3):
                self.histograms[index, measure] += np.bincount(steps[measure, inside], minlength=STEPS)

    def add(self, other: Tally) -> None:
        """Add what another has counted."""
        self.labelled += other.labelled
        self.per_class += other.per_class
        self.histograms += other.histograms


@dataclass(slots=True)
class Collected:
    """Findings, of each kind the first `MOST_PER_CODE`, and how many there are.

    Attributes:
        kept: those that are kept.
        counts: how many there are of each code.
    """

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        for item in findings:
            self.counts[item.code] += 1
            if self.counts[item.code] <= MOST_PER_CODE:
                self.kept.append(item)

    def merge(self, other: Collected) -> None:
        """Add what another has collected behind it."""
        for item in other.kept:
            kept = self.counts[item.code]
            if kept < MOST_PER_CODE:
                self.kept.append(item)
            self.counts[item.code] += 1
            other.counts[item.code] -= 1
        self.counts += other.counts


def tallied(content: Content) -> tuple[Tally, Collected]:
    """Return what a check counts in a portion of images, and what is wrong with them.

    Here, because a process that reads portions would take 11 ms to import the rest of the check.
    """
    tally = Tally.empty(content.classes)
    tally.count(content.boxes, content.owner, content.membership)
    return tally, content.findings
