"""Rules that a policy follows whatever its role needs; the simulator is not asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tests.policies.rendering import BUCKET, DOMAIN, KEY, PROJECT, ROLE, ZONE
from tests.policies.simulator import Document, listed

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, both without white space
MANAGED_SIZE, INLINE_SIZE = 6_144, 10_240

# Why an action that could name a resource stands on "*" all the same.
ON_EVERYTHING = {
    "cloudwatch:PutMetricData": "a metric has no ARN (a dataset has); a condition holds it to its namespace",
    "cloudwatch:GetMetricData": "a metric has no ARN (a dataset has)",
    # reading, by the deploy role
    "acm:DescribeCertificate": "the certificate is the user's and named in another module",
    "cloudwatch:DescribeAlarms": "AWS asks for * as soon as an account has composite alarms",
    "ec2:DescribeInstanceAttribute": "an attribute of what ec2:DescribeInstances shows anyway",
    "ec2:DescribeVpcAttribute": "an attribute of what ec2:DescribeVpcs shows anyway",
    "elasticfilesystem:DescribeFileSystems": "finds what Studio left behind, whose ID nobody knows",
    "rds:DescribeDBInstances": "lists, to find what was left behind",
    "rds:DescribeDBSnapshots": "lists, to find what was left behind",
    "route53:GetChange": "a change has a number",
    "sns:GetSubscriptionAttributes": "a subscription has a number",
}
# The simulator's list has them for Classic Load Balancers only.
OF_ALL_BALANCERS = {"elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"}
# Kinds of EC2 that starting a server or making a network asks for.
NEW = (
    *("elastic-ip", "image", "instance", "internet-gateway", "ipam-pool", "key-pair", "launch-template", "natgateway"),
    *("network-interface", "placement-group", "prefix-list", "route-table", "security-group", "security-group-rule"),
    *("snapshot", "subnet", "volume", "vpc", "vpc-endpoint"),
)
# Why a resource without the project's name in it is the platform's own, or harmless.
NAMELESS = {
    rf"arn:aws:sagemaker:[^*]*/{DOMAIN}(/.*)?": "the ID of the Studio domain",
    r"arn:aws:sagemaker:[^*]*:mlflow-app/app-\w+": "the ID of the MLflow app",
    r"arn:aws:ec2:[^*]*:(subnet/subnet|security-group/sg|instance/i)-\w+": "an ID",
    re.escape(KEY): "the key that the user names",
    r"arn:aws:ec2:[^*]*:network-interface/\*": "it has no name before it exists; subnet, group or VPC is fixed",
    r"arn:aws:ecr:[^*]*:763104351884:repository/pytorch-training": "AWS's own images, for everybody to read",
    r"arn:aws:logs:[^*]*:log-group:/aws/sagemaker/(TrainingJobs|studio):\*": "one group of a whole account",
    rf"arn:aws:logs:[^*]*:log-group:/aws/sagemaker/studio:log-stream:{DOMAIN}/\*": "the ID of the Studio domain",
    r"arn:aws:ec2:[^*]*:instance/\*": "the server's role is made before the server",
    # of the deploy role
    rf"arn:aws:ec2:[^*]*:({'|'.join(NEW)})/\*": "not there yet when it is asked for, so it has neither name nor tag",
    r"arn:aws:elasticloadbalancing:[^*]*:targetgroup/mlf-\*": "AWS leaves six letters for the name",
    rf"arn:aws:route53:::hostedzone/{ZONE}": "the zone of the domain name that the user gives",
    r"arn:aws:route53:::(change|hostedzone)/\*": "the zone is the user's, found by the domain name",
    r"arn:aws:iam::\d+:oidc-provider/token\.actions\.githubusercontent\.com": "the one that GitHub has in an account",
    r"arn:aws:iam::\d+:role/aws-service-role/\*": "a condition names the services",
}


def broken(policies: dict[str, Document], actions: dict[str, list[str]]) -> list[str]:
    """Return what is wrong with the policies of a role, a line each.

    Args:
        policies: documents by name.
        actions: the actions of AWS and templates of the ARNs that they act on.
    """
    found = []
    for name, policy in policies.items():
        size = len(json.dumps(policy, separators=(",", ":")))
        if size > (MANAGED_SIZE if name.startswith(PROJECT) else INLINE_SIZE):
            found.append(f"{name}: {size} characters are more than AWS accepts")
        for place, statement in enumerate(policy["Statement"]):
            if statement["Effect"] == "Allow":
                where = f"{name}/{statement.get('Sid', place)}"
                found += [f"{where}: {line}" for line in _statement(statement, actions)]
    return found


def _statement(statement: Document, actions: dict[str, list[str]]) -> Iterator[str]:
    if "Action" not in statement or "Resource" not in statement:
        yield "names what it does not mean (NotAction, NotResource)"
        return
    resources = listed(statement["Resource"])
    for action in listed(statement["Action"]):
        if action not in actions:
            yield f"{action} is no action of AWS, or a pattern of many"
        elif resources == ["*"]:
            if actions[action] and action not in ON_EVERYTHING:
                yield f"{action} stands on * although it supports {', '.join(actions[action])}"
        elif action not in OF_ALL_BALANCERS and not any(
            _can_be(one, two) for one in resources for two in actions[action]
        ):
            yield f"{action} does not act on {', '.join(resources)}"
        if action == "iam:PassRole":
            yield from _passing(statement)
    tagged = any("Tag/Project" in key for pairs in statement.get("Condition", {}).values() for key in pairs)
    for resource in resources:
        if resource != "*" or len(resources) > 1:
            yield from _resource(resource, tagged=tagged)


def _passing(statement: Document) -> Iterator[str]:
    services = listed(statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService", []))
    if not services or not all(re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com", one) for one in services):
        yield "iam:PassRole without naming in iam:PassedToService which service gets the role"
    if not all(one.startswith(f"{ROLE}/{PROJECT}-") for one in listed(statement["Resource"])):
        yield "iam:PassRole of other roles than the project's"


def _resource(arn: str, *, tagged: bool) -> Iterator[str]:
    parts = arn.split(":", 5)
    if len(parts) < 6 or any("*" in part for part in parts[:5]):
        yield f"{arn}: service, region and account are not all fixed"
        return
    if re.match(r"[\w-]*\*[^/:]*[/:]", parts[5]):
        yield f"{arn}: a wildcard for the type of resource"
    bucket = arn.partition("/")[0] == BUCKET
    own = re.search(rf"(^|[/:]){PROJECT}(-|/|$)", parts[5]) is not None
    if not (bucket or own or tagged or any(re.fullmatch(one, arn) for one in NAMELESS)):
        yield f"{arn}: not held to the project by name or tag"


def _can_be(arn: str, template: str) -> bool:
    """Return whether an ARN with wildcards may be one of a template such as arn:${Partition}:s3:::${BucketName}."""
    ours, theirs = (re.split(r"[*$]", one.split(":", 5)[-1])[0] for one in (arn, template))
    return arn.split(":")[2] == template.split(":")[2] and (ours.startswith(theirs) or theirs.startswith(ours))
