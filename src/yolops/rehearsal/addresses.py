"""Elastic IPs that a program on this machine can connect to, and which servers there should be behind them.

All of 127.0.0.0/8 is this machine's own on Linux; on macOS only 127.0.0.1 is, and no server can have such an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends

from yolops.platform.ports import is_free
from yolops.rehearsal.backends import backends_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance

NETWORK = "127.77"
PORT = 5000
TAG, SERVICE = "Service", "mlflow"
# Another rehearsal may have the address; on a machine where none can be had, the last one is as good as any.
TRIES = 20


@dataclass(frozen=True)
class ServerInstance:
    """A running instance on which MLflow should be served.

    Attributes:
        identifier: its ID.
        address: the Elastic IP it is reached at.
        artifacts: where its artifacts go; empty if its project has no bucket.
    """

    identifier: str
    address: str
    artifacts: str


def new_address() -> str:
    """Return an address of this machine that nobody has."""
    taken = {address.public_ip for backend in backends_of(ec2_backends) for address in backend.addresses}
    for _ in range(TRIES):
        address = f"{NETWORK}.{mock_random.randint(0, 255)}.{mock_random.randint(1, 254)}"
        if address not in taken and is_free(PORT, address):
            break
    return address


def server_instances() -> Iterator[ServerInstance]:
    """Yield the running instances tagged `Service = mlflow` that have an Elastic IP."""
    for backend in backends_of(ec2_backends):
        for instance, address in reachable(backend):
            tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
            if tags.get(TAG) == SERVICE:
                yield ServerInstance(instance.id, address, _artifacts(backend.account_id, tags.get("Project", "")))


def reachable(backend: EC2Backend) -> Iterator[tuple[Instance, str]]:
    """Yield the running instances of an account and region that have an Elastic IP, each with it."""
    for address in list(backend.addresses):
        instance = address.instance or (address.eni and address.eni.instance)
        if instance and instance.is_running():
            yield instance, address.public_ip


def _artifacts(account: str, project: str) -> str:
    """Return where a project's artifacts go: the bucket that has the same tag `Project` as the instance."""
    for backend in backends_of(s3_backends):
        for bucket in list(backend.buckets.values()):
            tags = backend.tagger.get_tag_dict_for_resource(bucket.arn)
            if backend.account_id == account and project and tags.get("Project") == project:
                return f"s3://{bucket.name}/mlflow"
    return ""
