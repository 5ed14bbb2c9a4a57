"""The quick start that needs no Python: copy an example, and type Terraform's own commands."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.rehearsal import Rehearsed
from yolops.platform.configuration import configuration_source, lay_out
from yolops.platform.terraform import ENVIRONMENT

pytestmark = pytest.mark.timeout(1200)


def _is_healthy(address: str) -> bool:
    # Whether it answers, not who it is: its certificate is another test's.
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_terraform_alone_applies_the_example_and_destroys_it_only_when_the_runs_may_go(
    tmp_path: Path, provider: dict[str, str]
) -> None:
    rehearsed = Rehearsed(tmp_path, provider).without_booting()
    environment = rehearsed.environment() | {"GOGC": ENVIRONMENT["GOGC"]}  # for this machine: a quarter less work
    here = tmp_path / "terraform"
    lay_out(configuration_source(), here, tmp_path / "laid.json")

    def terraform(*arguments: str, code: int = 0) -> str:
        command = [os.environ.get("YOLOPS_TERRAFORM", "terraform"), *arguments, "-no-color"]
        done = subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == code, f"{arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    try:
        rehearsed.client("ec2", "us-east-1").create_key_pair(KeyName="my-key-pair")
        shutil.copy(here / "terraform-custom.tfvars.example", here / "terraform.tfvars")
        terraform("init", "-input=false")
        terraform("plan", "-input=false")
        terraform("apply", "-input=false", "-auto-approve")
        address = terraform("output", "-raw", "tracking_uri").strip()
        # Terraform alone does not wait for the server inside the instance, which is still starting.
        assert eventually(lambda: _is_healthy(address), seconds=120)
        terraform("plan", "-input=false", "-detailed-exitcode")

        refused = terraform("destroy", "-input=false", "-auto-approve", code=1)
        assert "still holds runs" in refused
        # Terraform forgets the outputs before it destroys anything; every resource is still there.
        assert "Plan:" not in terraform("plan", "-input=false", "-detailed-exitcode", code=2)

        with (here / "terraform.tfvars").open("a") as settings:
            settings.write("\ndiscard_runs = true\ndb_snapshot_on_destroy = false\ndelete_bucket_contents = true\n")
        terraform("apply", "-input=false", "-auto-approve")
        terraform("destroy", "-input=false", "-auto-approve")
        assert rehearsed.unimplemented() == []
    finally:
        rehearsed.yolops("rehearsal", "reset")
