"""What is asked of AWS about something that Terraform would create: for each type, from its planned values."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest

from yolops.platform.adoption import RULES, is_foreign, question

TAGS = {"Project": "cells", "ManagedBy": "yolops", "Name": "cells-public-a"}
FILTERS = [{"Name": f"tag:{name}", "Values": [TAGS[name]]} for name in ("ManagedBy", "Name", "Project")]


def asked(type_: str, **planned: Any) -> Any:
    return question(type_, planned, account="123456789012", project="cells")


def test_a_name_is_asked_for_by_name() -> None:
    rule = asked("aws_db_instance", identifier="cells-mlflow", port=None)
    assert (rule.service, rule.operation) == ("rds", "describe_db_instances")
    assert rule.parameters == {"DBInstanceIdentifier": "cells-mlflow"}
    assert rule.by_name


def test_a_network_is_found_by_all_its_tags() -> None:
    rule = asked("aws_subnet", cidr_block="10.20.0.0/24", tags_all=TAGS, vpc_id=None)
    assert rule.parameters == {"Filters": [*FILTERS, {"Name": "cidr-block", "Values": ["10.20.0.0/24"]}]}
    assert not rule.by_name


def test_a_name_that_terraform_completes_is_found_by_its_beginning() -> None:
    rule = asked("aws_secretsmanager_secret", name_prefix="cells-mlflow-")
    answer = {"SecretList": [{"Name": "cells-mlflow-2026", "ARN": "arn:1"}, {"Name": "cells-other", "ARN": "arn:2"}]}
    assert jmespath.search(rule.found, answer) == ["arn:1"]


def test_a_firewall_rule_is_found_by_what_it_allows() -> None:
    group = {"security_group_id": "sg-1", "ip_protocol": "tcp", "from_port": 5000}
    rule = asked("aws_vpc_security_group_ingress_rule", **group, cidr_ipv4="203.0.113.7/32")
    common = {"IsEgress": False, "IpProtocol": "tcp", "FromPort": 5000}
    answer = {
        "SecurityGroupRules": [
            {**common, "CidrIpv4": "203.0.113.7/32", "SecurityGroupRuleId": "sgr-1"},
            {**common, "CidrIpv4": "203.0.113.8/32", "SecurityGroupRuleId": "sgr-2"},
            {**common, "CidrIpv4": "203.0.113.7/32", "FromPort": 22, "SecurityGroupRuleId": "sgr-3"},
            {**common, "CidrIpv4": "203.0.113.7/32", "IsEgress": True, "SecurityGroupRuleId": "sgr-4"},
        ]
    }
    assert jmespath.search(rule.found, answer) == ["sgr-1"]
    between = asked("aws_vpc_security_group_ingress_rule", **group, referenced_security_group_id="sg-2")
    assert "sg-2" in between.found


def test_all_traffic_has_no_port() -> None:
    rule = asked(
        "aws_vpc_security_group_egress_rule", security_group_id="sg-1", ip_protocol="-1", cidr_ipv4="0.0.0.0/0"
    )
    answer = {
        "SecurityGroupRules": [
            {
                "IsEgress": True,
                "IpProtocol": "-1",
                "FromPort": -1,
                "CidrIpv4": "0.0.0.0/0",
                "SecurityGroupRuleId": "sgr-1",
            }
        ]
    }
    assert jmespath.search(rule.found, answer) == ["sgr-1"]


@pytest.mark.parametrize(
    ("type_", "planned", "identity"),
    [
        ("aws_budgets_budget", {"name": "cells"}, "123456789012:cells"),
        ("aws_scheduler_schedule", {"name": "start", "group_name": "cells"}, "cells/start"),
        ("aws_scheduler_schedule", {"name": "start"}, "default/start"),
        ("aws_route", {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0"}, "rtb-1_0.0.0.0/0"),
        ("aws_route_table_association", {"route_table_id": "rtb-1", "subnet_id": "subnet-1"}, "subnet-1/rtb-1"),
        ("aws_iam_role", {"name": "cells-training"}, "{found}"),
        (
            "aws_iam_openid_connect_provider",
            {"url": "https://token.actions.githubusercontent.com"},
            "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
        ),
    ],
)
def test_an_import_is_called_what_terraform_wants_to_hear(type_: str, planned: dict[str, Any], identity: str) -> None:
    assert asked(type_, **planned).identity == identity


@pytest.mark.parametrize(
    ("type_", "planned"),
    [
        ("aws_route", {"destination_cidr_block": "0.0.0.0/0", "route_table_id": None}),
        ("aws_vpc", {"tags_all": None}),
        ("aws_s3_bucket_versioning", {"bucket": "cells"}),
    ],
)
def test_nothing_is_asked_about_what_is_not_known_yet_or_is_made_by_overwriting(
    type_: str, planned: dict[str, Any]
) -> None:
    assert asked(type_, **planned) is None


def test_every_path_of_the_table_can_be_read() -> None:
    blanks = dict.fromkeys(("name_prefix", "name", "instance_id", "subnet_id", "cidr_ipv4", "type", "bucket"), "x")
    blanks |= dict.fromkeys(("ip_protocol", "referenced_security_group_id", "prefix_list_id", "domain_name"), "x")
    blanks |= dict.fromkeys(("from_port", "port"), "0") | {"destination_cidr_block": "x", "project": "x"}
    for rules in RULES.values():
        for rule in rules:
            jmespath.compile(rule.found.format_map(blanks))


def test_what_carries_another_project_s_tag_is_foreign() -> None:
    ours = {"Role": {"RoleName": "x", "Tags": [{"Key": "Project", "Value": "cells"}]}}
    theirs = {"Role": {"RoleName": "x", "Tags": [{"Key": "Project", "Value": "cells-two"}]}}
    untagged = {"Role": {"RoleName": "x"}}
    assert [is_foreign(answer, "cells") for answer in (ours, theirs, untagged)] == [False, True, False]
