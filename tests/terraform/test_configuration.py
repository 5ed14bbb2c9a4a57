"""The Terraform configuration is well formed, its own tests pass, and plans say what they should."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.conftest import TERRAFORM, Terraform

MODULES = sorted(path.name for path in (TERRAFORM / "modules").iterdir())
# Asks the provider where AWS keeps its training images in these regions.
IMAGES = """
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}
data "aws_sagemaker_prebuilt_ecr_image" "pytorch" {
  for_each        = toset(REGIONS)
  repository_name = "pytorch-training"
  region          = each.key
}
output "accounts" {
  value = { for region, image in data.aws_sagemaker_prebuilt_ecr_image.pytorch : region => image.registry_id }
}
"""
# Attributes whose value would be a secret; what is made from a secret may be named by its ARN.
SECRETS = re.compile(r"^(password|secret_string|secret_binary)(_wo)?$|^private_key")


def test_every_file_has_the_usual_layout(terraform: Terraform) -> None:
    assert terraform(TERRAFORM, "fmt", "-check", "-recursive").stdout == ""


def test_it_is_valid(terraform: Terraform, configuration: Path) -> None:
    answer = json.loads(terraform.ok(configuration, "validate", "-json"))

    assert (answer["error_count"], answer["diagnostics"]) == (0, [])


def test_the_tests_of_the_platform_pass(terraform: Terraform, configuration: Path) -> None:
    assert re.search(r"\b[1-9]\d* passed, 0 failed\.", terraform.ok(configuration, "test", "-no-color"))


def test_aws_training_images_are_taken_from_the_account_that_the_provider_knows(
    terraform: Terraform, tmp_path: Path
) -> None:
    written = (TERRAFORM / "modules" / "training" / "image.tf").read_text()
    accounts = dict(re.findall(r'^ +([a-z-]+-\d) += "(\d{12})"$', written, re.MULTILINE))
    accounts["us-east-1"] = "763104351884"
    shutil.copy(TERRAFORM / "versions.tf", tmp_path)
    (tmp_path / "main.tf").write_text(IMAGES.replace("REGIONS", json.dumps(list(accounts))))
    terraform.ok(tmp_path, "init", "-no-color")
    terraform.ok(tmp_path, "apply", "-auto-approve", "-no-color")

    assert json.loads(terraform.ok(tmp_path, "output", "-json", "accounts")) == accounts
    assert len(accounts) > 15


@pytest.mark.parametrize("module", MODULES)
def test_the_tests_of_each_module_pass(terraform: Terraform, tmp_path: Path, module: str) -> None:
    copy = shutil.copytree(TERRAFORM / "modules" / module, tmp_path / module)
    terraform.ok(copy, "init", "-no-color")

    assert re.search(r"\b[1-9]\d* passed, 0 failed\.", terraform.ok(copy, "test", "-no-color"))


@pytest.fixture(scope="module")
def plans(terraform: Terraform, configuration: Path, account: dict[str, str]) -> dict[str, Any]:
    """What the first apply of each example would do, as Terraform itself tells it."""
    plans = {}
    for mode in ("studio", "custom"):
        example = f"-var-file=terraform-{mode}.tfvars.example"
        terraform.ok(configuration, "plan", "-no-color", "-out", mode, example, **account)
        plans[mode] = json.loads(terraform.ok(configuration, "show", "-json", mode))
    return plans


def test_both_examples_can_be_planned_as_they_are(plans: dict[str, Any]) -> None:
    for mode, plan in plans.items():
        assert plan["errored"] is False
        made = [change for change in plan["resource_changes"] if change["mode"] == "managed"]
        assert {action for change in made for action in change["change"]["actions"]} == {"create"}
        assert plan["planned_values"]["outputs"]["deployment_mode"]["value"] == mode


def test_a_switch_leaves_bucket_network_and_image_as_they_are(plans: dict[str, Any]) -> None:
    kept = [
        {
            change["address"]: change["change"]["after"]
            for change in plan["resource_changes"]
            if re.match(r"module\.(storage|network)\.|module\.training\.aws_ecr", change["address"])
        }
        for plan in plans.values()
    ]

    assert len(kept[0]) > 20
    assert kept[0] == kept[1]


def test_outputs_have_the_same_names_in_both_modes(plans: dict[str, Any]) -> None:
    studio, custom = (set(plan["planned_values"]["outputs"]) for plan in plans.values())

    assert studio == custom


def test_no_port_is_open_to_everybody(plans: dict[str, Any]) -> None:
    rules = [
        change["change"]["after"]
        for plan in plans.values()
        for change in plan["resource_changes"]
        if change["type"] == "aws_vpc_security_group_ingress_rule"
    ]

    assert rules
    assert not [rule for rule in rules if rule["cidr_ipv4"] or rule["cidr_ipv6"]]


def test_everything_that_can_be_tagged_is_found_by_the_project(plans: dict[str, Any]) -> None:
    untagged = [
        change["address"]
        for plan in plans.values()
        for change in plan["resource_changes"]
        if "tags_all" in (change["change"]["after"] or {})
        and change["change"]["after"]["tags_all"].get("Project") != "my-yolo-project"
    ]

    assert untagged == []


def test_no_secret_stands_in_a_plan(plans: dict[str, Any], account: dict[str, str], configuration: Path) -> None:
    for mode, plan in plans.items():
        assert [found for found in _values(plan) if SECRETS.match(found[0]) and found[1]] == []
        assert account["AWS_SECRET_ACCESS_KEY"] not in json.dumps(plan)
        assert account["AWS_SECRET_ACCESS_KEY"].encode() not in (configuration / mode).read_bytes()


def _values(part: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(part, dict):
        return [found for key, value in part.items() for found in _values(value, key)]
    if isinstance(part, list):
        return [found for value in part for found in _values(value, name)]
    return [(name, part)] if isinstance(part, str) else []
