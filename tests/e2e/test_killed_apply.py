"""Terraform killed in the middle of an apply: what it created is found again, and nothing is created twice."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
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
        # The last two take no time: Terraform would have ended before it is killed.
        if found and int(found[1]) >= fraction * (int(found[2]) - 2):
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
