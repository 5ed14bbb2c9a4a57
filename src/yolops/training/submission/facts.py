"""What the run of a job is told of it: where it runs and its log is, what is billed, what spot has saved. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from yolops.training.sagemaker_job import LOG_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from yolops.training.sagemaker_job import Job

T = TypeVar("T", int, float)
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


def total(numbers: Iterable[T | None]) -> T | None:
    """Return the sum of numbers; None where one of them is not known."""
    found: list[T | None] = list(numbers)
    known = [number for number in found if number is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(found) else None


def facts(jobs: Sequence[Job], dollars: float | None) -> dict[str, str]:
    """Return the tags of the run of some jobs, as far as they are known by now: times and costs of all of them.

    Args:
        jobs: all jobs of the run, the newest last.
        dollars: what they have cost in USD, if that is known.
    """
    job = jobs[-1]
    seconds, billed = total(one.seconds for one in jobs), total(one.billed_seconds for one in jobs)
    saving = 1 - billed / seconds if billed is not None and seconds and any(one.spot for one in jobs) else None
    known = {
        "status": job.status,
        "name": job.name,
        "arn": job.arn,
        "instance_type": job.instance_type,
        "spot": str(job.spot).lower(),
        "interruptions": sum(one.interruptions for one in jobs),
        "seconds": seconds,
        "billed_seconds": billed,
        "spot_saving": None if saving is None else round(saving, 4),
        "cost_usd": dollars,
        "log": log_link(job.region, job.name),
        "failure": job.failure or None,
        "earlier": " ".join(one.name for one in jobs[:-1]) or None,
    }
    return {f"{PREFIX}.{name}": str(value) for name, value in known.items() if value is not None}
