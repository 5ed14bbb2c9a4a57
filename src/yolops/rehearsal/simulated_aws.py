"""The simulated AWS of a workspace, put together: moto with what it lacks, and what really runs behind it."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler
from werkzeug.serving import make_server

from yolops.platform.health import address
from yolops.platform.ports import LOOPBACK
from yolops.rehearsal import extension, snapshot
from yolops.rehearsal.aws_names import AwsNames
from yolops.rehearsal.calls import MissingCalls
from yolops.rehearsal.certificates import Authority
from yolops.rehearsal.databases import Databases
from yolops.rehearsal.gate import Gate
from yolops.rehearsal.instance_mode import InstanceMode
from yolops.rehearsal.instances import Instances
from yolops.rehearsal.inventory import inventory, server_of
from yolops.rehearsal.log import log
from yolops.rehearsal.machines import Machines
from yolops.rehearsal.mlflow import ManagedMlflow
from yolops.rehearsal.reconciler import Reconciler
from yolops.rehearsal.root_filesystem import RootFilesystem, cache_directory
from yolops.rehearsal.running_jobs import RunningJobs
from yolops.rehearsal.saver import Saver
from yolops.rehearsal.turns import Turns

if TYPE_CHECKING:
    from pathlib import Path


class _Handler(MotoRequestHandler):  # type: ignore[misc] # moto is not analysed
    def log_request(self, *_: Any) -> None:
        """Say nothing of what went well: the log is read when something did not."""


class SimulatedAws:
    """Serves on 127.0.0.1.

    Args:
        directory: what it keeps.
        port: where it listens.
        mode: what instances are.
    """

    def __init__(self, directory: Path, port: int, mode: InstanceMode) -> None:
        managed, turns = ManagedMlflow(address(port)), Turns()
        extension.install(managed)
        snapshot.load(directory / "aws.pickle")
        authority = Authority(directory / "certificates")
        self._machines = Machines(directory)
        self._missing = MissingCalls(directory / "unimplemented.jsonl")
        self._saver = Saver(directory / "aws.pickle", turns)
        self._databases = Databases(directory, authority)
        self._jobs = RunningJobs(directory, address(port), turns)
        gate = Gate(
            DomainDispatcherApplication(extension.create_app),
            self._missing,
            turns,
            server_of=lambda arn: server_of(self._machines, arn),
            redeem=managed.tickets.redeem,
            status=self._status,
            interrupt=self._jobs.interrupt,
        )
        self._names = AwsNames(gate, authority, _Handler) if mode is InstanceMode.CONTAINER else None
        images = RootFilesystem(cache_directory(), log)
        self._instances = None if self._names is None else Instances(directory, authority, images, self._names.port)
        self._reconciler = Reconciler(self._machines, self._databases, self._instances, self._jobs, turns, self._saver)
        self._server = make_server(LOOPBACK, port, gate, threaded=True, request_handler=_Handler)

    def serve(self) -> None:
        """Serve until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=self._end).start())
        if self._names is not None:
            self._names.start()
        self._reconciler.start()
        try:
            self._server.serve_forever()
        finally:
            self._reconciler.stop()
            if self._names is not None:
                self._names.stop()
            self._saver.save()

    def _end(self) -> None:
        # While it still answers: they bring their last lines and checkpoints here.
        self._jobs.stop()
        self._server.shutdown()

    def _status(self) -> dict[str, Any]:
        seen = inventory(self._machines, self._databases, self._instances, self._jobs, self._missing)
        return seen | {"settled": self._reconciler.settled}
