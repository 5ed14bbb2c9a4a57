"""Whether classes and boxes are spread over the splits so that a detector can learn, and its scores mean something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.codes import finding
from yolops.datasets.description import SPLITS
from yolops.datasets.tally import STEPS
from yolops.findings import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from yolops.datasets.description import Dataset
    from yolops.datasets.tally import Tally
    from yolops.findings import Finding

# LVIS, which is made of rare classes, has a ratio of thousands; COCO one of 1,300; what people label by hand below 50.
IMBALANCE = 50
# Kolmogorov-Smirnov distance of two distributions: what is less than a fifth does not matter to a detector, and what is
# less than the critical value at 0.01 % may be chance. Boxes of one image are alike, so images are counted, not boxes.
LEAST_DISTANCE, CRITICAL = 0.2, 2.23
LEAST_IMAGES = 30
_TRAIN, _VAL = SPLITS.index("train"), SPLITS.index("val")


def about_balance(dataset: Dataset, tally: Tally) -> Iterator[Finding]:
    """Say which classes are missing or rare, and where splits differ.

    Args:
        dataset: the dataset.
        tally: what was counted in it.
    """
    train = tally.per_class[_TRAIN]
    if not train.any():  # said already, of the whole split
        return
    source = str(dataset.source)
    for number in np.flatnonzero(train == 0).tolist():
        what = f"class {number} ({dataset.names[number]}) has no box in train, so it cannot be learnt"
        yield finding("class-without-boxes", source, what, "label some, or take the class out of `names`")
    if tally.per_class[_VAL].any():
        for number in np.flatnonzero((train > 0) & (tally.per_class[_VAL] == 0)).tolist():
            boxes = counted(train[number], "box", "boxes")
            what = f"class {number} ({dataset.names[number]}) has {boxes} in train and none in val"
            yield finding("class-missing-in-val", source, what, "move some images of it to val, so that it is measured")
    most, least = int(train.argmax()), int(np.where(train > 0, train, train.max() + 1).argmin())
    if train[most] >= IMBALANCE * train[least]:
        what = (
            f"{train[most]} boxes of {dataset.names[most]} in train, but {train[least]} of {dataset.names[least]}: "
            f"{train[most] / train[least]:.0f} times as many"
        )
        yield finding("class-imbalance", source, what, "label more of the rare class")
    for split in SPLITS[1:]:
        if split in dataset.splits:
            yield from _differences(f"{source} ({split})", split, tally)


def _differences(where: str, split: str, tally: Tally) -> Iterator[Finding]:
    other = SPLITS.index(split)
    images = (int(tally.labelled[_TRAIN]), int(tally.labelled[other]))
    if min(images) < LEAST_IMAGES:
        return
    limit = max(LEAST_DISTANCE, CRITICAL * float(np.sqrt(1 / images[0] + 1 / images[1])))
    sizes = tally.histograms[[_TRAIN, other], 0]
    if _distance(sizes) >= limit:
        here, there = _median(sizes[1]), _median(sizes[0])
        what = f"half of the boxes are smaller than {here:.0%} of the image's side, in train than {there:.0%}"
        fix = "split the images at random, or see why they differ"
        yield finding("box-sizes-differ", where, what, fix)
    for axis, name in ((1, "x"), (2, "y")):
        places = tally.histograms[[_TRAIN, other], axis]
        if _distance(places) >= limit:
            here, there = _median(places[1]), _median(places[0])
            what = f"the centre of half of the boxes is below {name} = {here:.2f}, in train below {there:.2f}"
            fix = "split the images at random, or see why they differ"
            yield finding("box-places-differ", where, what, fix)


def _distance(histograms: NDArray[np.int64]) -> float:
    shares = np.cumsum(histograms, axis=1) / histograms.sum(axis=1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).max())


def _median(histogram: NDArray[np.int64]) -> float:
    shares = np.cumsum(histogram) / histogram.sum()
    return float(np.interp(0.5, np.r_[0.0, shares], np.linspace(0, 1, STEPS + 1)))
