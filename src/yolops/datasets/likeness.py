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
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

WIDTH, HEIGHT = 9, 8
THUMBNAIL_BYTES = WIDTH * HEIGHT
# Of an image of more pixels, a gray value is the mean of so many across and down at most: all would take a third of the
# decoding. What such a look costs is going to a row; more pixels of it cost little.
_ALL_PIXELS, _ACROSS, _DOWN = 32_768, 16, 8
DISTANCE = 6
CORRELATION = 0.97
# Below this standard deviation of its 72 gray values an image is as good as blank.
LEAST_CONTRAST = 4.0
# Of 64 bits in 8 parts, 6 that differ leave at least 2 parts equal: each pair of parts is a key of 16 bits.
_PARTS, _PART_BITS = 8, 8
# Of hashes with one key, each is compared with so many behind it: more have one key where most images are alike, as the
# frames of one camera, and there each has a twin nearby.
MOST_NEIGHBOURS = 64
# Rows that are computed at a time.
_BLOCK = 16384


def thumbnail(image: Image.Image) -> bytes:
    """Return 72 gray values in rows of 9; nothing for pixels that cannot be made gray.

    Args:
        image: a decoded image.
    """
    try:
        if image.mode not in {"L", "RGB"}:
            image = image.convert("RGB")
        if image.width * image.height > _ALL_PIXELS:
            size = (min(image.width, _ACROSS * WIDTH), min(image.height, _DOWN * HEIGHT))
            image = image.resize(size, Image.Resampling.NEAREST)
        return image.convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BOX).tobytes()
    except (ValueError, OSError):
        return b""


def hashes(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the difference hash of each thumbnail: shape (n, 72) to (n,)."""
    rows = thumbnails.reshape(-1, HEIGHT, WIDTH)
    return np.packbits(rows[:, :, 1:] > rows[:, :, :-1], axis=2).reshape(-1, 8).view(">u8").ravel().astype(np.uint64)


def with_contrast(thumbnails: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return which thumbnails say something: their rows."""
    return np.flatnonzero(in_blocks(thumbnails, lambda block: block.std(axis=1) >= LEAST_CONTRAST))


def alike(thumbnails: NDArray[np.uint8], ranks: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Find for each image one that looks like it and comes before it, by rank and then by row.

    Args:
        thumbnails: shape (n, 72), uint8; zeros where there is none.
        ranks: shape (n,): the split of each; a partner of another rank is preferred.

    Returns:
        The row of the partner, -1 where there is none: shape (n,).
    """
    partners = np.full(len(thumbnails), -1, np.intp)
    rows = with_contrast(thumbnails)
    if len(rows) < 2:
        return partners
    marks = in_blocks(thumbnails, hashes)[rows]
    order = np.lexsort((ranks[rows], marks))
    marks, rows = marks[order], rows[order]
    begins = np.r_[True, marks[1:] != marks[:-1]]
    # Of images with one hash, the first speaks for the others.
    speakers = rows[begins]
    _settle(partners, thumbnails, ranks, speakers[np.cumsum(begins) - 1][~begins], rows[~begins])
    for left, right in near(marks[begins]):
        _settle(partners, thumbnails, ranks, speakers[left], speakers[right])
    return partners


def near(marks: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield pairs of different hashes within `DISTANCE`, as two arrays of indices.

    Args:
        marks: shape (n,): hashes, ascending, each once.
    """
    parts = marks.view(np.uint8).reshape(-1, _PARTS)
    for one, other in combinations(range(_PARTS), 2):
        key = (parts[:, one].astype(np.uint16) << _PART_BITS) | parts[:, other]
        order = np.argsort(key, kind="stable")
        key = key[order]
        for step in range(1, min(MOST_NEIGHBOURS, len(key)) + 1):
            together = np.flatnonzero(key[step:] == key[:-step])
            if not len(together):
                break
            left, right = order[together], order[together + step]
            close = np.bitwise_count(marks[left] ^ marks[right]) <= DISTANCE
            if close.any():
                yield left[close], right[close]


def _settle(
    partners: NDArray[np.intp],
    thumbnails: NDArray[np.uint8],
    ranks: NDArray[np.uint8],
    one: NDArray[np.intp],
    other: NDArray[np.intp],
) -> None:
    """Note partners for those images that have none yet, or none of another rank, where thumbnails confirm it."""
    swapped = (ranks[one] > ranks[other]) | ((ranks[one] == ranks[other]) & (one > other))
    first, later = np.where(swapped, other, one), np.where(swapped, one, other)
    known = partners[later]
    wanted = (known < 0) | ((ranks[first] != ranks[later]) & (ranks[known] == ranks[later]))
    first, later = first[wanted], later[wanted]
    pairs = np.stack([first, later], axis=1)
    confirmed = in_blocks(pairs, lambda block: correlation(thumbnails[block[:, 0]], thumbnails[block[:, 1]]))
    first, later = first[confirmed >= CORRELATION], later[confirmed >= CORRELATION]
    for across in (False, True):  # written last, and so kept, are those of another rank
        chosen = (ranks[first] != ranks[later]) == across
        partners[later[chosen]] = first[chosen]


def correlation(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[Any]:
    """Return the correlation of thumbnails in pairs: shape (n, 72) twice, or once (72,), to (n,)."""
    one, other = (side - side.mean(axis=-1, keepdims=True, dtype=np.float32) for side in (left, right))
    lengths: NDArray[Any] = np.sqrt((one**2).sum(axis=-1) * (other**2).sum(axis=-1))
    likeness: NDArray[Any] = (one * other).sum(axis=-1) / lengths
    return likeness


def in_blocks(rows: NDArray[Any], of: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    """Return what a function makes of some rows at a time, joined."""
    if not len(rows):
        return np.empty(0, np.uint64)
    joined: NDArray[Any] = np.concatenate([of(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)])
    return joined
