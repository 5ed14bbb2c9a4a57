"""Terraform killed in the middle of an apply: what it created is found again, and nothing is created twice."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.rehearsal import PROJECT, REGION, Rehearsed

pytestmark = pytest.mark.timeout(1500)
# One random point of an apply in each mode, or as many as `make faults` says.
POINTS = int(os.environ.get("YOLOPS_FAULTS", "1"))
SEED = int(os.environ.get("YOLOPS_SEED", str(random.SystemRandom().randrange(10**6))))
DONE = re.compile(r"^\s*(\d+)/(\d+)  created")


@pytest.fixture
def workspace(tmp_path: Path, provider: dict[str, str]) -> Iterator[Rehearsed]:
    rehearsed = Rehearsed(tmp_path, provider).without_booting()
    yield rehearsed
    rehearsed.yolops("rehearsal", "reset")


def _kill_terraform(process: subprocess.Popen[str], fraction: float) -> str:
    """Kill Terraform and its provider once that fraction of the resources is there; return what the command says."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        found = DONE.match(line)
        if found and int(found[1]) >= fraction * int(found[2]):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.send_signal(signal.SIGKILL)
            break
    _, rest = process.communicate(timeout=120)
    return "".join(said) + rest


@pytest.mark.parametrize("point", range(POINTS))
@pytest.mark.parametrize("mode", ["studio", "custom"])
def test_recover_and_up_finish_an_apply_that_was_killed_and_leave_no_orphan(
    workspace: Rehearsed, mode: str, point: int
) -> None:
    fraction = random.Random(f"{SEED}-{mode}-{point}").random()
    print(f"killed at {fraction:.0%}; again: YOLOPS_SEED={SEED}")
    workspace("init", "--mode", mode, "--project", PROJECT, "--region", REGION, "--yes")
    workspace.settings(delete_bucket_contents="true", db_snapshot_on_destroy="false", admin_access='"ssm"')
    process = workspace.start("up", "--yes")
    said = _kill_terraform(process, fraction)
    assert process.returncode == 1, said[-3000:]
    assert "yolops --rehearsal recover" in said
    assert "Traceback" not in said

    workspace("recover", "--yes")
    workspace("up", "--yes")
    assert workspace.json("plan")["empty"], workspace("plan")
    vpcs = workspace.client("ec2").describe_vpcs(Filters=[{"Name": "tag:Project", "Values": [PROJECT]}])["Vpcs"]
    assert len(vpcs) == 1, "what was created before the kill was created again"
    workspace("destroy", "--yes", PROJECT, "--discard-runs")
    assert workspace.unimplemented() == []


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


@pytest.mark.parametrize("mode", ["studio", "custom"] if POINTS > 1 else ["studio"])
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
    assert workspace.unimplemented() == []
