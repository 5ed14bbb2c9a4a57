from __future__ import annotations

import pytest

from yolops.errors import UsageError
from yolops.training.search_space import DEFAULT_SPACE, Choice, Range, parse_space, rounded


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("lr0=1e-5..1e-1:log", Range("lr0", 1e-5, 0.1, log=True)),
        ("mosaic=0..1", Range("mosaic", 0.0, 1.0)),
        ("degrees=-45..45.5", Range("degrees", -45.0, 45.5)),
        ("close-mosaic=0..10:int", Range("close_mosaic", 0, 10, whole=True)),
        ("optimizer=SGD|AdamW", Choice("optimizer", ("SGD", "AdamW"))),
        ("imgsz=320|640", Choice("imgsz", (320, 640))),
        ("cos_lr=true|false", Choice("cos_lr", (True, False))),
    ],
)
def test_a_part_of_the_space_is_read_as_it_is_typed(text: str, meant: Range | Choice) -> None:
    assert parse_space([text]) == (meant,)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["lr0"], "not an argument with its values"),
        (["=1..2"], "not an argument with its values"),
        (["lr0=0.1"], "not a choice of two or more"),
        (["lr0=0.1|0.1"], "not a choice of two or more"),
        (["classes=[1, 2]|[3]"], "not a choice of two or more"),
        (["lr0=a..b"], "not two numbers"),
        (["lr0=1..2..3"], "not two numbers"),
        (["lr0=nan..1"], "not below the second"),
        (["lr0=1..1"], "not below the second"),
        (["lr0=0..1:log"], "only numbers above 0"),
        (["lr0=0..1:linear"], "neither log nor int"),
        (["nbs=0.5..3:int"], "not whole numbers"),
        (["lr0=0..1", "lr0=1..2"], "lr0: is there twice"),
    ],
)
def test_what_is_no_space_is_refused_with_what_to_write(texts: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        parse_space(texts)
    assert refused.value.hint


def test_the_default_space_is_one() -> None:
    assert len(parse_space(DEFAULT_SPACE)) == 25


def test_numbers_are_trained_with_as_they_are_shown() -> None:
    assert rounded(0.00123456789) == 0.0012346
    assert (rounded(7), rounded("SGD"), rounded(True)) == (7, "SGD", True)
