"""How something that Terraform wants to create is found in AWS if it is there already, and what `import` calls it.

A table and two pure functions: from a resource type and its planned values to one question for AWS. What Terraform
creates by overwriting (bucket settings, role policies, alarms, dashboards) needs no adoption and is not in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Stands for one filter of EC2 for each planned tag, `Project` and `Name` among them.
TAGS = "<tags>"


@dataclass(frozen=True)
class Rule:
    """One question, with planned values in braces.

    Attributes:
        service: the client of boto3.
        operation: its method.
        parameters: its parameters.
        found: a JMESPath to what is there; nothing or an empty list is nothing.
        identity: what `terraform import` calls it.
        by_name: the answer is about one thing only, so that tags in it are that thing's.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    found: str
    identity: str = "{found}"
    by_name: bool = False


def _tagged(operation: str, found: str, *filters: tuple[str, str], parameter: str = "Filters") -> Rule:
    wanted = [TAGS, *({"Name": name, "Values": [value]} for name, value in filters)]
    return Rule("ec2", operation, {parameter: wanted}, found)


def _named(service: str, operation: str, parameter: str, found: str, name: str = "{name}") -> Rule:
    return Rule(service, operation, {parameter: [name] if parameter.endswith("s") else name}, found)


def _listed(service: str, operation: str, items: str, name: str, found: str = "") -> tuple[Rule, Rule]:
    """Return how a thing is found among all of its kind, by its name or by the beginning of it."""
    tests = (f"{name}=='{{name}}'", f"starts_with({name}, '{{name_prefix}}')")
    exact, prefix = (Rule(service, operation, {}, f"{items}[?{test}].{found or name}") for test in tests)
    return exact, prefix


def _firewall_rules(egress: str) -> tuple[Rule, ...]:
    group = {"Filters": [{"Name": "group-id", "Values": ["{security_group_id}"]}]}
    same = f"IsEgress==`{egress}` && IpProtocol=='{{ip_protocol}}' && FromPort==`{{from_port}}`"
    sides = (
        "CidrIpv4=='{cidr_ipv4}'",
        "ReferencedGroupInfo.GroupId=='{referenced_security_group_id}'",
        "PrefixListId=='{prefix_list_id}'",
    )
    found = (f"SecurityGroupRules[?{same} && {side}].SecurityGroupRuleId" for side in sides)
    return tuple(Rule("ec2", "describe_security_group_rules", group, path) for path in found)


_TABLE = {"Filters": [{"Name": "route-table-id", "Values": ["{route_table_id}"]}]}
_ROUTES = "RouteTables[].Routes[?DestinationCidrBlock=='{destination_cidr_block}'][].DestinationCidrBlock"
_ASSOCIATIONS = "RouteTables[].Associations[?SubnetId=='{subnet_id}'][].RouteTableId"
_ALIVE = "Reservations[].Instances[?State.Name=='pending' || State.Name=='running' || State.Name=='stopped'][]"
_PROVIDER = "arn:aws:iam::{account}:oidc-provider/{host}"
_RECORD = "ResourceRecordSets[?(Name=='{name}.' || Name=='{name}') && Type=='{type}'].Name"

