"""What a destroy would take with it, and what refuses to go: pure reading of what Terraform has in its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.platform.plan import PROTECTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yolops.platform.outputs import Outputs

# The guard in terraform/guard.tf, which lets a platform with runs be destroyed only when that was applied before.
GUARD = "terraform_data.runs"
# What the same file writes down in AWS, where it outlives a lost state.
RUNS = "aws_ssm_parameter.runs"
MAY_GO = "may go"
BUCKET = "aws_s3_bucket"
DATABASE = "aws_db_instance"


@dataclass(frozen=True)
class Bucket:
    """A bucket of a platform.

    Attributes:
        address: what Terraform calls it.
        name: what it is called.
        objects: how many versions of objects it holds.
        bytes: their size.
    """

    address: str
    name: str
    objects: int
    bytes: int


@dataclass(frozen=True)
class Stake:
    """What a destroy would take with it.

    Attributes:
        resources: the addresses of everything there is.
        outputs: what describes the platform; None when it was never applied whole.
        buckets: its buckets.
        buckets_go: the settings say that buckets are deleted with what is in them; otherwise those with content stay.
        databases: the identifiers of the databases.
        protected: the addresses of what refuses to be destroyed until the runs are given up.
        holds_runs: there are runs, or may be, that nobody has given up yet.
    """

    resources: tuple[str, ...]
    outputs: Outputs | None
    buckets: tuple[Bucket, ...]
    buckets_go: bool
    databases: tuple[str, ...]
    protected: tuple[str, ...]
    holds_runs: bool

    @property
    def kept(self) -> tuple[Bucket, ...]:
        """The buckets that stay, because they hold something and nobody said that they may go."""
        return () if self.buckets_go else tuple(bucket for bucket in self.buckets if bucket.objects)

    def kept_addresses(self) -> list[str]:
        """Return the addresses of the buckets that stay, and of what keeps them private."""
        modules = tuple(bucket.address.rpartition(BUCKET + ".")[0] + BUCKET for bucket in self.kept)
        return [address for address in self.resources if modules and address.startswith(modules)]


def holds_runs(resources: Sequence[dict[str, Any]]) -> bool:
    """Return whether there may be runs that nobody has given up; without the guard, which no import brings back, too.

    Args:
        resources: the state.
    """
    for item in resources:
        if item["address"] == GUARD:
            return not _discards(item)
    return any(
        (item["address"] == RUNS and item["values"].get("value") != MAY_GO)
        or (item["type"] == DATABASE and item["values"].get(PROTECTION))
        for item in resources
    )


def protected(resources: Sequence[dict[str, Any]], *, buckets_go: bool) -> Iterator[str]:
    """Yield the guard of the runs, or without it (nothing was applied whole) whatever else refuses to be destroyed."""
    guards = [item for item in resources if item["address"] == GUARD]
    for guard in guards:
        if not _discards(guard):
            yield GUARD
    for item in resources:
        if item["type"] == DATABASE and item["values"].get(PROTECTION) and not guards:
            yield item["address"]
        if item["type"] == BUCKET and buckets_go and not item["values"].get("force_destroy"):
            yield item["address"]


def _discards(guard: dict[str, Any]) -> bool:
    return bool((guard["values"].get("input") or {}).get("discard"))
