"""Does what takes long in a process of its own, so that no request waits: a backup, a restore, the trial of an upgrade.

When memory is short, this process is ended and not what serves, which then says so in its place.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from yolops_server.backup_status import State, Status

if TYPE_CHECKING:
    from collections.abc import Callable

# Linux ends the process with the highest score first (proc_pid_oom_score_adj(5)); its children have the same. It is set
# before Python starts, which is a good part of the memory. Other systems have no score, and only say so.
FIRST_TO_END = 'echo 1000 >/proc/self/oom_score_adj; exec "$@"'
KILLED = (
    "its process was killed, as it is before the server when memory is short: try again, or set a larger "
    "ec2_instance_type"
)


def start(status: Status, module: str, *arguments: str, clean: Callable[[], object] = lambda: None) -> None:
    """Have a process do it.

    Args:
        status: how far it is; from now on the process itself writes that.
        module: the module of this package that does it.
        arguments: its arguments.
        clean: removes what it has made, if it is killed.
    """
    status.say("starting")
    command = ["sh", "-c", FIRST_TO_END, "sh", sys.executable, "-m", f"yolops_server.{module}", *arguments]
    child = subprocess.Popen(command)
    threading.Thread(target=_see_end, args=(child, status, clean), daemon=True).start()


def _see_end(child: subprocess.Popen[bytes], status: Status, clean: Callable[[], object]) -> None:
    # What ends otherwise has said how.
    if child.wait() == -signal.SIGKILL:
        try:
            clean()
        finally:
            status.end(State.FAILED, error=KILLED)
