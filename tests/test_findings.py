from __future__ import annotations

import pytest

from yolops.findings import counted


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("image",), "0 images"),
        (1, ("image",), "1 image"),
        (2, ("image",), "2 images"),
        (1, ("box", "boxes"), "1 box"),
        (3, ("box", "boxes"), "3 boxes"),
    ],
)
def test_one_of_a_kind_is_named_in_the_singular(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said
