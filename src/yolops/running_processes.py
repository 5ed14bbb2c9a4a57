"""Processes that run, also those of a command that has long ended: found again, asked, ended.

A process started in the background outlives the command that started it, so nothing but its number and the moment it
was created identify it later (`ProcessIdentity`): numbers are used again. Whatever such a process starts inherits the
mark `YOLOPS_BACKGROUND`, by which even the children of a process that was killed are found and ended.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from yolops.errors import YolopsError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

MARK = "YOLOPS_BACKGROUND"

# Creation times are kept to 10 ms on Linux; the rest is room for a clock that was set in between.
SAME_MOMENT_S = 2.0
# For a tidy end, and for SIGKILL: a process in an uninterruptible disk wait ends only when the disk answers.
KILL_PATIENCE_S = 5.0
POLL_S = 0.05
# A program that begins shows neither arguments nor environment until Linux has laid both into its new memory.
_BEGINNING_S, _LOOK_S = 0.02, 0.001

# Children of this very process must be waited for, or they stay as zombies until it ends; each keeps its exit code.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class ProcessIdentity:
    """One process, also after this command has ended and its number was given to another.

    Attributes:
        pid: its number.
        started: when it was created, in seconds since the epoch.
    """

    pid: int
    started: float


def keep(child: subprocess.Popen[bytes]) -> ProcessIdentity:
    """Take charge of a child of this very process, and return its identity."""
    _children[child.pid] = child
    return ProcessIdentity(child.pid, psutil.Process(child.pid).create_time())


def is_running(identity: ProcessIdentity) -> bool:
    """Return whether this very process still runs (a zombie, or another process with its number, does not count)."""
    return _living(identity) is not None


def this_process() -> ProcessIdentity:
    """Return the process of this very command."""
    return ProcessIdentity(os.getpid(), psutil.Process().create_time())


def programs_in(directory: Path) -> dict[ProcessIdentity, str]:
    """Return every running process that works in a directory, with the name or path it was started by."""
    where = str(directory.resolve())
    found: dict[ProcessIdentity, str] = {}
    for process in psutil.process_iter():
        try:
            if process.cwd() == where and (identity := _identity(process)) is not None:
                found[identity] = (process.cmdline() or [""])[0]
        except (psutil.Error, OSError):
            continue
    return found


def exit_code(identity: ProcessIdentity) -> int | None:
    """Return how a background process that this very command started has ended; None while it runs."""
    child = _children.get(identity.pid)
    return None if child is None else child.poll()


def interrupt(identity: ProcessIdentity) -> None:
    """Send a process what Ctrl-C would send it; nothing happens if it has ended."""
    process = _living(identity)
    if process is not None:
        _signal([process], signal.SIGINT)


def ask_to_end(identity: ProcessIdentity) -> None:
    """Ask a process to end, and nothing it started; nothing happens if it has ended."""
    process = _living(identity)
    if process is not None:
        _signal([process], signal.SIGTERM)


def children(identity: ProcessIdentity) -> list[ProcessIdentity]:
    """Return the processes that a process has started itself and that still run."""
    process = _living(identity)
    try:
        found = [] if process is None else process.children()
    except psutil.Error:
        return []
    return [child for item in found if (child := _identity(item)) is not None]


def find_background(log: Path) -> list[ProcessIdentity]:
    """Return every running process that was started with this log (or one in this directory), or by such a process."""
    mark = str(log.resolve())
    marked = [process for process in psutil.process_iter() if _is_below(_mark(process), mark)]
    return [identity for process in marked if (identity := _identity(process)) is not None]


def listens_on(identity: ProcessIdentity, port: int) -> bool:
    """Return whether this process, or one it started, accepts TCP connections on a port.

    It is asked first itself: for each process that is asked the system lists the connections of all.
    """
    leader = _living(identity)
    if leader is not None and port in _listening_ports(leader):
        return True
    return any(port in _listening_ports(process) for process in _members(identity))


def stop(identity: ProcessIdentity, patience_s: float) -> None:
    """End a process and everything it started: ask first, then kill what is left.

    Args:
        identity: the process; if it ended already, what it left behind is ended.
        patience_s: seconds it may take to end by itself.

    Raises:
        YolopsError: something of it cannot be ended.
    """
    left = _end(_members(identity), patience_s)
    # What was started while the rest was ending.
    left += _end(_members(identity), 0.0)
    if left:
        raise _unkillable(left[0].pid)


def end_tree(pid: int) -> None:
    """End a child of this very process and everything it started, as far as that can be ended."""
    _end(_tree(pid), KILL_PATIENCE_S)


def kill(identity: ProcessIdentity) -> None:
    """End a process and everything it started without asking.

    Raises:
        YolopsError: something of it cannot be ended.
    """
    members = _members(identity)
    _signal(members, signal.SIGKILL)
    if left := _wait_gone(members, KILL_PATIENCE_S):
        raise _unkillable(left[0].pid)


def _unkillable(pid: int) -> YolopsError:
    return YolopsError(f"process {pid}: cannot be ended", f"end it yourself: kill -9 {pid}, perhaps as its owner")


def _living(identity: ProcessIdentity) -> psutil.Process | None:
    _reap(identity.pid)
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started) < SAME_MOMENT_S
    except psutil.Error:
        return None
    return process if same and _is_alive(process) else None


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _identity(process: psutil.Process) -> ProcessIdentity | None:
    try:
        return ProcessIdentity(process.pid, process.create_time()) if _is_alive(process) else None
    except psutil.Error:
        return None


def _mark(process: psutil.Process) -> str | None:
    """Return the log a process was started with; None for those of other people, whose environment is not ours."""
    try:
        deadline = time.monotonic() + _BEGINNING_S
        while not (environment := process.environ()) and process.exe() and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
    except (psutil.Error, OSError):
        return None
    return environment.get(MARK)


def _is_below(mark: str | None, path: str) -> bool:
    return mark is not None and (mark == path or mark.startswith(path + os.sep))


def _members(identity: ProcessIdentity) -> list[psutil.Process]:
    """Return a background process, its descendants, and what those left behind in its session when it died."""
    leader = _living(identity)
    members = _tree(identity.pid) if leader is not None else []
    for process in psutil.process_iter():
        if process not in members and _session(process.pid) == identity.pid and _mark(process) is not None:
            members.append(process)
    return [process for process in members if _is_alive(process)]


def _listening_ports(process: psutil.Process) -> set[int]:
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {item.laddr.port for item in connections if item.status == psutil.CONN_LISTEN}


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _signal(processes: Sequence[psutil.Process], *signals: signal.Signals) -> None:
    for process in processes:
        for number in signals:
            try:
                process.send_signal(number)
            except psutil.Error:
                break


def _end(processes: Sequence[psutil.Process], patience_s: float) -> list[psutil.Process]:
    """Ask processes to end, kill those that did not in time, and return those that even that did not end."""
    # A stopped process (SIGSTOP, Ctrl-Z) hears nothing until it is continued.
    _signal(processes, signal.SIGTERM, signal.SIGCONT)
    left = _wait_gone(processes, patience_s)
    _signal(left, signal.SIGKILL)
    return _wait_gone(left, KILL_PATIENCE_S)


def _wait_gone(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return those still alive after some seconds; psutil's own wait would count zombies as alive."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    for process in processes:
        _reap(process.pid)
    return left


def _reap(pid: int) -> None:
    """Take note that a child of this very process has ended, if it has."""
    if (child := _children.get(pid)) is not None:
        child.poll()
