"""A limit of memory as systemd sets one, by a control group: only root on Linux may make one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Takes memory once it is told to, says so, and keeps it.
TAKE = "import sys; sys.stdin.readline(); taken = b'x' * int(sys.argv[1]); print(flush=True); sys.stdin.read()"


def groups() -> tuple[Path, str] | None:
    """Return where this machine limits memory, and the name of the limit there; None if we may not."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return None
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup" and {"memory", "rw"} <= {*options.split(",")}:
            return Path(place), "memory.limit_in_bytes"
        if kind == "cgroup2" and "memory" in Path(place, "cgroup.subtree_control").read_text().split():
            return Path(place), "memory.max"
    return None


@contextmanager
def limited(pid: int, most: int, taken: int = 0) -> Iterator[None]:
    """Limit what a process and those that it starts take from now on; what it has already does not count.

    Args:
        pid: the process.
        most: in bytes.
        taken: how many bytes something else has beside that. To Linux a score is worth a part of the limit when it
            chooses what it ends, so the limit must be more than what is to stay has.
    """
    found = groups()
    assert found is not None
    place, name = found
    group = place / f"yolops-test-{pid}"
    group.mkdir()
    try:
        (group / name).write_text(str(most + taken))
        (group / "cgroup.procs").write_text(str(pid))
        with _taken(group, taken):
            yield
    finally:
        for left in (group / "cgroup.procs").read_text().split():
            (place / "cgroup.procs").write_text(left)
        group.rmdir()


@contextmanager
def _taken(group: Path, size: int) -> Iterator[None]:
    command = [sys.executable, "-c", TAKE, str(size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        (group / "cgroup.procs").write_text(str(process.pid))
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        yield
        process.stdin.close()
