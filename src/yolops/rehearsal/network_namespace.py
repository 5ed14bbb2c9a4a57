"""A network namespace without a name: it lives as long as one process, so nothing of it can be left behind."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from yolops import process, running_processes
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable

CLONE_NEWNET = 0x40000000
PATIENCE_S = 20.0
POLL_S = 0.01
# Ends when it is told to, and with it everything in the namespace.
HOLD = "ip link set lo up && echo 1 > /proc/sys/net/ipv4/ip_forward && exec sleep infinity"


class NetworkNamespace:
    """A namespace, held by a process of its own.

    Args:
        log: what that process says, and the mark it is found by.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._holder: running_processes.ProcessIdentity | None = None

    @property
    def path(self) -> str:
        """The file by which programs find it."""
        assert self._holder is not None  # noqa: S101 - it was opened
        return f"/proc/{self._holder.pid}/ns/net"

    def open(self) -> None:
        """Make it.

        Raises:
            YolopsError: this user may not.
        """
        own = str(Path("/proc/self/ns/net").readlink())
        argv = ["unshare", "--net", "sh", "-euc", HOLD]
        self._holder = process.start_background(argv, log=self._log)
        wait_for(lambda: _other(self.path, own), f"the network namespace was not made; read {self._log}")

    def command(self, *argv: str) -> list[str]:
        """Return a command such that it runs in the namespace."""
        return ["nsenter", f"--net={self.path}", *argv]

    def do(self, *argv: str) -> str:
        """Run a command in the namespace and return what it printed.

        Raises:
            YolopsError: it failed.
        """
        done = process.run(self.command(*argv), timeout=PATIENCE_S)
        if done.returncode != 0:
            raise YolopsError(f"{' '.join(argv)}: {done.stderr.strip()}", f"read {self._log}")
        return done.stdout

    def tcp_socket(self) -> socket.socket:
        """Return a socket that belongs to the namespace, whoever uses it."""
        made: list[socket.socket] = []
        # A thread that ends: no other thread of this process must find itself in the namespace.
        thread = threading.Thread(target=lambda: made.append(_socket_in(self.path)))
        thread.start()
        thread.join()
        if not made:
            raise OSError(f"{self.path}: no socket can be made there")
        return made[0]

    def close(self) -> None:
        """End it."""
        if self._holder is not None:
            running_processes.stop(self._holder, 0.0)
            self._holder = None


def _socket_in(path: str) -> socket.socket:
    namespace = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"{path} cannot be entered")
    finally:
        os.close(namespace)
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def _other(path: str, own: str) -> bool:
    try:
        return str(Path(path).readlink()) != own
    except OSError:
        return False


def wait_for(check: Callable[[], bool], message: str) -> None:
    """Wait until something is so.

    Raises:
        YolopsError: it takes too long.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not check():
        if time.monotonic() >= deadline:
            raise YolopsError(message, "yolops rehearsal stop, then try again")
        time.sleep(POLL_S)
