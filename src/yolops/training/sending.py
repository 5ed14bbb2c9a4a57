"""The process that brings a run to MLflow while another one trains.

`python -m yolops.training.sending SPOOL` sends one spool and ends. It is started in the background, goes on when the
training has ended or was killed, and gives way to the training on a busy machine. How it enters MLflow stands in its
environment, which nobody else can read.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from yolops.imports import importing
from yolops.process import start_background
from yolops.running_processes import ProcessIdentity, is_running
from yolops.tracking.spool import Progress, Spool

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

    from yolops.platform.access import Access
    from yolops.tracking.sender import Handler

NICENESS = 10
POLL_S = 0.05
# How long a person is asked to wait for a server that does not answer.
PATIENCE_S = 15.0
# The sender tries again by itself; MLflow's own seven attempts would only hide an outage for minutes.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
MODEL = "model"
REGISTRATION = "registration"
PACKAGES = "packages"


class Senders(Protocol):
    """Bring runs to MLflow while something else goes on."""

    def start(self, spool: Spool) -> ProcessIdentity:
        """Start the sender of a run."""

    def wait(self, spool: Spool, sender: ProcessIdentity, waiting: Callable[[str], None], /) -> bool:
        """Wait until the server has all of an ended run; False when it does not answer."""


class BackgroundSenders:
    """The senders of a real training: a process for each run.

    Args:
        access: how its MLflow is entered.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def start(self, spool: Spool) -> ProcessIdentity:
        """Start the sender of a run in the background."""
        return start_sender(spool, self._access)

    def wait(self, spool: Spool, sender: ProcessIdentity, waiting: Callable[[str], None]) -> bool:
        """Wait for it; see `wait_until_delivered`."""
        return wait_until_delivered(spool, sender, self._access, waiting)


class DeferredSenders:
    """Senders that nobody waits for between one training and the next, only at the end of all.

    Args:
        senders: what does the work.
    """

    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        self._started: dict[Path, tuple[Spool, ProcessIdentity]] = {}

    def start(self, spool: Spool) -> ProcessIdentity:
        """Start the sender of a run."""
        sender = self._senders.start(spool)
        self._started[spool.directory] = spool, sender
        return sender

    def wait(self, _spool: Spool, _sender: ProcessIdentity, _waiting: Callable[[str], None]) -> bool:
        """Go on at once."""
        return True

    def wait_for_all(self, waiting: Callable[[str], None]) -> bool:
        """Wait until the server has all of the runs; False when it does not answer."""
        return all(self._senders.wait(spool, sender, waiting) for spool, sender in self._started.values())


def start_sender(spool: Spool, access: Access) -> ProcessIdentity:
    """Start the sender of a spool in the background; if one is at work already, the new one ends at once.

    Args:
        spool: the run.
        access: how an MLflow is entered; a run that goes to another one is not sent with it.
    """
    command = [sys.executable, "-m", "yolops.training.sending", str(spool.directory)]
    login = access.environment() if spool.intent().tracking_uri == access.tracking_uri else {}
    return start_background(command, log=spool.log_file, env={**ENVIRONMENT, **login})


def wait_until_delivered(spool: Spool, sender: ProcessIdentity, access: Access, waiting: Callable[[str], None]) -> bool:
    """Wait until the server has all of an ended run.

    Args:
        spool: the run.
        sender: its sender; started anew if it died.
        access: how its MLflow is entered.
        waiting: told what is in the way, when something is.

    Returns:
        False when the server does not answer; the sender goes on trying.
    """
    seen, since, restarts = Progress(), time.monotonic(), 0
    while not spool.is_delivered():
        progress = spool.progress()
        if progress != seen:
            if progress.trouble and progress.trouble != seen.trouble:
                waiting(progress.trouble)
            seen, since = progress, time.monotonic()
        if seen.trouble and time.monotonic() - since > PATIENCE_S:
            return False
        # Another sender may be at work, in which case the one that was started has left.
        if not is_running(sender) and not spool.is_locked("sender") and not spool.is_delivered():
            progress = spool.progress()
            if restarts == 2 or progress.gave_up:  # one that was killed is another matter
                return False
            sender, restarts = start_sender(spool, access), restarts + 1
        time.sleep(POLL_S)
    return True


