"""Prices out of AWS's own price list: a table of ours would be wrong before anybody noticed.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yolops.aws import Aws

# The list of all regions is served in three; this is the one that is nobody's choice.
PRICE_LIST_REGION = "us-east-1"
CURRENCY = "USD"


def training_price(price_list: Aws, region: str, instance_type: str) -> float | None:
    """Return what an instance of a training job costs on demand, in USD per hour; None where the list has none.

    Args:
        price_list: AWS in `PRICE_LIST_REGION`.
        region: where the job runs.
        instance_type: such as `ml.g4dn.xlarge`.

    Raises:
        AwsError: AWS refuses, or cannot be reached.
    """
    wanted = {"regionCode": region, "instanceName": instance_type, "component": "Training"}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    pages = price_list.pages("pricing", "get_products", ServiceCode="AmazonSageMaker", Filters=filters)
    found = [price for page in pages for product in page["PriceList"] for price in _hourly(json.loads(product))]
    return max(found, default=None)


def _hourly(product: Mapping[str, Any]) -> Iterator[float]:
    """Yield the prices per hour of one product of the list."""
    for offer in product["terms"].get("OnDemand", {}).values():
        for dimension in offer["priceDimensions"].values():
            if dimension["unit"].lower().startswith("h") and CURRENCY in dimension["pricePerUnit"]:
                yield float(dimension["pricePerUnit"][CURRENCY])
