"""The process of the rehearsal, started by `rehearsal.py`: `python -m yolops.rehearsal.server DIRECTORY PORT MODE`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.platform.health import address
from yolops.platform.ports import LOOPBACK
from yolops.rehearsal.environment import enter
from yolops.rehearsal.instance_mode import InstanceMode

if TYPE_CHECKING:
    from yolops.rehearsal.turns import Turns

IMAGES = Path(__file__).with_name("images.json")
# A snapshot is made when nothing has changed for this long, or has changed for so long.
QUIET_S = 1.0
OVERDUE_S = 10.0


@dataclass
class _Saver:
    """Saves what changed, soon, but not in the middle of a busy time.

    Attributes:
        file: the snapshot.
        turns: keeps requests away meanwhile.
    """

    file: Path
    turns: Turns
    saved: int = 0
    seen: int = 0
    first: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)

    def __call__(self) -> None:
        """Save if it is time to."""
        now = time.monotonic()
        if self.turns.changes == self.saved:
            self.first = now
        if self.turns.changes != self.seen:
            self.seen, self.last = self.turns.changes, now
        if self.seen != self.saved and (now - self.last > QUIET_S or now - self.first > OVERDUE_S):
            self.save()

    def save(self) -> None:
        """Save now."""
        from yolops.rehearsal import snapshot

        with self.turns.alone():
            self.saved = self.turns.changes
            try:
                snapshot.save(self.file)
            except Exception:  # noqa: BLE001 - the last good one stays, and the log says why
                traceback.print_exc(file=sys.stderr)


def main() -> None:
    """Serve until SIGTERM."""
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    enter(os.environ, address(port))
    # moto reads these while it is imported.
    os.environ["MOTO_AMIS_PATH"] = str(IMAGES)
    os.environ["MOTO_PORT"] = str(port)
    try:
        serve(directory, port, InstanceMode(sys.argv[3]))
    except YolopsError as error:
        sys.exit(f"{error.message}; try: {error.hint}")


def serve(directory: Path, port: int, mode: InstanceMode) -> None:
    """Serve the simulated AWS of a workspace.

    Args:
        directory: what it keeps.
        port: where it listens, on 127.0.0.1.
        mode: what instances are.
    """
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler
    from werkzeug.serving import make_server

    from yolops.rehearsal import extension, snapshot
    from yolops.rehearsal.aws_names import AwsNames
    from yolops.rehearsal.calls import MissingCalls
    from yolops.rehearsal.certificates import Authority
    from yolops.rehearsal.databases import Databases
    from yolops.rehearsal.gate import Gate
    from yolops.rehearsal.instances import Instances
    from yolops.rehearsal.inventory import inventory, server_of
    from yolops.rehearsal.machines import Machines
    from yolops.rehearsal.mlflow import ManagedMlflow
    from yolops.rehearsal.root_filesystem import RootFilesystem, cache_directory
    from yolops.rehearsal.running_jobs import RunningJobs
    from yolops.rehearsal.steward import Steward
    from yolops.rehearsal.turns import Turns

    class Handler(MotoRequestHandler):  # type: ignore[misc] # moto is not analysed
        def log_request(self, *_: Any) -> None:
            """Say nothing of what went well: the log is read when something did not."""

    managed, turns, machines = ManagedMlflow(address(port)), Turns(), Machines(directory)
    missing = MissingCalls(directory / "unimplemented.jsonl")
    extension.install(managed)
    snapshot.load(directory / "aws.pickle")
    saver = _Saver(directory / "aws.pickle", turns)
    authority = Authority(directory / "certificates")
    databases, jobs = Databases(directory, authority), RunningJobs(directory, address(port), turns)
    gate = Gate(
        DomainDispatcherApplication(extension.create_app),
        missing,
        turns,
        server_of=lambda arn: server_of(machines, arn),
        redeem=managed.tickets.redeem,
        status=lambda: inventory(machines, databases, instances, jobs, missing) | {"settled": steward.settled},
        interrupt=jobs.interrupt,
    )
    names = AwsNames(gate, authority, Handler) if mode is InstanceMode.CONTAINER else None
    images = RootFilesystem(cache_directory(), lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    instances = None if names is None else Instances(directory, authority, images, names.port)
    steward = Steward(machines, databases, instances, jobs, turns, saver)
    server = make_server(LOOPBACK, port, gate, threaded=True, request_handler=Handler)
    server.daemon_threads = True  # type: ignore[attr-defined] # of the threaded server

    def end() -> None:
        # While it still answers: they bring their last lines and checkpoints here.
        jobs.stop()
        server.shutdown()

    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end).start())
    if names is not None:
        names.start()
    steward.start()
    try:
        server.serve_forever()
    finally:
        steward.stop()
        if names is not None:
            names.stop()
        saver.save()


if __name__ == "__main__":
    main()
