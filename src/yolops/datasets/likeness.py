"""Which images look alike: a difference hash finds candidates, a correlation of thumbnails confirms them.

The hash is dHash (Neal Krawetz, "Kind of Like That", 2013): of a thumbnail of 9x8 gray pixels, whether each is
brighter than its left neighbour. Two images are alike if at most `DISTANCE` of the 64 bits differ and their thumbnails
correlate by `CORRELATION` or more. Images of next to no contrast say nothing and are left out.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 9, 8
THUMBNAIL_BYTES = WIDTH * HEIGHT
DISTANCE = 6
CORRELATION = 0.97
# Below this standard deviation of its 72 gray values an image is as good as blank.
LEAST_CONTRAST = 4.0
# Of 64 bits in 8 parts, 6 that differ leave at least 2 parts equal: each pair of parts is a key of 16 bits.
_PARTS, _PART_BITS = 8, 8
# Of hashes with one key, each is compared with so many behind it: more have one key where most images are alike, and
# there each has a twin nearby.
MOST_NEIGHBOURS = 256


def thumbnail(image: Image.Image) -> bytes:
    """Return 72 gray values in rows of 9; nothing for pixels that cannot be made gray.

    Args:
        image: a decoded image.
    """
    try:
        shrink = (max(image.width // (4 * WIDTH), 1), max(image.height // (4 * HEIGHT), 1))
        if image.mode not in {"L", "RGB"}:
            image = image.convert("RGB")
        return image.reduce(shrink).convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BOX).tobytes()
    except (ValueError, OSError):
        return b""


def hashes(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the difference hash of each thumbnail: shape (n, 72) to (n,)."""
    rows = thumbnails.reshape(-1, HEIGHT, WIDTH)
    return np.packbits(rows[:, :, 1:] > rows[:, :, :-1], axis=2).reshape(-1, 8).view(">u8").ravel().astype(np.uint64)


def alike(thumbnails: NDArray[np.uint8], ranks: NDArray[np.intp]) -> NDArray[np.intp]:
    """Find images that look alike.

    Args:
        thumbnails: shape (n, 72), uint8.
        ranks: shape (n,): of images with one hash, those of the lowest rank speak for the rest.

    Returns:
        Pairs of rows, shape (m, 2), the smaller first, sorted, each pair once. Where many images are alike, not every
        pair of them is among the pairs, but each image is.
    """
    contrast = _in_blocks(thumbnails, lambda block: block.std(axis=1))
    rows = np.flatnonzero(contrast >= LEAST_CONTRAST)
    if len(rows) < 2:
        return np.empty((0, 2), np.intp)
    marks = _in_blocks(thumbnails, hashes).astype(np.uint64)[rows]
    order = np.lexsort((ranks[rows], marks))
    marks, rows = marks[order], rows[order]
    begins = np.r_[True, marks[1:] != marks[:-1]]
    first = np.flatnonzero(begins)
    speaker = first[np.cumsum(begins) - 1]
    equal = np.flatnonzero(~begins)
    pairs = [
        np.stack([rows[speaker[equal]], rows[equal]], axis=1),
        *(rows[first][pair] for pair in _near(marks[first])),
    ]
    every = np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)
    return every[_correlated(thumbnails, every)]


def _near(marks: NDArray[np.uint64]) -> list[NDArray[np.intp]]:
    """Return pairs of different hashes within `DISTANCE`, as indices."""
    parts = marks.astype(">u8").view(np.uint8).reshape(-1, _PARTS).astype(np.uint16)
    found = []
    for one, other in combinations(range(_PARTS), 2):
        key = (parts[:, one] << _PART_BITS) | parts[:, other]
        order = np.argsort(key, kind="stable")
        key = key[order]
        for step in range(1, min(MOST_NEIGHBOURS, len(key)) + 1):
            together = np.flatnonzero(key[step:] == key[:-step])
            if not len(together):
                break
            left, right = order[together], order[together + step]
            close = np.bitwise_count(marks[left] ^ marks[right]) <= DISTANCE
            found.append(np.stack([left[close], right[close]], axis=1))
    return found


def _correlated(thumbnails: NDArray[np.uint8], pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    def correlation(block: NDArray[np.intp]) -> NDArray[Any]:
        left, right = (thumbnails[block[:, side]].astype(np.float32) for side in (0, 1))
        left -= left.mean(axis=1, keepdims=True)
        right -= right.mean(axis=1, keepdims=True)
        lengths: NDArray[Any] = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
        likeness: NDArray[Any] = (left * right).sum(axis=1) / lengths
        return likeness

    alike: NDArray[np.bool_] = _in_blocks(pairs, correlation) >= CORRELATION
    return alike


def _in_blocks(rows: NDArray[Any], of: Any, size: int = 16384) -> NDArray[Any]:
    if not len(rows):
        return np.empty(0, np.uint64)
    joined: NDArray[Any] = np.concatenate([of(rows[start : start + size]) for start in range(0, len(rows), size)])
    return joined
