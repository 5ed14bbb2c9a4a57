"""`yolops jobs`, typed: against training jobs that really run in the rehearsal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_aws_commands import Workplace
from tests.rehearsal.conftest import Aws
from tests.rehearsal.job_client import BUCKET, Jobs, spot
from yolops.platform.workspace import Workspace
from yolops.rehearsal.rehearsal import Rehearsal

SETTINGS = 'project_name = "cells"\ndeployment_mode = "{mode}"\n'
SLOW = "import time\nfor number in range(100):\n    print('epoch', number)\n    time.sleep(0.2)"


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """Jobs in the rehearsal of a workspace: one that is done, one that failed, one of another project."""
    root = tmp_path_factory.mktemp("work")
    (root / "terraform").mkdir()
    rehearsal = Rehearsal(Workspace(root))
    try:
        rehearsal.start()
        jobs = Jobs(Aws(rehearsal, root))
        jobs.aws.client("s3").create_bucket(Bucket=BUCKET)
        jobs.submit("cells-done", "print('trains')", **spot("cells-done"))
        jobs.submit("old-cells-1", "print('another project')")
        jobs.submit("cells-broken", "raise SystemExit(1)")
        for name in ("cells-done", "old-cells-1", "cells-broken"):
            jobs.end(name)
        yield jobs
    finally:
        rehearsal.reset()


@pytest.fixture(params=["studio", "custom"])
def typed(request: pytest.FixtureRequest, jobs: Jobs) -> Workplace:
    """The command line in that workspace, in either mode."""
    return in_mode(jobs, request.param)


def in_mode(jobs: Jobs, mode: str) -> Workplace:
    root = jobs.aws.root
    (root / "terraform" / "terraform.tfvars").write_text(SETTINGS.format(mode=mode), encoding="utf-8")
    return Workplace(root, {})


def test_the_jobs_of_this_project_are_listed_the_newest_first(typed: Workplace) -> None:
    listed = typed("--rehearsal", "jobs", "list", "--json")
    assert listed.code == 0, listed.err
    assert [(job["name"], job["status"]) for job in listed.json] == [
        ("cells-broken", "Failed"),
        ("cells-done", "Completed"),
    ]
    assert typed("--rehearsal", "jobs", "list", "--limit", "1").out.count("cells-") == 1


def test_a_job_is_shown_with_its_stages_its_model_and_what_is_billed(typed: Workplace) -> None:
    shown = typed("--rehearsal", "jobs", "show", "cells-done").out
    assert "s3://team/jobs/cells-done/output/model.tar.gz" in shown
    assert "ml.m5.large (spot)" in shown
    assert shown.index("Downloading") < shown.index("Training  ") < shown.index("Uploading")
    broken = typed("--rehearsal", "jobs", "show", "last", "--json").json
    assert broken["failure"] == "AlgorithmError: , exit code: 1"
    assert broken["model_uri"] == ""


def test_what_a_job_printed_is_printed(jobs: Jobs) -> None:
    typed = in_mode(jobs, "studio")
    assert typed("--rehearsal", "jobs", "logs", "cells-done").out == "trains\n"
    [line] = typed("--rehearsal", "jobs", "logs", "cells-done", "--json").json
    assert line["text"] == "trains"


def test_the_cost_is_the_billed_seconds_of_each_instance_type(jobs: Jobs) -> None:
    cost = in_mode(jobs, "studio")("--rehearsal", "jobs", "cost", "--json").json
    assert cost["usd"] == {"ml.m5.large": round(0.115 * cost["billed_seconds"]["ml.m5.large"] / 3600, 2)}
    assert cost["billed_seconds"] == {"ml.m5.large": sum(job["billed_seconds"] for job in cost["jobs"])}
    assert {job["name"]: job["saving"] is not None for job in cost["jobs"]} == {
        "cells-broken": False,
        "cells-done": True,
    }


def test_a_log_is_followed_until_the_job_ends_and_what_has_ended_is_not_stopped(jobs: Jobs) -> None:
    typed = in_mode(jobs, "studio")
    jobs.submit("cells-short", SLOW.replace("100", "10"))
    followed = typed("--rehearsal", "jobs", "logs", "cells-short", "--follow")
    assert followed.out.splitlines() == [f"epoch {number}" for number in range(10)]
    assert not jobs.aws.rehearsal.status().jobs
    assert "has ended already" in typed("--rehearsal", "jobs", "stop", "cells-short").out


def test_ctrl_c_leaves_the_job_running_and_a_stop_ends_it(jobs: Jobs) -> None:
    typed = in_mode(jobs, "studio")
    jobs.run("cells-goes-on", "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n" + SLOW)
    following = typed.start("--rehearsal", "jobs", "logs", "cells-goes-on", "-f")
    assert following.stdout is not None
    assert following.stdout.readline() == "epoch 0\n"
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=30)
    assert following.returncode == 130
    assert jobs.describe("cells-goes-on")["SecondaryStatus"] == "Training"
    stopped = typed("--rehearsal", "jobs", "stop", "cells-goes-on", "--json")
    assert stopped.json == {"job": "cells-goes-on", "was": "InProgress", "stopping": True}
    assert jobs.end("cells-goes-on")["SecondaryStatus"] == "Stopped"


@pytest.mark.parametrize("name", ["cells-none", "old-cells-1"])
def test_a_job_that_is_not_of_this_platform_is_not_there(jobs: Jobs, name: str) -> None:
    refused = in_mode(jobs, "studio")("--rehearsal", "jobs", "show", name)
    assert refused.code == 1
    assert f"{name}: no training job of this platform" in refused.err
    assert "yolops --rehearsal jobs list" in refused.err


def test_a_workspace_without_a_platform_in_aws_has_no_jobs(tmp_path: Path) -> None:
    refused = Workplace(tmp_path, {})("jobs", "list")
    assert (refused.code, refused.out) == (1, "")
    assert "this workspace has none" in refused.err
