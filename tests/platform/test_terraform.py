"""The driver against a real terraform, with what is built into it: applied, refused, interrupted and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.platform.tiny_terraform import several, tiny
from yolops.errors import YolopsError
from yolops.platform.plan import Action, read_destruction, read_plan, unprotects
from yolops.platform.terraform import Terraform
from yolops.running_processes import find_background

APPLY = """
import sys
from pathlib import Path
from yolops.platform.terraform import Terraform
terraform = Terraform(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), say=lambda line: print(line, flush=True))
terraform.init()
terraform.plan(variables={"seconds": sys.argv[4]})
try:
    terraform.apply(lambda _: None)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    return tiny(tmp_path)


def apply(terraform: Terraform, seconds: int = 0) -> list[str]:
    terraform.init()
    terraform.plan(variables={"seconds": str(seconds)})
    said: list[str] = []
    terraform.apply(lambda event: said.append(str(event.get("type"))))
    return said


def applying(terraform: Terraform, seconds: float) -> subprocess.Popen[str]:
    """Start an apply in a process of its own, and return when its slow resource is being created."""
    arguments = [terraform._binary, str(terraform.directory), str(terraform.records), str(seconds)]
    process = subprocess.Popen([sys.executable, "-c", APPLY, *arguments], stdout=subprocess.PIPE, text=True)
    until((terraform.directory / "begun").exists)
    return process


def until(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def addresses(terraform: Terraform) -> list[str]:
    return [resource["address"] for resource in terraform.resources()]


def test_a_plan_is_saved_and_exactly_it_is_applied(terraform: Terraform) -> None:
    terraform.init()
    planned = read_plan(terraform.plan(variables={"name": "first"}))
    assert planned.count(Action.CREATE) == 3
    (terraform.directory / "main.tf").write_text("")  # what is decided later plays no part
    said: list[str] = []
    terraform.apply(lambda event: said.append(event["type"]))
    assert said.count("apply_complete") == 3
    assert terraform.outputs() == {"name": "first"}
    assert not terraform.was_killed


def test_a_second_plan_finds_nothing_to_do_and_there_is_no_drift(terraform: Terraform) -> None:
    apply(terraform)
    shown = terraform.plan()
    assert (read_plan(shown).empty, unprotects(shown)) == (True, False)
    assert terraform.drift() == []


def test_what_is_saved_can_be_read_by_nobody_else(terraform: Terraform) -> None:
    terraform.init()
    terraform.plan()
    assert terraform.records.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in terraform.records.glob("plan*"))


def test_init_runs_again_only_when_the_code_has_changed(terraform: Terraform) -> None:
    terraform.init()
    log = terraform.records / "init.jsonl"
    log.unlink()
    terraform.init()
    assert not log.exists()
    (terraform.directory / "more.tf").write_text('resource "terraform_data" "more" {}\n')
    terraform.init()
    assert log.exists()


def test_a_refused_variable_is_named_with_its_message_file_and_line(terraform: Terraform) -> None:
    terraform.init()
    with pytest.raises(YolopsError, match=r"^terraform plan: Invalid value .*\(main\.tf:6\): That name is too long\.$"):
        terraform.plan(variables={"name": "much too long"})


def test_code_that_is_not_valid_is_an_error_with_its_place(terraform: Terraform) -> None:
    (terraform.directory / "more.tf").write_text('output "x" {\n  value = terraform_data.nowhere.output\n}\n')
    terraform.init()
    with pytest.raises(YolopsError, match=r"^terraform plan: .*more\.tf:2"):
        terraform.plan()


def test_a_resource_that_fails_is_named_and_the_others_are_in_the_state(terraform: Terraform) -> None:
    code = (terraform.directory / "main.tf").read_text().replace("sleep ${var.seconds}", "exit 3")
    (terraform.directory / "main.tf").write_text(code)
    terraform.init()
    terraform.plan()
    with pytest.raises(YolopsError, match=r"^terraform apply: .*terraform_data\.slow.*exit status 3") as caught:
        terraform.apply(lambda _: None)
    assert "yolops up" in caught.value.hint
    assert addresses(terraform) == ["terraform_data.first", "terraform_data.slow"]
    assert not terraform.was_killed


def test_ctrl_c_lets_terraform_finish_what_it_has_begun(terraform: Terraform) -> None:
    process = applying(terraform, 3)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Terraform finishes what it has begun" in out
    assert "terraform_data.first" in addresses(terraform)
    assert "terraform_data.last" not in addresses(terraform)
    assert find_background(terraform.records) == []
    assert not terraform.was_killed
    assert not (terraform.directory / ".terraform.tfstate.lock.info").exists()
    apply(terraform)
    assert terraform.outputs() == {"name": "cells"}


