"""Keeps the real servers in step with the simulated AWS: what AWS says should run does, and what runs AWS says."""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING, Any

from moto.sagemaker.models import sagemaker_backends

from yolops.rehearsal import mlflow
from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.boot_events import BootEvents
from yolops.rehearsal.databases import PORT as DATABASE_PORT
from yolops.rehearsal.databases import wanted_databases
from yolops.rehearsal.instances import wanted_instances
from yolops.rehearsal.machines import Machine, Phase
from yolops.rehearsal.resources import kept
from yolops.rehearsal.stand_ins import stand_ins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yolops.rehearsal.databases import Databases
    from yolops.rehearsal.instances import Instances
    from yolops.rehearsal.machines import Machines
    from yolops.rehearsal.resources import Resource
    from yolops.rehearsal.running_jobs import RunningJobs
    from yolops.rehearsal.turns import Turns

POLL_S = 0.2


class Reconciler:
    """Does what has to be done, again and again, until it is told to stop.

    Args:
        machines: the real MLflow servers.
        databases: the real databases.
        instances: the real instances; None where a process stands in for one.
        jobs: the training jobs that run.
        turns: keeps others from changing the simulated AWS while it is looked at.
        afterwards: what else is done each time.

    Attributes:
        settled: whether every server that should run does, or has failed.
    """

    def __init__(
        self,
        machines: Machines,
        databases: Databases,
        instances: Instances | None,
        jobs: RunningJobs,
        turns: Turns,
        afterwards: Callable[[], object],
    ) -> None:
        self._machines = machines
        self._databases = databases
        self._instances = instances
        self._jobs = jobs
        self._turns = turns
        self._afterwards = afterwards
        self._events = BootEvents()
        self._seen = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler")
        self.settled = False

    def start(self) -> None:
        """Begin."""
        if self._instances is not None:
            self._instances.start()
        self._jobs.start()
        self._thread.start()

    def stop(self) -> None:
        """End every server, and then itself."""
        self._stop.set()
        self._thread.join()
        self._machines.converge([])
        if self._instances is not None:
            self._instances.stop()
        self._databases.stop()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except Exception:  # noqa: BLE001 - one bad round must not be the last one
                traceback.print_exc()
            self._stop.wait(POLL_S)

    def _step(self) -> None:
        if self._seen != self._turns.changes:
            with self._turns.alone():
                self._seen = self._turns.changes
                managed_ones = list(_managed_machines())
                databases, instances = list(wanted_databases()), list(wanted_instances())
                self._jobs.converge()
            self._databases.converge(databases)
            reached = {item["host"]: item["local_port"] for item in self._databases.inventory()}
            in_place = [] if self._instances is not None else list(stand_ins(reached, self._databases.authorities))
            self._machines.converge([*managed_ones, *in_place])
            if self._instances is not None:
                services = {host: (DATABASE_PORT, port) for host, port in reached.items()}
                self._instances.converge(instances, services)
        self._machines.look()
        if self._instances is not None:
            self._instances.look()
        phases = self._machines.phases()
        with self._turns.alone():
            if _settle(self._machines):
                self._turns.changed()
            if self._instances is None:
                self._events.report(self._machines)
        booted = self._instances is None or self._instances.settled()
        self.settled = booted and Phase.STARTING not in phases.values() and self._seen == self._turns.changes
        self._afterwards()


def machine_name(arn: str) -> str:
    """Return the name of the machine that serves a tracking server or app."""
    return f"mlflow/{arn.rpartition('/')[2]}"


def managed() -> Iterator[tuple[Resource, dict[tuple[str, ...], Resource], tuple[str, ...]]]:
    """Yield every tracking server and app, with where and under which key it is kept."""
    for backend in backends_of(sagemaker_backends):
        for kind in (mlflow.TRACKING_SERVER, mlflow.APP):
            resources = kept(backend, kind.name)
            for key, resource in list(resources.items()):
                yield resource, resources, key


def _managed_machines() -> Iterator[Machine]:
    for resource, _, _ in managed():
        if resource.fields["Status"] in mlflow.RUNNING:
            # The client of a managed server writes artifacts to S3 itself.
            root = ("--default-artifact-root", str(resource.fields["ArtifactStoreUri"]), "--no-serve-artifacts")
            yield Machine(machine_name(resource.arn), root)


def _settle(machines: Machines) -> bool:
    """Move every status on to what can be seen by now, and return whether any moved."""
    moved = False
    phases = machines.phases()
    for resource, resources, key in managed():
        name = machine_name(resource.arn)
        status: Any = resource.fields["Status"]
        phase = phases.get(name)
        if status == mlflow.DELETING and phase is None:
            machines.forget(name)
            del resources[key]
        elif phase is Phase.FAILED and status in mlflow.FAILED:
            resource.fields["Status"] = mlflow.FAILED[status]
        elif status in mlflow.REACHED and phase is (None if status == "Stopping" else Phase.RUNNING):
            resource.fields["Status"] = mlflow.REACHED[status]
        else:
            continue
        moved = True
    if moved:
        mlflow.settle_stacks()
    return moved
