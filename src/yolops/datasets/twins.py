"""Images that are in a dataset twice, exactly or nearly: above all those that are in two splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.codes import finding
from yolops.datasets.description import SPLITS
from yolops.datasets.likeness import alike
from yolops.datasets.tally import BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from yolops.datasets.all_images import Images
    from yolops.findings import Finding

# Of the bits of the splits that an image is in, which split comes first.
_FIRST_SPLIT = np.array([0, *((bits & -bits).bit_length() - 1 for bits in range(1, 1 << len(SPLITS)))], np.uint8)


def about_twins(images: Images) -> Iterator[Finding]:
    """Say which images are there twice.

    Args:
        images: all images, read; without their bytes, only those that stand in two splits are found.
    """
    several = np.bitwise_count(images.membership) > 1
    for index in np.flatnonzero(several).tolist():
        yield from _repeated(images, [index])
    if not len(images.digests):
        return
    for group in equal_rows(images.digests[:, 0], np.flatnonzero(images.hashed)):
        yield from _repeated(images, group)
    yield from _alike(images)


def _repeated(images: Images, group: list[int]) -> Iterator[Finding]:
    places = sorted((order, index) for index in group for order in _splits(images, index))
    if len(group) > 1:  # images that stand in two splits themselves are said already
        places = [place for place in places if place[0] == _splits(images, place[1])[0]]
    first, twin = places[0]
    for order, index in places[1:]:
        if order != first:
            split, other = SPLITS[order], SPLITS[first]
            what = f"the same image is in {other} ({images.paths[twin]}), so the scores of {split} are too good"
            yield finding("image-leaks", images.paths[index], what, "keep it in one split only")
        else:
            what = f"the same image as {images.paths[twin]}"
            yield finding("image-repeated", images.paths[index], what, "keep one of them")


def _alike(images: Images) -> Iterator[Finding]:
    ranks = _FIRST_SPLIT[images.membership]
    partners = alike(images.thumbnails, ranks)
    for index in np.flatnonzero(partners >= 0).tolist():
        twin = int(partners[index])
        if (images.digests[index, 0] == images.digests[twin, 0]).all():  # said already
            continue
        split, other = SPLITS[ranks[index]], SPLITS[ranks[twin]]
        if split != other:
            what = f"nearly the same image is in {other} ({images.paths[twin]})"
            fix = f"look at both; if they show the same, the scores of {split} are too good: keep one"
            yield finding("image-nearly-leaks", images.paths[index], what, fix)
        else:
            what = f"nearly the same image as {images.paths[twin]}"
            yield finding("image-nearly-repeated", images.paths[index], what, "look at both; keep one of them")


def _splits(images: Images, index: int) -> list[int]:
    mark = int(images.membership[index])
    return [order for order, bit in enumerate(BITS.values()) if mark & bit]


def equal_rows(digests: NDArray[np.uint8], rows: NDArray[np.intp]) -> Iterator[list[int]]:
    """Yield groups of rows whose digests are equal, each in ascending order."""
    # A digest is as good as random: its first eight bytes sort it, and only what they have in common is compared whole.
    starts = np.ascontiguousarray(digests[rows, :8]).view(np.uint64).ravel()
    order = np.argsort(starts, kind="stable")
    rows, starts = rows[order], starts[order]
    same = np.flatnonzero(starts[1:] == starts[:-1])
    groups: dict[bytes, list[int]] = {}
    for position in same.tolist():
        one, other = int(rows[position]), int(rows[position + 1])
        for row in (one, other):
            members = groups.setdefault(digests[row].tobytes(), [])
            if row not in members[-1:]:
                members.append(row)
    yield from sorted(group for group in groups.values() if len(group) > 1)
