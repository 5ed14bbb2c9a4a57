"""Serves MLflow: imports it once, prepares the start, and has as many processes as the settings say serve it.

uvicorn alone would have each process import MLflow for itself, and so would a preparation beforehand: seconds of
computing each, and a hundred megabytes. Here all are forked from one process that has imported it and done nothing
else: it has no thread, no connection and no lock that a fork could break. The one that prepares the start is forked in
the middle of the import, so that the database makes new tables meanwhile.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from yolops_server import prepare
from yolops_server.settings import fetch_secret, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.context import ForkProcess

    from yolops_server.settings import Settings

FORK = multiprocessing.get_context("fork")
# A process that ends by itself is replaced, but not as fast as it can fail.
PAUSE_S = 1.0
KEEP_ALIVE_S, GRACEFUL_SHUTDOWN_S = 75, 20
WAITING_CONNECTIONS = 2048
# Before it accepts one more, a process waits so long for each that it has: as long as another needs to be quicker.
WAIT_PER_CONNECTION_S, MOST_WAIT_S = 0.0005, 0.005
# MLflow's migrations need the first of these; both together are what its server imports.
FOR_TABLES = ("alembic.command", "pymysql", "mlflow.store.db.utils")
FOR_SERVING = ("mlflow.server.auth", "mlflow.server.fastapi_app", "uvicorn")
TOLD = (signal.SIGTERM, signal.SIGINT)


class Listener(socket.socket):
    """A socket of which all processes accept connections, each of them one at a time.

    Connections are kept, so a process that took all that come together would do alone what they should share. asyncio
    accepts as many at once as it lets wait; here these are two numbers, and who has fewer connections is quicker.
    """

    def __init__(self) -> None:
        # Of what is accepted here asyncio switches Nagle's algorithm off only if the protocol is named. With it, the
        # body of an answer waits until its head is acknowledged, which a client puts off for 40 ms.
        super().__init__(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._accepted: WeakSet[socket.socket] = WeakSet()

    def listen(self, _: int = 0) -> None:
        """Let connections wait, however few are accepted at once."""
        super().listen(WAITING_CONNECTIONS)

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection; raises what says that there is none if another process was quicker."""
        time.sleep(min(len(self._accepted) * WAIT_PER_CONNECTION_S, MOST_WAIT_S))
        accepted, address = super().accept()
        self._accepted.add(accepted)
        return accepted, address


class Workers:
    """Processes that do the same.

    Args:
        count: how many.
        work: what each does, until it is told to end.
    """

    def __init__(self, count: int, work: Callable[[], object]) -> None:
        self._count = count
        self._work = work
        self._running: list[ForkProcess] = []
        self._ending = False

    def run(self) -> None:
        """Keep them running until this process is told to end, which each of them is told then."""
        for number in TOLD:
            signal.signal(number, lambda *_: self._end())
        while not self._ending:
            while len(self._running) < self._count and not self._ending:
                process = FORK.Process(target=self._start)
                process.start()
                self._running.append(process)
            # Not for ever: one that was being started when this process was told to end has not been told.
            wait([process.sentinel for process in self._running], PAUSE_S)
            for process in [process for process in self._running if not process.is_alive()]:
                print(f"process {process.pid} ended ({process.exitcode})", flush=True)
                self._running.remove(process)
                if not self._ending:
                    time.sleep(PAUSE_S)
        self._end()
        for process in self._running:
            process.join()

    def _start(self) -> None:
        for number in TOLD:
            signal.signal(number, signal.SIG_DFL)
        if not self._ending:  # told before it could be ended by that
            self._work()

    def _end(self) -> None:
        self._ending = True
        for process in self._running:
            process.terminate()


def import_all(names: Iterable[str]) -> None:
    """Import modules of MLflow, and of what it needs."""
    for name in names:
        importlib.import_module(name)


def prepare_start() -> None:
    """Prepare the start; what serves is imported while the database makes the tables."""
    threading.Thread(target=import_all, args=(FOR_SERVING,)).start()
    prepare.main()


def serve(listener: Listener) -> None:
    """Serve MLflow in this process."""
    import uvicorn

    config = uvicorn.Config(
        "yolops_server.application:create_app",
        factory=True,
        access_log=False,
        log_level="warning",
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
        backlog=1,  # see Listener
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
    )
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """Serve until the end; a start that cannot be prepared ends at once, and systemd tries again if that may help."""
    # Importing makes objects by the hundred thousand that all stay: looking for garbage is a quarter of its time.
    gc.disable()
    settings = read_settings()
    try:
        prepare.write_users_file(settings)
        os.environ.update(prepare.environment(settings, fetch_secret(settings)))
        import_all(FOR_TABLES)
        # In a process of its own, so that neither its connections nor the administrator's password are in those that
        # serve. New tables wait for the disk of the database, which the rest of the import does not.
        preparation = FORK.Process(target=prepare_start)
        preparation.start()
        import_all(FOR_SERVING)
    except Exception as error:  # noqa: BLE001 - whatever it is, systemd tries again
        prepare.give_up(settings, error)
    # What is there now is shared as long as nobody writes to it, which collecting garbage would.
    gc.freeze()
    gc.enable()
    preparation.join()
    if preparation.exitcode:
        sys.exit(prepare.REFUSED if preparation.exitcode == prepare.REFUSED else 1)
    listener = socket_of(settings)
    Workers(settings.workers, lambda: serve(listener)).run()


def socket_of(settings: Settings) -> Listener:
    """Return what listens at the inner port, of 127.0.0.1 alone."""
    listener = Listener()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", settings.inner_port))
    listener.listen()
    return listener


if __name__ == "__main__":
    main()
