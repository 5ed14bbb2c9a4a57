"""What Terraform has is read from its state as it stands, by address and with plain values."""

from __future__ import annotations

from typing import Any

from yolops.platform.state import managed_resources


def resource(type_: str, name: str, *instances: dict[str, Any], **where: str) -> dict[str, Any]:
    return {"mode": "managed", "type": type_, "name": name, **where, "instances": list(instances)}


def test_each_instance_has_its_address_and_its_values() -> None:
    state = {
        "resources": [
            resource("aws_vpc", "own", {"attributes": {"id": "vpc-1"}}),
            resource(
                "aws_subnet",
                "own",
                {"index_key": "public-a", "attributes": {"id": "subnet-1"}},
                {"index_key": "public-b", "attributes": {"id": "subnet-2"}},
                module="module.network",
            ),
            resource("aws_eip", "server", {"index_key": 0, "attributes": {"id": "eip-1"}}, module="module.custom[0]"),
        ]
    }
    assert {item["address"]: item["values"]["id"] for item in managed_resources(state)} == {
        "aws_vpc.own": "vpc-1",
        'module.network.aws_subnet.own["public-a"]': "subnet-1",
        'module.network.aws_subnet.own["public-b"]': "subnet-2",
        "module.custom[0].aws_eip.server[0]": "eip-1",
    }


def test_what_was_only_read_is_no_resource_and_before_the_first_apply_there_is_none() -> None:
    assert managed_resources({"resources": [resource("aws_ami", "debian") | {"mode": "data"}]}) == []
    assert managed_resources({}) == []


def test_a_value_of_any_type_is_taken_out_of_what_the_format_puts_around_it() -> None:
    kept = {"value": {"discard": True}, "type": ["object", {"discard": "bool"}]}
    [guard] = managed_resources(
        {"resources": [resource("terraform_data", "runs", {"attributes": {"input": kept, "triggers_replace": None}})]}
    )
    assert guard["values"] == {"input": {"discard": True}, "triggers_replace": None}
