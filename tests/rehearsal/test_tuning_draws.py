"""What a tuning job of the rehearsal draws, and which ranges it refuses."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import pytest

from yolops.rehearsal.tuning_draws import draw, why_wrong


def _range(low: str, high: str, scale: str = "Auto") -> dict[str, Any]:
    return {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scale}


def _drawn(kind: str, one: dict[str, Any]) -> list[str]:
    return [draw({kind: [one]}, f"seed/{number}")["x"] for number in range(400)]


def test_whole_numbers_are_drawn_with_both_ends() -> None:
    assert set(_drawn("IntegerParameterRanges", _range("1", "4"))) == {"1", "2", "3", "4"}


def test_numbers_are_drawn_on_their_scale() -> None:
    kind = "ContinuousParameterRanges"
    assert median(map(float, _drawn(kind, _range("0", "10", "Linear")))) == pytest.approx(5, abs=0.7)
    assert math.log10(median(map(float, _drawn(kind, _range("1e-5", "1e-1", "Logarithmic"))))) == pytest.approx(
        -3, abs=0.3
    )
    reverse = [math.log10(1 - float(value)) for value in _drawn(kind, _range("0", "0.9999", "ReverseLogarithmic"))]
    assert median(reverse) == pytest.approx(-2, abs=0.3)
    assert all(1e-5 <= float(value) <= 1e-1 for value in _drawn(kind, _range("1e-5", "1e-1", "Logarithmic")))


def test_words_are_drawn_from_their_list() -> None:
    words = {"Name": "x", "Values": ["SGD", "AdamW"]}
    assert set(_drawn("CategoricalParameterRanges", words)) == {"SGD", "AdamW"}


def test_the_same_seed_draws_the_same() -> None:
    ranges = {"ContinuousParameterRanges": [_range("0", "1")]}
    assert draw(ranges, "1/2") == draw(ranges, "1/2") != draw(ranges, "1/3")


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ({}, "No hyperparameter ranges"),
        (
            {"ContinuousParameterRanges": [_range("0", "1")], "IntegerParameterRanges": [_range("0", "9")]},
            "more than one",
        ),
        ({"ContinuousParameterRanges": [_range("1", "1")]}, "must be less"),
        ({"ContinuousParameterRanges": [_range("a", "1")]}, "not numbers"),
        ({"IntegerParameterRanges": [_range("0", "9", "Logarithmic")]}, "greater than 0"),
        ({"ContinuousParameterRanges": [_range("0", "1", "ReverseLogarithmic")]}, "within 0 <= x < 1.0"),
        ({"IntegerParameterRanges": [_range("0", "0.5", "ReverseLogarithmic")]}, "within 0 <= x < 1.0"),
    ],
)
def test_ranges_that_aws_refuses_are_refused(ranges: dict[str, Any], said: str) -> None:
    assert said in why_wrong(ranges)


def test_ranges_that_aws_takes_are_taken() -> None:
    assert why_wrong({"ContinuousParameterRanges": [_range("0", "0.99", "ReverseLogarithmic")]}) == ""
    assert (
        why_wrong({"CategoricalParameterRanges": [{"Name": "x", "Values": ["a"]}], "IntegerParameterRanges": []}) == ""
    )
