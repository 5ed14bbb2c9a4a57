"""What a rehearsal has written down is whole after a write that failed: every later start reads it."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from yolops.platform.workspace import Workspace
from yolops.rehearsal.calls import Call, MissingCalls
from yolops.rehearsal.instance_mode import InstanceMode
from yolops.rehearsal.rehearsal import Rehearsal
from yolops.rehearsal.steady_port import steady_port


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_port_that_cannot_be_written_down_leaves_the_former_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        former = str(taken.getsockname()[1])
        (tmp_path / "port").write_text(former)
        with pytest.raises(OSError, match="File too large"), full_disk():
            steady_port(tmp_path / "port")
    assert (tmp_path / "port").read_text() == former


def test_a_start_on_a_full_disk_leaves_what_instances_are(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create_state()
    mode = workspace.simulated() / "instances.mode"
    mode.parent.mkdir()
    mode.write_text("process")
    with pytest.raises(OSError, match="File too large"), full_disk():
        Rehearsal(workspace).start(InstanceMode.PROCESS)
    assert mode.read_text() == "process"


def test_of_the_calls_that_were_missing_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "unimplemented.jsonl"
    call = Call("ec2", "DescribeHosts", "ec2", reads=True)
    MissingCalls(file).add(call, "not implemented")
    with file.open("a") as stream:
        stream.write('{"at": "2026-01-02T03:')
    [counted] = MissingCalls(file).counts()
    assert (counted["action"], counted["count"]) == ("DescribeHosts", 1)