# The first rule whose planned values are all known is asked.
RULES: dict[str, tuple[Rule, ...]] = {
    "aws_vpc": (_tagged("describe_vpcs", "Vpcs[].VpcId"),),
    "aws_subnet": (_tagged("describe_subnets", "Subnets[].SubnetId", ("cidr-block", "{cidr_block}")),),
    "aws_internet_gateway": (_tagged("describe_internet_gateways", "InternetGateways[].InternetGatewayId"),),
    "aws_route_table": (_tagged("describe_route_tables", "RouteTables[].RouteTableId"),),
    "aws_route_table_association": (
        Rule("ec2", "describe_route_tables", _TABLE, _ASSOCIATIONS, "{subnet_id}/{route_table_id}"),
    ),
    "aws_route": (Rule("ec2", "describe_route_tables", _TABLE, _ROUTES, "{route_table_id}_{destination_cidr_block}"),),
    "aws_security_group": tuple(
        _tagged("describe_security_groups", "SecurityGroups[].GroupId", ("group-name", name))
        for name in ("{name}", "{name_prefix}*")
    ),
    "aws_vpc_security_group_ingress_rule": _firewall_rules("false"),
    "aws_vpc_security_group_egress_rule": _firewall_rules("true"),
    "aws_vpc_endpoint": (
        _tagged(
            "describe_vpc_endpoints",
            "VpcEndpoints[?State!='deleted' && State!='deleting'].VpcEndpointId",
            ("service-name", "{service_name}"),
        ),
    ),
    "aws_flow_log": (_tagged("describe_flow_logs", "FlowLogs[].FlowLogId", parameter="Filter"),),
    "aws_eip": (_tagged("describe_addresses", "Addresses[].AllocationId"),),
    "aws_eip_association": (
        _named(
            "ec2",
            "describe_addresses",
            "AllocationIds",
            "Addresses[?InstanceId=='{instance_id}'].AssociationId",
            "{allocation_id}",
        ),
    ),
    "aws_instance": (_tagged("describe_instances", f"{_ALIVE}.InstanceId"),),
    "aws_ebs_volume": (_tagged("describe_volumes", "Volumes[].VolumeId"),),
    "aws_launch_template": _listed(
        "ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateName", "LaunchTemplateId"
    ),
    "aws_autoscaling_group": _listed(
        "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"
    ),
    "aws_lb": _listed("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName", "LoadBalancerArn"),
    "aws_lb_target_group": _listed(
        "elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName", "TargetGroupArn"
    ),
    "aws_lb_listener": (
        _named(
            "elbv2",
            "describe_listeners",
            "LoadBalancerArn",
            "Listeners[?Port==`{port}`].ListenerArn",
            "{load_balancer_arn}",
        ),
    ),
    "aws_route53_record": (
        Rule("route53", "list_resource_record_sets", {"HostedZoneId": "{zone_id}"}, _RECORD, "{zone_id}_{name}_{type}"),
    ),
    "aws_s3_bucket": (Rule("s3", "list_buckets", {}, "Buckets[?Name=='{bucket}'].Name"),),
    "aws_iam_role": (
        _named("iam", "get_role", "RoleName", "Role.RoleName"),
        _listed("iam", "list_roles", "Roles", "RoleName")[1],
    ),
    "aws_iam_instance_profile": (
        _named("iam", "get_instance_profile", "InstanceProfileName", "InstanceProfile.InstanceProfileName"),
    ),
    "aws_iam_policy": _listed("iam", "list_policies", "Policies", "PolicyName", "Arn"),
    # One for the whole account, so only one that says whose it is is taken.
    "aws_iam_openid_connect_provider": (
        Rule(
            "iam",
            "get_open_id_connect_provider",
            {"OpenIDConnectProviderArn": _PROVIDER},
            "Tags[?Key=='Project' && Value=='{project}'].Value",
            _PROVIDER,
        ),
    ),
    "aws_cloudwatch_log_group": _listed("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "aws_secretsmanager_secret": _listed("secretsmanager", "list_secrets", "SecretList", "Name", "ARN"),
    "aws_db_instance": (
        _named(
            "rds",
            "describe_db_instances",
            "DBInstanceIdentifier",
            "DBInstances[].DBInstanceIdentifier",
            "{identifier}",
        ),
    ),
    "aws_db_subnet_group": _listed("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    "aws_db_parameter_group": _listed(
        "rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"
    ),
    "aws_ssm_parameter": (_named("ssm", "get_parameter", "Name", "Parameter.Name"),),
    "aws_sns_topic": (Rule("sns", "list_topics", {}, "Topics[?ends_with(TopicArn, ':{name}')].TopicArn"),),
    "aws_ecr_repository": (_named("ecr", "describe_repositories", "repositoryNames", "repositories[].repositoryName"),),
    "aws_budgets_budget": (
        Rule(
            "budgets",
            "describe_budget",
            {"AccountId": "{account}", "BudgetName": "{name}"},
            "Budget.BudgetName",
            "{account}:{name}",
        ),
    ),
    "aws_cloudtrail": (_named("cloudtrail", "get_trail", "Name", "Trail.TrailARN"),),
    "aws_scheduler_schedule": (
        Rule(
            "scheduler",
            "get_schedule",
            {"Name": "{name}", "GroupName": "{group_name}"},
            "Name",
            "{group_name}/{name}",
        ),
    ),
    "aws_scheduler_schedule_group": (_named("scheduler", "get_schedule_group", "Name", "Name"),),
    "aws_kms_alias": _listed("kms", "list_aliases", "Aliases", "AliasName"),
    "aws_cloudformation_stack": (
        _named(
            "cloudformation",
            "describe_stacks",
            "StackName",
            "Stacks[?StackStatus!='DELETE_COMPLETE'].StackName",
        ),
    ),
    "aws_sagemaker_domain": (Rule("sagemaker", "list_domains", {}, "Domains[?DomainName=='{domain_name}'].DomainId"),),
    "aws_sagemaker_user_profile": (
        Rule(
            "sagemaker",
            "describe_user_profile",
            {"DomainId": "{domain_id}", "UserProfileName": "{user_profile_name}"},
            "UserProfileArn",
        ),
    ),
    "aws_sagemaker_space": (
        Rule("sagemaker", "describe_space", {"DomainId": "{domain_id}", "SpaceName": "{space_name}"}, "SpaceArn"),
    ),
    "aws_sagemaker_studio_lifecycle_config": (
        _named(
            "sagemaker",
            "describe_studio_lifecycle_config",
            "StudioLifecycleConfigName",
            "StudioLifecycleConfigName",
            "{studio_lifecycle_config_name}",
        ),
    ),
    "aws_sagemaker_mlflow_tracking_server": (
        _named(
            "sagemaker",
            "describe_mlflow_tracking_server",
            "TrackingServerName",
            "TrackingServerName",
            "{tracking_server_name}",
        ),
    ),
}


def question(type_: str, planned: Mapping[str, Any], account: str, project: str) -> Rule | None:
    """Return what to ask AWS about a resource that is to be created; None if nothing can be asked.

    Args:
        type_: its type.
        planned: its planned values; what only AWS will know is absent or None.
        account: the number of the account.
        project: the name of the project.
    """
    values = {name: value for name, value in planned.items() if value is not None and value != ""}
    values |= {"account": account, "project": project, "host": str(planned.get("url")).removeprefix("https://")}
    values.setdefault("from_port", -1)  # what EC2 calls the ports of "all traffic"
    values.setdefault("group_name", "default")
    for rule in RULES.get(type_, ()):
        try:
            return Rule(
                rule.service,
                rule.operation,
                {name: _filled(value, values) for name, value in rule.parameters.items()},
                rule.found.format_map(values),
                rule.identity.format_map({**values, "found": "{found}"}),
                by_name=_asks_for_one(rule),
            )
        except KeyError:
            continue
    return None


def is_foreign(answer: object, project: str) -> bool:
    """Return whether an answer about one thing says that it belongs to another project."""
    if isinstance(answer, dict):
        tag = {name.lower(): value for name, value in answer.items()}
        if tag.get("key") == "Project" and "value" in tag:
            return bool(tag["value"] != project)
        return any(is_foreign(value, project) for value in answer.values())
    return isinstance(answer, list) and any(is_foreign(item, project) for item in answer)


def _asks_for_one(rule: Rule) -> bool:
    values = [[value] if isinstance(value, str) else value for value in rule.parameters.values()]
    return any(isinstance(item, str) and "{" in item for value in values for item in value)


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        return template.format_map(values)
    if isinstance(template, dict):
        return {name: _filled(value, values) for name, value in template.items()}
    filled: list[Any] = []
    for item in template:
        filled += _tag_filters(values["tags_all"]) if item == TAGS else [_filled(item, values)]
    return filled


def _tag_filters(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{name}", "Values": [value]} for name, value in sorted(tags.items())]
