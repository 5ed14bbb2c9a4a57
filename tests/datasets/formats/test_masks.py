"""The box around a mask is that of its pixels, whichever way the mask is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from yolops.datasets.formats.masks import box_around_mask

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def runs_of(mask: np.ndarray[Any, Any]) -> list[int]:
    letters = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(letters)) + 1
    runs = np.diff([0, *changes, len(letters)]).tolist()
    return [0, *runs] if letters[0] else runs


def text_of(runs: list[int]) -> str:
    """Do what `rleToString` of pycocotools does."""
    text = ""
    for index, run in enumerate(runs):
        left, more = run - (runs[index - 2] if index > 2 else 0), True
        while more:
            bits = left & 31
            left >>= 5
            more = left != (-1 if bits & 16 else 0)
            text += chr((bits | 32 if more else bits) + 48)
    return text


@given(MASKS)
def test_the_box_is_that_of_the_pixels(mask: np.ndarray[Any, Any]) -> None:
    size, runs = list(mask.shape), runs_of(mask)
    if not mask.any():
        with pytest.raises(ValueError, match="covers nothing"):
            box_around_mask({"size": size, "counts": runs})
        return
    rows, columns = np.nonzero(mask)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert box_around_mask({"size": size, "counts": runs}) == box
    assert box_around_mask({"size": size, "counts": text_of(runs)}) == box


# Written by pycocotools 2.0.11, and the boxes that its `toBbox` says.
ELLIPSE = (
    "ena4W1`=b0A<E:G8H8I6J6J6J6K4K6K4L4L4M2M4L4M2N2M4M2N2N2N2N2N2O0O2N2O0O2O000O2O00000000000000000001N10001N101N2N101N2N2"
    "N2N2N2N3L3N2N3L4L3N3L4L4L5J5L5J6J6J6J7H8H9F;D?^ObYR3lNkgmL0Ria0"
)


@pytest.mark.parametrize(
    ("size", "counts", "box"), [([10, 12], "P16403Oe1", (3, 2, 6, 10)), ([480, 640], ELLIPSE, (311, 30, 602, 290))]
)
def test_what_pycocotools_wrote_is_read_as_it_reads_it(size: list[int], counts: str, box: tuple[int, ...]) -> None:
    assert box_around_mask({"size": size, "counts": counts}) == box


@pytest.mark.parametrize(
    "mask",
    [
        {},
        {"size": [2, 2]},
        {"size": [2], "counts": [4]},
        {"size": [2, 2], "counts": [1, 2]},
        {"size": [2, 2], "counts": [1, -1, 4]},
        {"size": [2, 2], "counts": [1, 2.5, 0.5]},
        {"size": [2, 2], "counts": [10**30]},
        {"size": [2**40, 2**40], "counts": [1, 3]},
        {"size": [True, 4], "counts": [1, 3]},
        {"size": [2, 2], "counts": "o" * 1_000_000},
        {"size": [2, 2], "counts": "o"},
        {"size": [2, 2], "counts": "\u00ff"},
        {"size": [2, 2], "counts": {}},
        [],
    ],
    ids=lambda mask: str(mask)[:40],
)
def test_what_is_no_mask_is_refused(mask: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        box_around_mask(mask)
