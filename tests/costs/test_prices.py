"""Prices: read out of AWS's price list as it is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from yolops.costs.prices import training_price


class PriceList:
    """Answers with pages of products.

    Args:
        prices: of each product, by the unit it is sold in.
    """

    region = "us-east-1"

    def __init__(self, *prices: dict[str, str]) -> None:
        self._prices = prices
        self.asked: dict[str, Any] = {}

    def pages(self, service: str, operation: str, **asked: Any) -> Iterator[Any]:
        self.asked = {"call": f"{service}:{operation}", **asked}
        for units in self._prices:
            dimensions = {unit: {"unit": unit, "pricePerUnit": {"USD": price}} for unit, price in units.items()}
            product = {"terms": {"OnDemand": {"offer": {"priceDimensions": dimensions}}, "Reserved": {}}}
            yield {"PriceList": [json.dumps(product)]}


def test_a_price_is_asked_for_by_region_type_and_use_and_is_that_of_an_hour() -> None:
    listed = PriceList({"Hrs": "0.7360000000", "Quantity": "99"})

    assert training_price(listed, "eu-central-1", "ml.g4dn.xlarge") == 0.736  # type: ignore[arg-type] # a fake
    assert listed.asked["call"] == "pricing:get_products"
    asked = {one["Field"]: one["Value"] for one in listed.asked["Filters"]}
    assert asked == {"regionCode": "eu-central-1", "instanceName": "ml.g4dn.xlarge", "component": "Training"}


def test_of_several_prices_it_is_the_highest_and_of_none_it_is_not_known() -> None:
    assert training_price(PriceList({"Hrs": "1"}, {"Hrs": "2"}), "r", "t") == 2  # type: ignore[arg-type] # a fake
    assert training_price(PriceList(), "r", "t") is None  # type: ignore[arg-type] # a fake