def test_a_second_ctrl_c_says_what_killing_would_lose(terraform: Terraform) -> None:
    slow = terraform.directory / "slow"
    slow.write_text("#!/bin/sh\ncase $1 in show) echo {};; apply) trap '' INT; touch begun; sleep 3;; esac\n")
    slow.chmod(0o755)
    process = applying(Terraform(str(slow), terraform.directory, terraform.records, say=print), 0)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "killing it would lose what it is creating" in out


def test_a_killed_terraform_is_remembered_and_leaves_no_process(terraform: Terraform) -> None:
    process = applying(terraform, 60)
    (child,) = terraform.running()
    os.kill(child.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 1
    until(lambda: not find_background(terraform.records))
    assert terraform.was_killed
    assert terraform.owner() is None
    terraform.forget_kill()
    assert not terraform.was_killed


def test_when_yolops_is_killed_terraform_goes_on_to_the_end(terraform: Terraform) -> None:
    process = applying(terraform, 4)
    process.kill()
    process.communicate(timeout=60)
    assert terraform.was_killed
    assert terraform.owner() is None
    assert len(terraform.running()) == 1
    with pytest.raises(YolopsError, match=r"another yolops is at work here \(process \d+\)"):
        terraform.apply(lambda _: None)
    until(lambda: not terraform.running())
    assert addresses(terraform) == ["terraform_data.first", "terraform_data.last", "terraform_data.slow"]


def test_an_apply_that_somebody_watches_has_an_owner(terraform: Terraform) -> None:
    process = applying(terraform, 3)
    owner = terraform.owner()
    process.communicate(timeout=60)
    assert owner is not None
    assert owner.pid == process.pid
    assert terraform.owner() is None


def test_a_destroy_is_planned_and_applied_like_everything_else(terraform: Terraform) -> None:
    apply(terraform)
    assert read_destruction(terraform.plan_destroy()).count(Action.DESTROY) == 3
    terraform.apply(lambda _: None)
    assert terraform.resources() == []


def identities(terraform: Terraform) -> dict[str, str]:
    return {resource["address"]: resource["values"]["id"] for resource in terraform.resources()}


def test_a_resource_can_be_forgotten_and_imported_again(terraform: Terraform) -> None:
    apply(terraform)
    before = identities(terraform)
    terraform.forget(["terraform_data.last"])
    assert addresses(terraform) == ["terraform_data.first", "terraform_data.slow"]
    wanted = {"terraform_data.last": before["terraform_data.last"]}
    shown = terraform.plan()
    assert terraform.import_all(wanted, shown) == {"terraform_data.last": None}
    assert identities(terraform) == before
    assert list(terraform.records.glob("import*")) == [], "it leaves nothing behind"
    problem = terraform.import_all(wanted, shown)["terraform_data.last"]
    assert problem is not None
    assert "changed meanwhile" in problem.message


def test_everything_is_imported_when_the_whole_state_is_lost(tmp_path: Path) -> None:
    terraform = several(tmp_path)
    apply(terraform)
    before = identities(terraform)
    assert len(before) == 7
    for state in terraform.directory.glob("terraform.tfstate*"):
        state.unlink()
    shown = terraform.plan()
    assert set(terraform.import_all(before, shown).values()) == {None}
    assert identities(terraform) == before
    state = json.loads((terraform.directory / "terraform.tfstate").read_text())
    assert [len(resource["instances"]) for resource in state["resources"] if resource["name"] == "each"] == [2, 2]


def test_what_cannot_be_imported_is_named_and_keeps_nothing_else_from_it(terraform: Terraform) -> None:
    apply(terraform)
    before = identities(terraform)
    terraform.forget(list(before))
    problems = terraform.import_all(before | {"terraform_data.slow": ""}, terraform.plan())
    assert [address for address, problem in problems.items() if problem] == ["terraform_data.slow"]
    assert sorted(addresses(terraform)) == ["terraform_data.first", "terraform_data.last"]


def test_arguments_and_logs_hold_no_value_that_is_secret(terraform: Terraform) -> None:
    (terraform.directory / "more.tf").write_text(
        'variable "password" {\n  type      = string\n  sensitive = true\n}\n'
        'resource "terraform_data" "secret" {\n  input = var.password\n}\n'
    )
    (terraform.directory / "terraform.tfvars").write_text('password = "canary"\n')
    apply(terraform)
    logs = [file for file in terraform.records.glob("*.jsonl") if file.is_file()]
    assert logs
    assert not any("canary" in file.read_text() for file in logs)
    assert "canary" not in json.dumps(read_plan(terraform.plan(variables={"name": "other"})).as_dict())
