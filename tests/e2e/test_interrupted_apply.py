"""An apply that was interrupted goes on, and a state that is lost is found again: neither loses a run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.rehearsal import PROJECT, REGION, Rehearsed

pytestmark = pytest.mark.timeout(1500)
# Both modes when `make faults` says so.
MODES = ["studio", "custom"] if "YOLOPS_FAULTS" in os.environ else ["studio"]


@pytest.fixture
def workspace(tmp_path: Path, provider: dict[str, str]) -> Iterator[Rehearsed]:
    rehearsed = Rehearsed(tmp_path, provider).without_booting()
    yield rehearsed
    rehearsed.yolops("rehearsal", "reset")


def test_up_goes_on_after_ctrl_c_while_the_database_was_being_created(workspace: Rehearsed) -> None:
    workspace("init", "--mode", "custom", "--project", PROJECT, "--region", REGION, "--yes")
    process = workspace.start("up", "--yes")
    assert process.stderr is not None
    for line in process.stderr:
        if "aws_db_subnet_group" in line and "created" in line:
            break
    time.sleep(5)  # nothing is said of what is only begun
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130, rest[-3000:]

    assert "only a part of this platform is there" in workspace("runs", "list", code=1)
    assert "was being created when an apply was interrupted" in workspace("up", "--yes", "--no-wait")
    assert workspace.json("plan")["empty"], workspace("plan")


@pytest.mark.parametrize("mode", MODES)
def test_recover_and_up_find_everything_again_when_the_whole_state_is_lost(workspace: Rehearsed, mode: str) -> None:
    workspace("init", "--mode", mode, "--project", PROJECT, "--region", REGION, "--yes")
    workspace.settings(delete_bucket_contents="true", db_snapshot_on_destroy="false", admin_access='"ssm"')
    workspace("up", "--yes")
    uri = workspace.outputs()["tracking_uri"]
    assert workspace.log_a_run() == "0.9 1"
    for state in (workspace.root / ".yolops" / "rehearsal" / "terraform").glob("terraform.tfstate*"):
        state.unlink()

    workspace("recover", "--yes")
    assert workspace.yolops("--rehearsal", "status", "--json", **workspace.provider).json["health"] == "unfinished"
    assert "only a part of this platform is there" in workspace("runs", "list", code=1)
    assert "still holds runs" in workspace("destroy", "--yes", PROJECT, code=1)
    planned = workspace.json("plan")
    assert {change["action"] for change in planned["changes"]} == {"create", "change"}, planned
    workspace("up", "--yes")
    assert workspace.json("plan")["empty"], workspace("plan")
    assert workspace.outputs()["tracking_uri"] == uri, "the runs are on the server that was there before"
    assert workspace.log_a_run() == "0.9 1"
    workspace("destroy", "--yes", PROJECT, "--discard-runs")
    assert workspace.unimplemented() == []
