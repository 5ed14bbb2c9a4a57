"""What a simulated account may train on: one instance of the usual types. moto does not know these quotas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto.servicequotas.responses import ServiceQuotasResponse

SERVICE = "sagemaker"
USES = ("training job usage", "spot training job usage")
# On demand, and on spot.
QUOTAS = {
    "ml.m5.large": (1, 1),
    "ml.m5.xlarge": (1, 1),
    "ml.c5.xlarge": (1, 1),
    "ml.g4dn.xlarge": (1, 1),
    "ml.g5.xlarge": (1, 1),
    "ml.g5.12xlarge": (1, 0),
    "ml.p4d.24xlarge": (0, 0),
}


def list_service_quotas(call: ServiceQuotasResponse) -> str:
    """Answer ListServiceQuotas: those of SageMaker's training jobs; of another service there are none."""
    asked = json.loads(call.body)["ServiceCode"]
    quotas = [
        {"ServiceCode": SERVICE, "ServiceName": "Amazon SageMaker", "QuotaName": f"{kind} for {use}", "Value": value}
        for kind, values in QUOTAS.items()
        for use, value in zip(USES, values, strict=True)
    ]
    return json.dumps({"Quotas": quotas if asked == SERVICE else []})
