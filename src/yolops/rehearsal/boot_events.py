"""Says in simulated CloudWatch Logs how far a server is for which a process stands in, as an instance itself would."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.logs.models import logs_backends

from yolops.rehearsal.addresses import reachable
from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.instance_metadata import user_data
from yolops.rehearsal.machines import Phase
from yolops.rehearsal.mariadb import PACKAGE, is_installed
from yolops.rehearsal.server_files import SETTINGS, written_files
from yolops.rehearsal.stand_ins import INSTANCES

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend

    from yolops.rehearsal.machines import Machines

# The words of `boot_report.py` on an instance.
WORDS = {Phase.STARTING: "starting", Phase.RUNNING: "ready", Phase.FAILED: "failed"}


class BootEvents:
    """Remembers what was said, so that nothing is said twice."""

    def __init__(self) -> None:
        self._told: dict[str, Phase] = {}

    def report(self, machines: Machines) -> None:
        """Say what has changed."""
        phases = machines.phases()
        for backend in backends_of(ec2_backends):
            for instance, _ in reachable(backend):
                name = f"{INSTANCES}/{instance.id}"
                phase = phases.get(name)
                if phase is not None and self._told.get(name) is not phase:
                    self._told[name] = phase
                    files = written_files(user_data(instance))
                    reason = _reason(machines, name) if phase is Phase.FAILED else ""
                    _put(backend, json.loads(files[SETTINGS])["log_group"], f"boot/{instance.id}", WORDS[phase], reason)


def _reason(machines: Machines, name: str) -> str:
    if not is_installed():
        return f"MariaDB is not installed on this machine: apt-get install {PACKAGE}"
    return machines.last_words(name)


def _put(backend: EC2Backend, group: str, stream: str, phase: str, reason: str) -> None:
    logs = logs_backends[backend.account_id][backend.region_name]
    if group in logs.groups:
        logs.ensure_log_stream(group, stream)
        message = json.dumps({"phase": phase, "reason": reason, "seconds": 0})
        logs.put_log_events(group, stream, [{"timestamp": int(time.time() * 1000), "message": message}])
