"""What a destroy would take with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yolops.platform.outputs import Outputs

BUCKET = "aws_s3_bucket"


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
    """

    resources: tuple[str, ...]
    outputs: Outputs | None
    buckets: tuple[Bucket, ...]
    buckets_go: bool
    databases: tuple[str, ...]
    protected: tuple[str, ...]

    @property
    def kept(self) -> tuple[Bucket, ...]:
        """The buckets that stay, because they hold something and nobody said that they may go."""
        return () if self.buckets_go else tuple(bucket for bucket in self.buckets if bucket.objects)

    def kept_addresses(self) -> list[str]:
        """Return the addresses of the buckets that stay, and of what keeps them private."""
        modules = tuple(bucket.address.rpartition(BUCKET + ".")[0] + BUCKET for bucket in self.kept)
        return [address for address in self.resources if modules and address.startswith(modules)]
