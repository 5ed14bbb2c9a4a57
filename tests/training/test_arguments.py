from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yolops.errors import UsageError
from yolops.training.arguments import parse_arguments, parse_value

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True)
VALUES = st.one_of(
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.integers(0, 100), max_size=5),
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--lr0", "0.01"], {"lr0": 0.01}),
        (["--lr0=0.01"], {"lr0": 0.01}),
        (["lr0=0.01"], {"lr0": 0.01}),
        (["--lr0", "1e-3"], {"lr0": 0.001}),
        (["--cos-lr"], {"cos_lr": True}),
        (["cos_lr=False"], {"cos_lr": False}),
        (["--cos-lr", "--amp", "false", "--fliplr", "0"], {"cos_lr": True, "amp": False, "fliplr": 0}),
        (["--batch", "-1"], {"batch": -1}),
        (["--classes", "[0, 2]"], {"classes": [0, 2]}),
        (["--optimizer", "AdamW"], {"optimizer": "AdamW"}),
        (["--optimizer=a=b"], {"optimizer": "a=b"}),
        (["--cfg=name=value.yaml"], {"cfg": "name=value.yaml"}),
        (["--cfg", "./name=value.yaml"], {"cfg": "./name=value.yaml"}),
        (["--cos-lr", "lr0=0.02"], {"cos_lr": True, "lr0": 0.02}),
        (["--freeze", "null"], {"freeze": None}),
        (["--lr0", "0.1", "--lr0", "0.2"], {"lr0": 0.2}),
    ],
)
def test_every_way_to_type_an_argument_is_understood(words: list[str], expected: dict[str, object]) -> None:
    assert parse_arguments(words) == expected


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["0.01"], "0.01: belongs to no argument"),
        (["--lr0", "0.01", "0.02"], "0.02: belongs to no argument"),
        (["--lr0=0.01", "0.02"], "0.02: belongs to no argument"),
        (["--"], "--: is no name"),
        (["--9lives"], "--9lives: is no name"),
        (["--a.b=1"], "--a.b: is no name"),
        (["=3"], "--: is no name"),
    ],
)
def test_a_word_that_is_neither_name_nor_value_is_a_mistake_of_usage(words: list[str], what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        parse_arguments(words)
    assert "--name value" in caught.value.hint


@given(name=NAMES, value=VALUES)
def test_numbers_truth_values_and_lists_come_back_in_all_three_forms(name: str, value: object) -> None:
    expected = {name.replace("-", "_"): value}
    for words in ([f"--{name}", str(value)], [f"--{name}={value}"], [f"{name}={value}"]):
        found = parse_arguments(words)
        assert found == expected
        assert type(found[name.replace("-", "_")]) is type(value)


@given(st.text(max_size=30))
@example("2024-13-45")
@example("2024-01-01")
@example("0x_")
@example("!!binary aGk=")
@example("!!bool x")
@example("!!timestamp x")
@example("&a [*a]")
@example("{2024-01-01: 1}")
def test_whatever_is_typed_becomes_a_value_that_can_be_recorded(text: str) -> None:
    json.dumps(parse_value(text))


def test_a_date_is_text_because_no_argument_is_a_date() -> None:
    assert parse_value("2024-01-01") == "2024-01-01"
