"""The server of custom mode where no instance can boot: a process with the files of its user data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.s3.models import s3_backends

from yolops.platform.ports import LOOPBACK
from yolops.rehearsal.addresses import PORT, reachable
from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.instance_metadata import user_data
from yolops.rehearsal.machines import Machine
from yolops.rehearsal.server_files import SETTINGS, packed_files, place_of_the_rest, written_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

INSTANCES = "instances"


def stand_ins(databases: Mapping[str, int], authorities: Path) -> Iterator[Machine]:
    """Yield the processes that stand in for the running instances with an Elastic IP and our user data.

    Args:
        databases: the port of each database on this machine, by its host name in AWS.
        authorities: the certificates that the databases' own are checked with.
    """
    for backend in backends_of(ec2_backends):
        for instance, address in reachable(backend):
            files = written_files(user_data(instance))
            if SETTINGS not in files:
                continue
            if (place := place_of_the_rest(files)) is not None:
                files |= packed_files(_object(backend.account_id, *place))
            settings = json.loads(files[SETTINGS])
            # The server says why it cannot start where there is no database.
            changes: dict[str, str | int] = {
                "database": LOOPBACK,
                "database_port": databases.get(settings["database"], 0),
                "database_authorities": str(authorities),
                "log_group": "",  # the rehearsal itself says how far it is
            }
            yield Machine(
                f"{INSTANCES}/{instance.id}",
                host=address,
                port=PORT,
                files=tuple(sorted(files.items())),
                changes=tuple(changes.items()),
            )


def _object(account: str, bucket: str, key: str) -> bytes:
    for backend in backends_of(s3_backends):
        if backend.account_id == account and bucket in backend.buckets:
            return bytes(backend.get_object(bucket, key).value)
    raise KeyError(f"s3://{bucket}/{key}")
