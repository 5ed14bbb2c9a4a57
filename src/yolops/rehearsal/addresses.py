"""Elastic IPs that a program on this machine can connect to.

All of 127.0.0.0/8 is this machine's own on Linux; on macOS only 127.0.0.1 is, and no server can have such an address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.moto_api._internal import mock_random

from yolops.platform.ports import is_free
from yolops.rehearsal.backends import backends_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance

NETWORK = "127.77"
PORT = 5000
# Another rehearsal may have the address; on a machine where none can be had, the last one is as good as any.
TRIES = 20


def new_address() -> str:
    """Return an address of this machine that nobody has."""
    taken = {address.public_ip for backend in backends_of(ec2_backends) for address in backend.addresses}
    for _ in range(TRIES):
        address = f"{NETWORK}.{mock_random.randint(0, 255)}.{mock_random.randint(1, 254)}"
        if address not in taken and is_free(PORT, address):
            break
    return address


def reachable(backend: EC2Backend) -> Iterator[tuple[Instance, str]]:
    """Yield the running instances of an account and region that have an Elastic IP, each with it."""
    for address in list(backend.addresses):
        instance = address.instance or (address.eni and address.eni.instance)
        if instance and instance.is_running():
            yield instance, address.public_ip