def send_what_waits(spools: list[Spool], access: Access) -> list[tuple[Spool, ProcessIdentity]]:
    """Start the sender of every run that is not delivered and whose training has ended; return both.

    Args:
        spools: the runs of a workspace.
        access: how its MLflow is entered, and where it is now; a local one may have another port than before.
    """
    waiting = []
    for spool in spools:
        if not _is_unsent(spool):
            continue
        if _is_local(access.tracking_uri) and _is_local(spool.intent().tracking_uri):
            spool.move_to(access.tracking_uri)
        if not _is_trained(spool):
            waiting.append((spool, start_sender(spool, access)))
    return waiting


def is_waiting(spool: Spool) -> bool:
    """Return whether a training has ended, MLflow does not have all of it, and nobody is sending it."""
    return _is_unsent(spool) and not _is_trained(spool) and not spool.is_locked("sender")


def _is_unsent(spool: Spool) -> bool:
    # A training that was killed while it made its directory has no spool, and nothing to send.
    return spool.records_file.is_file() and not spool.is_delivered()


def _is_trained(spool: Spool) -> bool:
    owner = spool.owner()
    return owner is not None and is_running(owner)


def _is_local(tracking_uri: str) -> bool:
    return urlsplit(tracking_uri).hostname == "127.0.0.1"


def send(spool: Spool) -> bool:
    """Send one spool in this process; return whether the server has all of it."""
    with importing():
        import mlflow

        from yolops.tracking.mlflow_server import MlflowServer
    from yolops.tracking.sender import Sender, Surroundings
    from yolops.tracking.system_metrics import SystemSampler, machine_monitors

    intent = spool.intent()
    if intent.tracking_uri.startswith("arn:"):
        # AWS's plugin signs for the process's MLflow, not for the client's.
        mlflow.set_tracking_uri(intent.tracking_uri)
    client = mlflow.MlflowClient(intent.tracking_uri, registry_uri=intent.tracking_uri)
    server = MlflowServer(client)
    samplers: list[SystemSampler] = []

    def sample(run_id: str) -> None:
        if _is_trained(spool):
            samplers.append(SystemSampler(server, run_id, intent.started_ms, machine_monitors()))
            samplers[-1].start()

    def server_has_moved() -> bool:
        return spool.intent().tracking_uri != intent.tracking_uri

    world = Surroundings(partial(_is_trained, spool), server_has_moved=server_has_moved)
    try:
        return Sender(spool, server, _handlers(client), world).run(on_run=sample)
    finally:
        for sampler in samplers:
            sampler.stop()


def _handlers(client: MlflowClient) -> dict[str, Handler]:
    """Return what to do with the records that are not the tracking server's, by their kind."""
    with importing():
        from yolops.models.flavor import log_model, register
    from yolops.models.request import ModelRequest, Registration
    from yolops.tracking.mlflow_server import refusals
    from yolops.tracking.provenance import all_packages

    def make_model(experiment_id: str, run_id: str, record: dict[str, object]) -> dict[str, str]:
        with refusals():
            return {"model_id": log_model(client, experiment_id, run_id, ModelRequest.from_record(record))}

    def register_model(experiment_id: str, run_id: str, record: dict[str, object]) -> dict[str, str]:
        wanted = Registration.from_record(record)
        with refusals():
            version = register(client, experiment_id, run_id, wanted)
        return {"name": wanted.name, "version": version, "alias": wanted.alias}

    def list_packages(_experiment_id: str, run_id: str, record: dict[str, object]) -> dict[str, str]:
        # The training runs the same Python, and need not wait while its packages are counted.
        file = f"{record['folder']}/packages.txt"
        with refusals():
            client.log_text(run_id, all_packages(), file)
        return {"file": file}

    return {MODEL: make_model, REGISTRATION: register_model, PACKAGES: list_packages}


def model_of(progress: Progress) -> dict[str, str]:
    """Return what became of the model: `model_id`, and `name`, `version`, `alias` where it was registered."""
    return {**progress.results.get(MODEL, {}), **progress.results.get(REGISTRATION, {})}


def main() -> int:
    """Send the spool that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.nice(NICENESS)
    spool = Spool(Path(sys.argv[1]))
    with spool.locked("sender") as alone:
        if not alone:
            logging.info("another sender is at work")
            return 0
        address = spool.intent().tracking_uri
        if send(spool):
            return 0
        if spool.intent().tracking_uri != address:
            # MLflow's client remembers where the artifacts of a run go; only a new process forgets the old address.
            os.execv(sys.executable, [sys.executable, "-m", "yolops.training.sending", sys.argv[1]])  # noqa: S606 - no shell
        return 1


if __name__ == "__main__":
    sys.exit(main())
