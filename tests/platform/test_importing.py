"""What is imported stands alone in a configuration, and gets into the state at its address and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from yolops.errors import YolopsError
from yolops.platform import importing
from yolops.platform.importing import UNKNOWN, configuration, merged

DOMAIN = "module.studio[0].aws_sagemaker_domain.studio"
SUBNET = 'module.studio[0].aws_subnet.own["a.b [x]"]'
POLICY = [{"home_efs_file_system": "Delete"}]
IDENTITIES = {SUBNET: "subnet-1", DOMAIN: "d-${1}"}
AWS = 'provider["registry.terraform.io/hashicorp/aws"]'


def shown() -> dict[str, Any]:
    """Return a plan that would create a domain and a subnet, as Terraform's JSON."""
    user = {"execution_role": {"references": ["aws_iam_role.user.arn"]}}
    arguments = {
        "domain_name": {"constant_value": "cells"},
        "tags": {},  # the call of a function with no reference
        "default_user_settings": [user],
        "timeouts": {"create": {"constant_value": "60m"}},
    }
    domain = {"mode": "managed", "type": "aws_sagemaker_domain", "name": "studio", "expressions": arguments}
    subnet = {"mode": "managed", "type": "aws_subnet", "name": "own", "expressions": {"vpc_id": {}}}
    looked_up = {"mode": "data", "type": "aws_subnet", "name": "own", "expressions": {"filter": [{}]}}
    module = {"resources": [domain, subnet, looked_up]}
    after = {"domain_name": "cells", "retention_policy": POLICY}
    planned_domain = {"type": "aws_sagemaker_domain", "name": "studio", "change": {"after": after}}
    planned_subnet = {"type": "aws_subnet", "name": "own", "index": "a.b [x]", "change": {"after": {}}}
    return {
        "configuration": {"root_module": {"module_calls": {"studio": {"module": module}}}},
        "resource_changes": [
            {"address": DOMAIN, "module_address": "module.studio[0]", **planned_domain},
            {"address": SUBNET, "module_address": "module.studio[0]", **planned_subnet},
        ],
    }


def imported() -> dict[str, Any]:
    """Return the state of the configuration in which they stand alone."""
    subnet = {"schema_version": 1, "attributes": {"id": "subnet-1"}, "sensitive_attributes": []}
    domain = {"schema_version": 0, "attributes": {"id": "d-1", "retention_policy": []}, "private": "x"}
    return {
        "version": 4,
        "serial": 1,
        "lineage": "alone",
        "resources": [
            {"type": "aws_sagemaker_domain", "name": "existing_1", "provider": AWS, "instances": [domain]},
            {"type": "aws_subnet", "name": "existing_0", "provider": AWS, "instances": [subnet]},
        ],
    }


def test_each_has_the_arguments_of_the_real_one_and_none_of_their_values() -> None:
    assert configuration(shown(), IDENTITIES) == {
        "resource": {
            "aws_subnet": {"existing_0": {"vpc_id": UNKNOWN, "lifecycle": {"ignore_changes": "all"}}},
            "aws_sagemaker_domain": {
                "existing_1": {
                    "domain_name": UNKNOWN,
                    "tags": UNKNOWN,
                    "default_user_settings": [{"execution_role": UNKNOWN}],
                    "timeouts": {"create": UNKNOWN},
                    "lifecycle": {"ignore_changes": "all"},
                }
            },
        },
        "import": [
            {"to": "aws_subnet.existing_0", "id": "subnet-1"},
            {"to": "aws_sagemaker_domain.existing_1", "id": "d-$${1}"},
        ],
    }


def test_what_was_imported_stands_beside_what_was_there() -> None:
    other = {"type": "aws_vpc", "name": "own", "instances": [{"index_key": "vpc", "attributes": {"id": "vpc-1"}}]}
    before = {"version": 4, "serial": 7, "lineage": "real", "resources": [other]}
    after = merged(before, imported(), shown(), IDENTITIES)
    assert (after["serial"], after["lineage"]) == (8, "real")
    vpc, domain, subnet = after["resources"]
    assert vpc == other
    assert (domain["module"], domain["name"]) == ("module.studio[0]", "studio")
    assert domain["instances"][0]["private"] == "x"
    assert (subnet["module"], subnet["name"], subnet["provider"]) == ("module.studio[0]", "own", AWS)
    assert subnet["instances"] == [{**imported()["resources"][1]["instances"][0], "index_key": "a.b [x]"}]
    assert before["resources"] == [other]


def test_an_imported_domain_is_told_again_that_its_file_system_goes_with_it() -> None:
    domain = merged({}, imported(), shown(), IDENTITIES)["resources"][0]
    assert domain["instances"][0]["attributes"] == {"id": "d-1", "retention_policy": POLICY}


@pytest.mark.parametrize("change", [{"version": 5}, {"known": True}])
def test_a_state_that_is_not_as_it_was_is_left_alone(change: dict[str, Any]) -> None:
    known = [{"module": "module.studio[0]", "type": "aws_sagemaker_domain", "name": "studio", "instances": [{}]}]
    state = {"version": 4, "serial": 7, "resources": known if "known" in change else []} | change
    with pytest.raises(YolopsError, match="the state has changed meanwhile"):
        merged(state, imported(), shown(), IDENTITIES)


def test_the_directory_has_the_provider_and_the_settings_and_nothing_else_of_the_real_one(tmp_path: Path) -> None:
    real, alone = tmp_path / "real", tmp_path / "alone"
    real.mkdir()
    for name in ("main.tf", "variables.tf", "terraform.tfvars", "backend.tf", "terraform.tfstate"):
        (real / name).write_text("", encoding="utf-8")
    importing.write(alone, {"import": []}, real)
    assert {file.name for file in alone.iterdir()} == {"import.tf.json", "variables.tf", "terraform.tfvars"}
