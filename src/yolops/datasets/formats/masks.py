"""Run-length masks of COCO: only the box around them is wanted, so no pixel is ever set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_PIXELS = 2**31
# A run below 2**31 takes seven characters of five bits.
_MOST_CHARACTERS = 7


def box_around_mask(mask: Any) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what a mask covers, in pixels.

    Args:
        mask: `size`, height and width, and `counts`: lengths of runs down the columns, the first outside the object; a
            list, or compressed to text as pycocotools does it.

    Raises:
        ValueError: it is no mask, does not have its size, or covers nothing.
    """
    if not isinstance(mask, dict) or not isinstance(mask.get("size"), list) or len(mask["size"]) != 2:
        raise ValueError("a mask needs size and counts")
    height, width = mask["size"]
    runs = _runs(mask.get("counts"))
    if not all(type(side) is int and side > 0 for side in (height, width)) or height * width >= _MOST_PIXELS:
        raise ValueError("a mask needs a height and a width")
    if len(runs) and (runs.min() < 0 or runs.max() >= _MOST_PIXELS):
        raise ValueError("a run cannot be that long")
    ends = np.cumsum(runs)
    if not len(ends) or ends[-1] != height * width:
        raise ValueError("the runs do not fill the mask")
    starts, stops = ends[0::2][: len(ends) // 2], ends[1::2]
    covering = stops > starts
    starts, stops = starts[covering], stops[covering] - 1
    if not len(starts):
        raise ValueError("it covers nothing")
    columns, last_columns = starts // height, stops // height
    # A run that goes on in the next column touches the lower edge and the upper one.
    through = bool((columns != last_columns).any())
    top = 0 if through else int((starts % height).min())
    bottom = height if through else int((stops % height).max()) + 1
    return int(columns.min()), top, int(last_columns.max()) + 1, bottom


def _runs(counts: object) -> NDArray[np.int64]:
    if isinstance(counts, str):
        counts = _uncompressed(counts)
    if not isinstance(counts, list) or not all(type(run) is int and abs(run) < _MOST_PIXELS for run in counts):
        raise ValueError("counts are neither text nor whole numbers")
    return np.array(counts, np.int64)


def _uncompressed(text: str) -> list[int]:
    """Undo `rleToString` of pycocotools: five bits a character; from the fourth run on, what the last but one lacks."""
    runs: list[int] = []
    value, place = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or place == _MOST_CHARACTERS:
            raise ValueError("counts are not compressed runs")
        value |= (bits & 31) << 5 * place
        place += 1
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << 5 * place
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, place = 0, 0
    if place:
        raise ValueError("counts are cut off")
    return runs
