"""What the run of a job is told of it: where it runs and its log is, what is billed, what spot has saved. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from yolops.training.sagemaker_job import LOG_GROUP

if TYPE_CHECKING:
    from yolops.training.sagemaker_job import Job

PENDING = "pending"
# The name of a tag of a run, before what it is about.
PREFIX = "yolops.job"


def cost(job: Job, price: float | None) -> float | None:
    """Return what a job has cost in USD; None while it is not billed, or without a price.

    Args:
        job: the job.
        price: what its instance costs on demand, in USD per hour. SageMaker takes the discount of spot out of the
            billed seconds: https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
    """
    return None if price is None or job.billed_seconds is None else round(job.billed_seconds / 3600 * price, 4)


def log_link(region: str, name: str) -> str:
    """Return where a person reads the log of a job in the console of AWS, whose addresses are quoted twice."""
    place = "$252F".join(LOG_GROUP.split("/"))
    filtered = quote(f"?logStreamNameFilter={name}", safe="").replace("%", "$")
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{place}{filtered}"


def facts(job: Job, dollars: float | None) -> dict[str, str]:
    """Return the tags of the run of a job, as far as they are known by now.

    Args:
        job: the job.
        dollars: what it has cost in USD, if that is known.
    """
    known = {
        "status": job.status,
        "name": job.name,
        "arn": job.arn,
        "instance_type": job.instance_type,
        "spot": str(job.spot).lower(),
        "interruptions": job.interruptions,
        "seconds": job.seconds,
        "billed_seconds": job.billed_seconds,
        "spot_saving": None if job.saving is None else round(job.saving, 4),
        "cost_usd": dollars,
        "log": log_link(job.region, job.name),
        "failure": job.failure or None,
    }
    return {f"{PREFIX}.{name}": str(value) for name, value in known.items() if value is not None}
