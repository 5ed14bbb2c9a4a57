"""What there is in the simulated AWS that a person would ask for, and which server is behind an ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends
from moto.s3.models import s3_backends

from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.reconciler import machine_name, managed
from yolops.rehearsal.stand_ins import INSTANCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.rehearsal.calls import MissingCalls
    from yolops.rehearsal.databases import Databases
    from yolops.rehearsal.instances import Instances
    from yolops.rehearsal.machines import Machines
    from yolops.rehearsal.running_jobs import RunningJobs


def inventory(
    machines: Machines, databases: Databases, instances: Instances | None, jobs: RunningJobs, missing: MissingCalls
) -> dict[str, Any]:
    """Return what is there, for `yolops rehearsal status`."""
    return {
        "buckets": [bucket.name for backend in backends_of(s3_backends) for bucket in list(backend.buckets.values())],
        "instances": _instances({} if instances is None else instances.inventory()),
        "databases": databases.inventory(),
        "mlflow": _servers(machines),
        "jobs": jobs.inventory(),
        "unimplemented": missing.counts(),
    }


def _servers(machines: Machines) -> list[dict[str, Any]]:
    managed_ones = [
        {
            "name": resource.fields.get("TrackingServerName") or resource.fields.get("Name"),
            "status": resource.fields["Status"],
            "tracking_uri": resource.arn,
            "url": machines.url(machine_name(resource.arn)),
        }
        for resource, _, _ in managed()
    ]
    on_instances = [
        {
            "name": name.rpartition("/")[2],
            "status": phase.value,
            "tracking_uri": machines.url(name),
            "url": machines.url(name),
        }
        for name, phase in machines.phases().items()
        if name.startswith(INSTANCES)
    ]
    return managed_ones + on_instances


def _instances(booted: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": instance.id,
            "state": instance.state,
            "address": instance.public_ip,
            **(booted.get(instance.id) or {"boot": None, "log": None}),
        }
        for backend in backends_of(ec2_backends)
        for reservation in list(backend.reservations.values())
        for instance in reservation.instances
        if instance.state != "terminated"
    ]


def server_of(machines: Machines, arn: str) -> str | None:
    """Return the address of the server behind an ARN: None if there is no such ARN, "" if it does not answer."""
    if all(resource.arn != arn for resource, _, _ in managed()):
        return None
    return machines.url(machine_name(arn)) or ""
