"""The price list of the rehearsal, asked as yolops asks AWS's."""

from __future__ import annotations

import pytest

from tests.rehearsal.conftest import Aws
from yolops.costs.prices import training_price


class PriceList:
    """Asks the simulated AWS.

    Args:
        aws: where it is.
    """

    def __init__(self, aws: Aws) -> None:
        self._client = aws.client("pricing")

    def pages(self, _service: str, operation: str, **asked: object) -> object:
        return self._client.get_paginator(operation).paginate(**asked)


@pytest.mark.parametrize(("instance_type", "price"), [("ml.m5.xlarge", 0.23), ("ml.none.large", None)])
def test_training_instances_have_a_price_and_unknown_ones_have_none(
    aws: Aws, instance_type: str, price: float | None
) -> None:
    assert training_price(PriceList(aws), "eu-central-1", instance_type) == price  # type: ignore[arg-type] # a fake
    assert aws.rehearsal.status().unimplemented == []
