"""A program that is started again whenever it ends, as systemd and RDS do it, and that can be killed and paused."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from yolops import process, running_processes
from yolops.running_processes import ProcessIdentity

POLL_S, STOP_PATIENCE_S = 0.1, 20.0


@dataclass
class Kept:
    """One program.

    Args:
        argv: the program and its arguments.
        cwd: where it runs.
        log: what it says.
        env: what is added to its environment.
        identity: the process, if it runs already.
    """

    argv: Sequence[str]
    cwd: Path
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    identity: ProcessIdentity | None = None
    starts: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _may_start: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def keep(self) -> None:
        """Begin to start it whenever it does not run."""
        self._thread = threading.Thread(target=self._keep, name=f"keeper of {self.cwd.name}")
        self._thread.start()

    def stop(self) -> None:
        """End it for good."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self.identity is not None:
            running_processes.stop(self.identity, STOP_PATIENCE_S)

    def kill(self, seconds: float) -> int:
        """Kill it (SIGKILL), and keep it down for some seconds; return how many processes were killed."""
        with self._may_start:
            killed = self._signal(signal.SIGKILL)
            wait_until(lambda: not self.runs(), 10)
            time.sleep(seconds)
        return killed

    def pause(self) -> int:
        """Stop it in the middle of whatever it does (SIGSTOP); return how many processes were stopped."""
        self._signal(signal.SIGSTOP)
        processes = self._processes()
        # One that waits for the disk stops when the disk has answered.
        wait_until(lambda: all(item.status() == psutil.STATUS_STOPPED for item in processes), 10)
        return len(processes)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def runs(self) -> bool:
        """Return whether it runs."""
        return self.identity is not None and running_processes.is_running(self.identity)

    def _keep(self) -> None:
        while not self._ended.wait(POLL_S):
            with self._may_start:
                if not self.runs():
                    self.identity = process.start_background(self.argv, log=self.log, env=self.env, cwd=self.cwd)
                    self.starts += 1

    def _processes(self) -> list[psutil.Process]:
        if self.identity is None or not self.runs():
            return []
        leader = psutil.Process(self.identity.pid)
        with suppress(psutil.Error):
            return [leader, *leader.children(recursive=True)]
        return [leader]

    def _signal(self, number: signal.Signals) -> int:
        sent = 0
        for item in self._processes():
            with suppress(psutil.Error):
                item.send_signal(number)
                sent += 1
        return sent


def wait_until(check: Callable[[], bool], seconds: float, what: Callable[[], str] = lambda: "") -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s {what()}"
        time.sleep(POLL_S)
