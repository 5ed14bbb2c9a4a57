"""The commands about a platform in AWS, typed: real terraform with what is built into it, a simulated AWS beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.answering import Answering, answering
from tests.platform.conftest import simulation
from tests.platform.tiny_terraform import terraform_path
from yolops.platform.mlflow_version import shipped_versions

MAIN = """\
variable "project_name" { type = string }
variable "deployment_mode" { type = string }
variable "discard_runs" {
  type    = bool
  default = false
}
variable "seconds" {
  type    = number
  default = 0
}
resource "terraform_data" "server" {
  input = var.project_name
  provisioner "local-exec" {
    command = "touch ${path.module}/begun; sleep ${var.seconds}"
  }
}
resource "terraform_data" "runs" {
  input      = { discard = var.discard_runs }
  depends_on = [terraform_data.server]
  provisioner "local-exec" {
    when    = destroy
    command = self.output.discard ? "true" : "echo 'still holds runs' >&2; exit 1"
  }
}
output "deployment_mode" { value = var.deployment_mode }
output "bucket_name" { value = "cells-data" }
output "tracking_uri" { value = "ADDRESS" }
output "mlflow_ui_url" { value = "ADDRESS" }
"""
SETTINGS = 'project_name = "cells"\ndeployment_mode = "custom"\naws_region = "eu-central-1"\n'


@dataclass(frozen=True)
class Typed:
    """A command line that was typed, with what it said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Workplace:
    """A directory with a configuration, in which commands are typed."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.environment = environment

    def __call__(self, *arguments: str, **environment: str) -> Typed:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        return Typed(process.returncode, out, err)

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL, **environment: str) -> subprocess.Popen[str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("YOLOPS_", "MLFLOW_", "AWS_"))
        }
        return subprocess.Popen(
            [sys.executable, "-m", "yolops.cli.entry", *arguments],
            cwd=self.root,
            env={**kept, **self.environment, **environment},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class Healthy(Answering):
    """An MLflow that is well."""

    def do_GET(self) -> None:
        self.say(200 if self.path == "/health" else 404)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with simulation() as variables:
        yield {**variables, "YOLOPS_TERRAFORM": terraform_path()}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with answering(Healthy) as uri:
        yield uri


@pytest.fixture
def yolops(tmp_path: Path, environment: dict[str, str], address: str) -> Workplace:
    (tmp_path / "main.tf").write_text(MAIN.replace("ADDRESS", address))
    (tmp_path / "terraform.tfvars").write_text(SETTINGS)
    return Workplace(tmp_path, environment)


@pytest.fixture
def empty(tmp_path: Path, environment: dict[str, str]) -> Workplace:
    return Workplace(tmp_path, environment)


def until_begun(yolops: Workplace) -> None:
    deadline = time.monotonic() + 60
    while not (yolops.root / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_platform_is_planned_built_looked_at_and_destroyed(yolops: Workplace, address: str) -> None:
    planned = yolops("plan", "--json")
    assert (planned.code, planned.json["create"], planned.json["mode"]) == (0, 2, "custom")

    unasked = yolops("up")
    assert unasked.code == 2
    assert "answer with --yes" in unasked.err
    built = yolops("up", "--yes", "--json")
    assert built.code == 0, built.err
    assert (built.json["tracking_uri"], built.json["mode"]) == (address, "custom")
    assert "2/2  created    terraform_data.runs" in built.err

    assert yolops("plan", "--json").json["empty"] is True
    seen = yolops("status", "--json").json
    assert (seen["health"], seen["resources"], seen["drift"]) == ("healthy", 2, [])
    assert yolops("down").out.endswith(" destroy\n")

    refused = yolops("destroy", "--yes", "cells")
    assert refused.code == 1
    assert "cells still holds runs, which would be lost" in refused.err
    assert "--discard-runs" in refused.err
    assert yolops("destroy", "--yes", "other", "--discard-runs").code == 1
    assert yolops("status", "--json").json["resources"] == 2
    gone = yolops("destroy", "--yes", "cells", "--discard-runs", "--json")
    assert gone.code == 0, gone.err
    assert gone.json["destroyed"] == 2
    assert "destroyed  terraform_data.runs" in gone.err
    after = yolops("status", "--json")
    assert (after.code, after.json["health"]) == (1, "absent")


def test_what_is_left_in_aws_fails_a_destroy_with_the_command_that_removes_it(
    yolops: Workplace, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from yolops.aws import Aws

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    aws = Aws("eu-central-1")
    aws.call("ssm", "put_parameter", Name="/cells/forgotten", Value="x", Type="String")
    left = yolops("destroy", "--yes", "cells")
    aws.call("ssm", "delete_parameter", Name="/cells/forgotten")
    assert left.code == 1
    assert "parameter /cells/forgotten is left" in left.err
    assert "aws ssm delete-parameter --name /cells/forgotten --region eu-central-1" in left.err
    assert "one thing of cells is left" in left.out


def test_after_a_kill_up_asks_for_recover_and_then_goes_on(yolops: Workplace) -> None:
    process = yolops.start("up", "--yes", TF_VAR_seconds="60")
    until_begun(yolops)
    plan = str(yolops.root / ".yolops" / "terraform" / "plan")
    running = subprocess.run(["pgrep", "-f", f"apply -json -input=false {plan}"], capture_output=True, check=True)
    os.kill(int(running.stdout.split()[0]), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was killed (signal 9)" in err

    refused = yolops("up", "--yes")
    assert refused.code == 1
    assert "yolops recover" in refused.err
    recovered = yolops("recover", "--yes", "--json")
    assert recovered.code == 0, recovered.err
    assert recovered.json["imported"] == []
    assert yolops("up", "--yes").code == 0


def test_ctrl_c_ends_an_up_as_interrupted_and_the_next_goes_on(yolops: Workplace) -> None:
    process = yolops.start("up", "--yes", TF_VAR_seconds="2")
    until_begun(yolops)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Terraform finishes what it has begun" in err
    assert yolops("up", "--yes").code == 0


def test_an_up_that_ended_with_a_part_of_the_outputs_is_unfinished_and_can_be_finished(yolops: Workplace) -> None:
    whole = (yolops.root / "main.tf").read_text()
    part = whole.replace('output "mlflow_ui_url"', "# ")
    (yolops.root / "main.tf").write_text(part)
    assert "only a part of this platform is there" in yolops("up", "--yes", "--no-wait").err
    seen = yolops("status", "--json")
    assert (seen.code, seen.json["health"], seen.json["outputs"]) == (1, "unfinished", None)
    (yolops.root / "main.tf").write_text(whole)
    assert yolops("up", "--yes").code == 0


def test_a_refused_setting_is_terraform_s_own_message_with_its_place(yolops: Workplace) -> None:
    (yolops.root / "terraform.tfvars").write_text(SETTINGS + 'seconds = "many"\n')
    result = yolops("plan")
    assert result.code == 1
    assert "error: terraform plan: Invalid value for input variable (terraform.tfvars:4)" in result.err
    assert "Traceback" not in result.err


def test_a_terraform_that_is_not_there_is_named(yolops: Workplace) -> None:
    result = yolops("plan", YOLOPS_TERRAFORM="no-such-terraform")
    assert result.code == 1
    assert "no-such-terraform: not found" in result.err
    nowhere = yolops("plan", YOLOPS_TERRAFORM="", PATH="")
    assert "install Terraform 1.11 or newer" in nowhere.err


def test_without_credentials_nothing_is_asked_of_terraform(yolops: Workplace) -> None:
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    none |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    result = yolops("up", "--yes", **none)
    assert result.code == 1
    assert "there are no credentials" in result.err
    assert "AWS_PROFILE" in result.err


def test_init_writes_a_configuration_that_terraform_takes_and_leaves_edits_alone(empty: Workplace) -> None:
    chosen = ("--mode", "custom", "--project", "cells", "--region", "eu-central-1", "--allowed-cidr", "203.0.113.7/32")
    first = empty("init", *chosen, "--json")
    assert first.code == 0, first.err
    assert first.json["settings_written"] is True
    configuration = empty.root / "terraform"
    assert (configuration / "modules" / "storage" / "main.tf").is_file()
    settings = (configuration / "terraform.tfvars").read_text()
    # Else another release, with another default, would bring another MLflow.
    assert f'mlflow_version = "{shipped_versions(configuration)[-1]}"' in settings
    formatted = subprocess.run([terraform_path(), "fmt", "-check", "terraform.tfvars"], cwd=configuration, check=False)
    assert formatted.returncode == 0
    (configuration / "main.tf").write_text("# mine\n")
    again = empty("init", "--mode", "studio", "--yes", "--json")
    assert again.code == 0
    assert (again.json["edited"], again.json["settings_written"]) == (["main.tf"], False)
    assert 'deployment_mode = "custom"' in (configuration / "terraform.tfvars").read_text()


def test_init_keeps_the_state_in_a_bucket_that_it_makes(empty: Workplace) -> None:
    result = empty("init", "--project", "cells", "--remote-state", "cells-states", "--yes")
    assert result.code == 0, result.err
    assert "cells-states: made, private and versioned" in result.err
    assert 'bucket       = "cells-states"' in (empty.root / "terraform" / "backend.tf").read_text()
    assert "use_lockfile = true" in (empty.root / "terraform" / "backend.tf").read_text()


def test_a_second_bucket_for_the_state_is_refused_and_not_made(
    empty: Workplace, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from yolops.aws import Aws

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert empty("init", "--remote-state", "first-states", "--yes").code == 0
    refused = empty("init", "--remote-state", "second-states", "--yes")
    assert refused.code == 1
    assert "is there already and says something else" in refused.err
    buckets = [bucket["Name"] for bucket in Aws("us-east-1").call("s3", "list_buckets")["Buckets"]]
    assert "first-states" in buckets
    assert "second-states" not in buckets


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("init", "--remote-state", "Our_State", "--yes"), 1, '"Our_State" is no name for a bucket'),
        (("--rehearsal", "init", "--remote-state", "states", "--yes"), 2, "a rehearsal keeps its state here"),
    ],
)
def test_a_bucket_that_cannot_hold_the_state_is_refused_before_anything_is_written(
    empty: Workplace, arguments: tuple[str, ...], code: int, says: str
) -> None:
    try:
        result = empty(*arguments)
        assert (result.code, says in result.err) == (code, True), result.err
        assert not (empty.root / "terraform").exists()
    finally:
        empty("rehearsal", "reset")


def test_a_mode_that_is_not_in_aws_cannot_be_chosen(empty: Workplace) -> None:
    wrong = empty("init", "--mode", "cloud", "--yes")
    assert (wrong.code, wrong.err) == (1, 'error: "cloud" is no mode in AWS\n  try: choose studio or custom\n')
    result = empty("init", "--mode", "local", "--yes")
    assert result.code == 1
    assert "local mode needs no init" in result.err
    assert not (empty.root / "terraform").exists()


def test_in_local_mode_there_is_nothing_to_plan_destroy_or_recover(empty: Workplace) -> None:
    planned = empty("plan")
    assert (planned.code, planned.out) == (0, "Local mode: there is nothing to plan; start it with: yolops up\n")
    assert empty("destroy").code == 1
    assert "nothing of it is in AWS" in empty("destroy").err
    assert empty("recover").code == 1


@pytest.mark.parametrize("command", ["up", "plan", "down", "destroy", "recover", "upgrade --to 3.17.2"])
def test_a_platform_that_a_space_of_studio_only_describes_is_changed_from_where_it_was_applied(
    empty: Workplace, command: str
) -> None:
    known = {"deployment_mode": "studio", "project_name": "cells", "mlflow_ui_url": "https://console.aws"}
    (empty.root / "platform.json").write_text(json.dumps({name: {"value": value} for name, value in known.items()}))
    refused = empty(*command.split(), YOLOPS_PLATFORM="platform.json")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "error: platform.json: only describes cells (studio mode), which was applied in another workspace\n"
        "  try: change it from there; yolops status shows how it is\n"
    )
    assert not (empty.root / ".yolops").exists()


def test_local_mode_does_not_wait_for_the_libraries_of_aws(empty: Workplace) -> None:
    code = (
        "import sys\nfrom yolops.cli.entry import run\nrun(['status'])\nrun(['plan'])\n"
        "print(sorted({'boto3', 'botocore', 'hcl2', 'lark', 'moto'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=empty.root, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stderr.splitlines()[-1] == "[]"
