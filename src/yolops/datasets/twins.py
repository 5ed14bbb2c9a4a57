"""Images that are in a dataset twice, exactly or nearly: above all those that are in two splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.codes import finding
from yolops.datasets.description import SPLITS
from yolops.datasets.likeness import alike
from yolops.datasets.tally import BITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from yolops.findings import Finding

# Of the bits of the splits that an image is in, which split comes first.
_FIRST_SPLIT = np.array([0, *((bits & -bits).bit_length() - 1 for bits in range(1, 1 << len(SPLITS)))], np.uint8)


@dataclass(frozen=True, slots=True)
class Twins:
    """What is needed to find images that are there twice.

    Attributes:
        images: the paths.
        membership: shape (n,): the bits of the splits each is in.
        digests: shape (n, 32): SHA-256 of the bytes; no rows when images were not read.
        hashed: shape (n,): whether there is a digest.
        thumbnails: shape (n, 72), zeros for what could not be decoded; no rows when images were not read.
    """

    images: Sequence[str]
    membership: NDArray[np.uint8]
    digests: NDArray[np.uint8]
    hashed: NDArray[np.bool_]
    thumbnails: NDArray[np.uint8]

    def findings(self) -> Iterator[Finding]:
        """Say which images are there twice."""
        several = np.bitwise_count(self.membership) > 1
        for index in np.flatnonzero(several).tolist():
            yield from self._repeated([index])
        if not len(self.digests):
            return
        for group in equal_rows(self.digests, np.flatnonzero(self.hashed)):
            yield from self._repeated(group)
        yield from self._alike()

    def _repeated(self, group: list[int]) -> Iterator[Finding]:
        places = sorted((order, index) for index in group for order in self._splits(index))
        if len(group) > 1:  # images that stand in two splits themselves are said already
            places = [place for place in places if place[0] == self._splits(place[1])[0]]
        first, twin = places[0]
        for order, index in places[1:]:
            if order != first:
                split, other = SPLITS[order], SPLITS[first]
                what = f"the same image is in {other} ({self.images[twin]}), so the scores of {split} are too good"
                yield finding("image-leaks", self.images[index], what, "keep it in one split only")
            else:
                what = f"the same image as {self.images[twin]}"
                yield finding("image-repeated", self.images[index], what, "keep one of them")

    def _alike(self) -> Iterator[Finding]:
        ranks = _FIRST_SPLIT[self.membership]
        partners = alike(self.thumbnails, ranks)
        for index in np.flatnonzero(partners >= 0).tolist():
            twin = int(partners[index])
            if (self.digests[index] == self.digests[twin]).all():  # said already
                continue
            split, other = SPLITS[ranks[index]], SPLITS[ranks[twin]]
            if split != other:
                what = f"nearly the same image is in {other} ({self.images[twin]})"
                fix = f"look at both; if they show the same, the scores of {split} are too good: keep one"
                yield finding("image-nearly-leaks", self.images[index], what, fix)
            else:
                what = f"nearly the same image as {self.images[twin]}"
                yield finding("image-nearly-repeated", self.images[index], what, "look at both; keep one of them")

    def _splits(self, index: int) -> list[int]:
        mark = int(self.membership[index])
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
