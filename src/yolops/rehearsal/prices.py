"""What a simulated account pays for training: AWS's prices in us-east-1 when this was written, in every region.

moto has no price list.
"""

from __future__ import annotations

import json
from typing import Any

# USD per hour on demand.
TRAINING = {
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.c5.xlarge": 0.204,
    "ml.g4dn.xlarge": 0.736,
    "ml.g5.xlarge": 1.408,
    "ml.g5.12xlarge": 7.09,
    "ml.p4d.24xlarge": 37.688,
}


def products(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer GetProducts: the training instances of SageMaker that the filters leave."""
    wanted = {one["Field"]: one["Value"] for one in asked.get("Filters", [])}
    found = []
    for name, price in TRAINING.items() if asked["ServiceCode"] == "AmazonSageMaker" else ():
        about = {"instanceName": name, "component": "Training", "regionCode": wanted.get("regionCode", "")}
        if all(about.get(field) == value for field, value in wanted.items()):
            dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}}
            terms = {"OnDemand": {"rehearsal": {"priceDimensions": {"rehearsal": dimension}}}}
            found.append(json.dumps({"product": {"attributes": about}, "terms": terms}))
    return {"FormatVersion": "aws_v1", "PriceList": found}
