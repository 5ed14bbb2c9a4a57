"""Many label files at once: what is plainly written is parsed by one call, and only the rest line by line.

Plainly written means digits, dots and minus signs, one space between five columns, and nothing that `labels.parse`
would have to say. Those are nearly all files of nearly all datasets.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.labels import COVERS, LEAST_SIDE, TOLERANCE
from yolops.datasets.overlaps import overlapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PLAIN = b"0123456789.- \n"
_NEWLINE, _SPACE = 10, 32
_COLUMNS = 5
BOM = b"\xef\xbb\xbf"


def parse_plain(
    contents: Sequence[bytes], classes: int, sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.bool_]]:
    """Parse the files that need no second look.

    Args:
        contents: the bytes of each label file; empty where there is none.
        classes: how many classes the dataset has.
        sizes: shape (n, 2): width and height of each image in pixels; zeros if not known.

    Returns:
        The boxes, shape (m, 5), of all files without fault; the file of each box, ascending; and which files are left
        for `labels.parse`, shape (n,).
    """
    texts = [plain_text(content) for content in contents]
    odd = np.fromiter((bool(text.translate(None, _PLAIN)) for text in texts), np.bool_, len(texts))
    files = np.flatnonzero([bool(text) and not bad for text, bad in zip(texts, odd, strict=True)])
    columns = _misshapen([texts[index] for index in files.tolist()])
    odd[files[columns]] = True
    files = files[~columns]
    values, lines = _numbers([texts[index] for index in files.tolist()])
    if values is None:  # `1-2`, or a dot alone: somewhere among these files
        odd[files] = True
        return np.empty((0, _COLUMNS)), np.empty(0, np.intp), odd
    owner = np.repeat(files, lines)
    doubtful = _doubtful(values, owner, classes, sizes)
    odd[owner[doubtful]] = True
    keep = ~odd[owner]
    return values[keep], owner[keep], odd


def plain_text(content: bytes) -> bytes:
    """Return what a label file says without byte-order mark and Windows line ends, its last line ended."""
    if content.startswith(BOM):
        content = content[len(BOM) :]
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    return content if content.endswith(b"\n") or not content else content + b"\n"


def _misshapen(texts: list[bytes]) -> NDArray[np.bool_]:
    """Say which texts have a line that is not five columns with one space between each two."""
    wrong = np.zeros(len(texts), np.bool_)
    if not texts:
        return wrong
    letters = np.frombuffer(b"".join(texts), np.uint8)
    ends = np.cumsum([len(text) for text in texts])
    newlines = np.flatnonzero(letters == _NEWLINE)
    spaces = np.flatnonzero(letters == _SPACE)
    per_line = np.diff(np.searchsorted(spaces, newlines), prepend=0)
    gaps = (letters == _SPACE) | (letters == _NEWLINE)
    # A gap at the start of a text or behind another gap: a column without a number.
    empty = np.flatnonzero(gaps & np.r_[True, gaps[:-1]])
    faults = np.r_[newlines[per_line != _COLUMNS - 1], empty]
    wrong[np.searchsorted(ends, faults, side="right")] = True
    return wrong


def _numbers(texts: list[bytes]) -> tuple[NDArray[np.float64] | None, NDArray[np.intp]]:
    lines = np.array([text.count(b"\n") for text in texts], np.intp)
    if not texts:
        return np.empty((0, _COLUMNS)), lines
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            values = np.fromstring(b"".join(texts).decode("ascii"), np.float64, sep=" ")
        except (DeprecationWarning, ValueError):
            return None, lines
    # As many columns as numbers: with none empty, each column was read as one number.
    if len(values) != lines.sum() * _COLUMNS:
        return None, lines
    return values.reshape(-1, _COLUMNS), lines


def _doubtful(
    boxes: NDArray[np.float64], owner: NDArray[np.intp], classes: int, sizes: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say of which boxes `labels.parse` would have something to say."""
    number, x, y, width, height = boxes.T
    doubtful: NDArray[np.bool_] = (number < 0) | (number >= classes) | (number % 1 != 0)
    doubtful |= (boxes[:, 1:].min(axis=1, initial=1) < 0) | (boxes[:, 1:].max(axis=1, initial=0) > 1)
    doubtful |= (width <= 0) | (height <= 0) | ((width >= COVERS) & (height >= COVERS))
    for centre, side in ((x, width), (y, height)):
        doubtful |= (side / 2 - centre > TOLERANCE) | (centre + side / 2 - 1 > TOLERANCE)
    known = sizes[owner].min(axis=1, initial=2**31) > 0
    doubtful |= known & ((boxes[:, 3:] * sizes[owner]).min(axis=1, initial=LEAST_SIDE) < LEAST_SIDE)
    doubtful[overlapping(boxes, owner).ravel()] = True
    return doubtful
