"""The hyper-parameters that a tuning job tries next: drawn at random within its ranges. Pure.

SageMaker's `Bayesian` learns from what was tried; here it draws like `Random`. What a program asks of a tuning job does
not depend on how good its guesses are. The scales are those of "Define Hyperparameter Ranges" in its documentation.
"""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Ranges = dict[str, list[dict[str, Any]]]
KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")


def why_wrong(ranges: Ranges) -> str:
    """Return what AWS refuses ranges for; empty if it takes them."""
    everything = [one for kind in KINDS for one in ranges.get(kind) or []]
    names = [one["Name"] for one in everything]
    if not names:
        return "No hyperparameter ranges were given."
    if len(set(names)) < len(names):
        return "A hyperparameter has more than one range."
    numbers = [(kind, one) for kind in KINDS[:2] for one in ranges.get(kind) or []]
    return next((why for kind, one in numbers if (why := _why_no_range(kind, one))), "")


def _why_no_range(kind: str, one: Mapping[str, str]) -> str:
    name, scale = one["Name"], one.get("ScalingType") or "Auto"
    try:
        low, high = float(one["MinValue"]), float(one["MaxValue"])
    except ValueError:
        return f"The bounds of {name} are not numbers."
    if not low < high:
        return f"MinValue of {name} must be less than its MaxValue."
    if scale == "Logarithmic" and low <= 0:
        return f"Logarithmic scaling of {name} needs a range of values greater than 0."
    if scale == "ReverseLogarithmic" and not (kind == "ContinuousParameterRanges" and low >= 0 and high < 1):
        return f"Reverse logarithmic scaling of {name} needs a continuous range within 0 <= x < 1.0."
    return ""


def draw(ranges: Ranges, seed: str) -> dict[str, str]:
    """Return one value for each range, as text.

    Args:
        ranges: ParameterRanges as CreateHyperParameterTuningJob takes them.
        seed: the same one draws the same values.
    """
    random = Random(seed)  # noqa: S311 - nothing secret
    integers = {one["Name"]: str(round(_number(one, random))) for one in ranges.get("IntegerParameterRanges") or []}
    numbers = {one["Name"]: repr(_number(one, random)) for one in ranges.get("ContinuousParameterRanges") or []}
    words = {one["Name"]: random.choice(one["Values"]) for one in ranges.get("CategoricalParameterRanges") or []}
    return integers | numbers | words


def _number(one: Mapping[str, str], random: Random) -> float:
    low, high = float(one["MinValue"]), float(one["MaxValue"])
    scale = one.get("ScalingType")
    if scale == "Logarithmic":
        value = math.exp(random.uniform(math.log(low), math.log(high)))
    elif scale == "ReverseLogarithmic":
        value = 1 - math.exp(random.uniform(math.log(1 - high), math.log(1 - low)))
    else:
        value = random.uniform(low, high)
    return min(max(value, low), high)
