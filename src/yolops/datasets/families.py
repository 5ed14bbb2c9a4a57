"""Which images must stay in one split: equal ones, nearly equal ones, and those whose names belong together."""

from __future__ import annotations

import re
from os.path import basename, splitext
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.likeness import CORRELATION, correlation, hashes, in_blocks, near, with_contrast
from yolops.datasets.twins import equal_rows
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# Roboflow writes each augmented version of `cat.jpg` as `cat_jpg.rf.<hash>.jpg`; turned or cut they do not look alike.
_ROBOFLOW = re.compile(r"(.+)\.rf\.[0-9A-Za-z]{16,}")
# Correlations of one array: 72 MB of gray values.
_MOST_PAIRS = 1 << 18


class Families:
    """Images that were found to belong together, directly or through others.

    Attributes:
        labels: shape (n,): of each image the first row of its family.
    """

    def __init__(self, count: int) -> None:
        self.labels = np.arange(count)

    def join(self, left: NDArray[np.intp], right: NDArray[np.intp]) -> None:
        """Make one family of the families of each two rows."""
        while True:
            one, other = self.labels[left], self.labels[right]
            differ = one != other
            if not differ.any():
                return
            left, right = left[differ], right[differ]
            low, high = np.minimum(one, other)[differ], np.maximum(one, other)[differ]
            np.minimum.at(self.labels, high, low)
            while (self.labels[self.labels] != self.labels).any():
                self.labels = self.labels[self.labels]


def join_equal(families: Families, digests: NDArray[np.uint8], hashed: NDArray[np.bool_]) -> None:
    """Join images of the same bytes.

    Args:
        families: what to join in.
        digests: shape (n, 32): SHA-256 of the bytes.
        hashed: shape (n,): whether there is a digest.
    """
    pairs = [(group[0], row) for group in equal_rows(digests, np.flatnonzero(hashed)) for row in group[1:]]
    families.join(*np.array(pairs, np.intp).reshape(-1, 2).T)


def join_alike(families: Families, thumbnails: NDArray[np.uint8]) -> None:
    """Join images that look alike.

    Where `likeness.alike` lets one image speak for all of its hash, here each is compared with each. So two images that
    a check of any splits would call nearly the same are in one family.

    Args:
        families: what to join in.
        thumbnails: shape (n, 72), zeros where there is none.
    """
    rows = with_contrast(thumbnails)
    if len(rows) < 2:
        return
    marks = in_blocks(thumbnails, hashes)[rows]
    order = np.argsort(marks, kind="stable")
    marks, rows = marks[order], rows[order]
    starts = np.flatnonzero(np.r_[True, marks[1:] != marks[:-1]])
    ends = np.r_[starts[1:], len(rows)]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start > 1:
            _join_of_one_hash(families, thumbnails, rows[start:end])
    for left, right in near(marks[starts]):
        for one, other in _pairs(families, rows, (starts, ends), left, right):
            like = correlation(thumbnails[one], thumbnails[other]) >= CORRELATION
            families.join(one[like], other[like])


def join_named(families: Families, names: Sequence[str], pattern: str) -> None:
    """Join images whose names belong together: versions of one image of Roboflow, and what a pattern says.

    Args:
        families: what to join in.
        names: the path of each image within the dataset.
        pattern: a regular expression. Images belong together if its groups, or without groups all that it matches, are
            the same. What it does not match stays alone.

    Raises:
        YolopsError: the pattern is none, or matches no name.
    """
    _join_equal_keys(families, (_source_of(name) for name in names))
    if not pattern:
        return
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise YolopsError(f"--group-by {pattern}: not a regular expression ({error})", "correct it") from error
    found = [expression.search(name) for name in names]
    if not any(found):
        example = names[0] if names else "none"
        raise YolopsError(f"--group-by {pattern}: matches no image", f"write it for names such as {example}")
    _join_equal_keys(families, (match and (match.groups() or match[0]) for match in found))


def _source_of(name: str) -> str | None:
    match = _ROBOFLOW.fullmatch(splitext(basename(name))[0])  # noqa: PTH119, PTH122 - quicker than Path
    return match[1] if match else None


def _join_equal_keys(families: Families, keys: Iterator[object]) -> None:
    first: dict[object, int] = {}
    pairs = [(first.setdefault(key, row), row) for row, key in enumerate(keys) if key is not None]
    families.join(*np.array(pairs, np.intp).reshape(-1, 2).T)


def _join_of_one_hash(families: Families, thumbnails: NDArray[np.uint8], rows: NDArray[np.intp]) -> None:
    waiting, rest = [rows[0]], rows[1:]
    while len(rest):
        if not waiting:
            waiting, rest = [rest[0]], rest[1:]
        one = waiting.pop()
        like = correlation(thumbnails[one], thumbnails[rest]) >= CORRELATION
        families.join(np.full(like.sum(), one), rest[like])
        waiting += list(rest[like])
        rest = rest[~like]


def _pairs(
    families: Families,
    rows: NDArray[np.intp],
    ranges: tuple[NDArray[np.intp], NDArray[np.intp]],
    left: NDArray[np.intp],
    right: NDArray[np.intp],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield of pairs of hashes all pairs of their images that are not in one family yet, some at a time."""
    starts, ends = ranges
    labels = families.labels[rows]
    lowest, highest = np.minimum.reduceat(labels, starts), np.maximum.reduceat(labels, starts)
    apart = np.minimum(lowest[left], lowest[right]) != np.maximum(highest[left], highest[right])
    left, right = left[apart], right[apart]
    counts = ends - starts
    products = counts[left] * counts[right]
    alone = products == 1
    yield rows[starts[left[alone]]], rows[starts[right[alone]]]
    for one, other in zip(left[~alone].tolist(), right[~alone].tolist(), strict=True):
        here, there = rows[starts[one] : ends[one]], rows[starts[other] : ends[other]]
        if (families.labels[here] == families.labels[there[0]]).all() and (
            families.labels[there] == families.labels[here[0]]
        ).all():  # an earlier pair joined them
            continue
        step = max(1, _MOST_PAIRS // len(there))
        for start in range(0, len(here), step):
            some = here[start : start + step]
            yield np.repeat(some, len(there)), np.tile(there, len(some))
