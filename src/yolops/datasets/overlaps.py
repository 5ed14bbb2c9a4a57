"""Which boxes of one image lie on each other, for many images at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Boxes of one class that share so much (intersection over union) are one object, boxed twice.
NEARLY = 0.9
# Of two classes it takes more: a helmet fills the box of a head.
TWO_CLASSES = 0.95
# Each box is compared with so many to its right. More lie that close to one another only in files of nonsense.
MOST_NEIGHBOURS = 1000


def overlapping(boxes: NDArray[np.float64], owner: NDArray[np.intp]) -> NDArray[np.intp]:
    """Find boxes of one image that overlap by `NEARLY`, or `TWO_CLASSES` if their classes differ.

    Args:
        boxes: shape (n, 5): class, centre x, centre y, width, height.
        owner: shape (n,): the image of each, ascending.

    Returns:
        Pairs of rows, shape (m, 2), the smaller first.
    """
    if len(boxes) < 2:
        return np.empty((0, 2), np.intp)
    order = np.lexsort((boxes[:, 1], owner))
    number, x, y, width, height = boxes[order].T
    image = owner[order]
    # Along one axis two boxes share at least as much as in the plane, and at NEARLY their widths differ by a ninth at
    # most; so their centres are no further apart than this.
    reach = width * (1 - NEARLY) / (2 * NEARLY)
    found = []
    left = np.arange(len(boxes))
    for step in range(1, min(MOST_NEIGHBOURS, len(boxes) - 1) + 1):
        left = left[left + step < len(boxes)]
        right = left + step
        near = (image[left] == image[right]) & (x[right] - x[left] <= reach[left] + 1e-12)
        # Whoever is too far from this neighbour is too far from all behind it.
        left, right = left[near], right[near]
        if not len(left):
            break
        across = np.minimum(x[left] + width[left] / 2, x[right] + width[right] / 2) - np.maximum(
            x[left] - width[left] / 2, x[right] - width[right] / 2
        )
        down = np.minimum(y[left] + height[left] / 2, y[right] + height[right] / 2) - np.maximum(
            y[left] - height[left] / 2, y[right] - height[right] / 2
        )
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        union = width[left] * height[left] + width[right] * height[right] - shared
        least = np.where(number[left] == number[right], NEARLY, TWO_CLASSES)
        same = (shared > 0) & (shared >= least * union)
        found.append(np.stack([order[left[same]], order[right[same]]], axis=1))
    pairs = np.concatenate(found) if found else np.empty((0, 2), np.intp)
    return np.sort(pairs, axis=1)
