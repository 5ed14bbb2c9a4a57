"""What must be refused, made from what is needed: the same call on a sibling, and other calls on the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.policies.needs import GITHUB, ISSUER, Needs, on
from tests.policies.rendering import ACCOUNT, APP, BUCKET, DOMAIN, EC2, HERE, HOST, KEY, PROJECT, ROLE
from tests.policies.simulator import Request

OTHER_ACCOUNT, OTHER_REGION = "999900001111", "eu-west-3"
# What policies hold fast, and a neighbour that a pattern with a shorter prefix would cover, too.
PROJECTS = {f"{PROJECT}-": f"{PROJECT}x-", f"/{PROJECT}/": f"/{PROJECT}x/"}
NEIGHBOURS = {
    one: f"{one}x"
    for one in (
        *(f"{PROJECT}-mlflow", f"{PROJECT}-training", f"/{PROJECT}/mlflow", DOMAIN, APP.rpartition("/")[2], "i-0abc"),
        *("vpc-0abc", "sg-0training", "subnet-0b", "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/studio"),
        *("pytorch-training", "hostedzone/Z0", KEY[-12:]),
    )
}
RECORDS = "route53:ChangeResourceRecordSets"
OTHER_VALUES: dict[str, list[Any]] = {
    "s3:prefix": ["", "private/", "datasets-old/", "jobs-old/", "mlflow-old/", "old/mlflow/"],
    "iam:PassedToService": ["lambda.amazonaws.com", "glue.amazonaws.com"],
    "iam:AWSServiceName": ["organizations.amazonaws.com"],
    "kms:GrantIsForAWSResource": ["false"],
    "cloudwatch:namespace": ["AWS/EC2", "/aws/sagemaker/Endpoints"],
    "ec2:Vpc": [f"{EC2}:vpc/vpc-0zzz"],
    "aws:ResourceTag/Project": ["acme"],
    "aws:RequestTag/Project": ["acme"],
    "ec2:CreateAction": ["CreateImage"],
    "sagemaker:TaggingAction": ["CreateEndpoint"],
    f"{RECORDS}NormalizedRecordNames": [
        *(HOST, f"_acme-challenge.{HOST.partition('.')[2]}", f"x._acme-challenge.{HOST}"),
        [f"_acme-challenge.{HOST}", HOST],
    ],
    f"{RECORDS}RecordTypes": ["A", "NS", ["TXT", "CNAME"]],
    f"{RECORDS}Actions": ["CREATE", ["UPSERT", "CREATE"]],
    "aws:SourceAccount": [OTHER_ACCOUNT],
    f"{ISSUER}:aud": ["https://github.com/acme"],
    f"{ISSUER}:sub": [
        "repo:acme/detector:pull_request",
        "repo:acme/detector:ref:refs/heads/feature",
        "repo:acme/detector:environment:preview",
        "repo:acme/other:ref:refs/heads/main",
        "repo:mallory/detector:environment:production",
    ],
}
FREE = {"sts:GetCallerIdentity"}  # everybody may ask who they are
SERVICES = {
    *("account", "cloudformation", "cloudtrail", "ec2", "ecr", "iam", "kms", "lambda", "logs", "organizations", "rds"),
    *("s3", "sagemaker", "secretsmanager", "sns", "ssm", "sts"),
}
# What no role of the platform may do, whatever else it needs.
DANGEROUS = [
    *on(f"arn:aws:iam::{ACCOUNT}:user/someone", "iam: CreateUser CreateAccessKey AttachUserPolicy PutUserPolicy"),
    *on(f"{ROLE}/admin", "iam: AttachRolePolicy PutRolePolicy UpdateAssumeRolePolicy CreateRole DeleteRole"),
    *on(f"{ROLE}/admin", "iam: PassRole", iam__PassedToService="sagemaker.amazonaws.com"),
    *on(f"{ROLE}/admin", "iam: PassRole", iam__PassedToService="ec2.amazonaws.com"),
    *on(f"{ROLE}/admin", "sts: AssumeRole"),
    *on(f"arn:aws:secretsmanager:{HERE}:secret:acme-AbCdEf", "secretsmanager: GetSecretValue DeleteSecret"),
    *on(f"arn:aws:ssm:{HERE}:parameter/acme/key", "ssm: GetParameter PutParameter DeleteParameter"),
    *on(f"{EC2}:instance/i-0zzz", "ssm: SendCommand StartSession"),
    *on(f"{EC2}:instance/i-0zzz", "ec2: TerminateInstances StopInstances"),
    *on(
        f"arn:aws:kms:{HERE}:key/9999aaaa-22bb-33cc-44dd-5555eeee6666", "kms: Decrypt ScheduleKeyDeletion PutKeyPolicy"
    ),
    *on(f"arn:aws:rds:{HERE}:db:acme", "rds: DeleteDBInstance ModifyDBInstance"),
    *on(f"arn:aws:lambda:{HERE}:function:acme", "lambda: CreateFunction InvokeFunction UpdateFunctionCode"),
    *on(f"arn:aws:ecr:{HERE}:repository/acme", "ecr: PutImage DeleteRepository SetRepositoryPolicy"),
    *on(f"arn:aws:logs:{HERE}:log-group:/acme/app", "logs: DeleteLogGroup"),
    *on(f"arn:aws:cloudtrail:{HERE}:trail/acme", "cloudtrail: StopLogging DeleteTrail"),
    *on(f"arn:aws:sagemaker:{HERE}:training-job/acme-1", "sagemaker: CreateTrainingJob StopTrainingJob"),
    *on(f"arn:aws:sagemaker:{HERE}:domain/d-zzzzzzzzzzzz", "sagemaker: DeleteDomain"),
]


def siblings(arn: str, *, whole_project: bool = False) -> Iterator[str]:
    """Yield ARNs of the same kind that lie beside one that is granted, be it one thing or all of a project."""
    if arn == "*":
        return
    if arn.startswith(BUCKET):
        name, slash, key = arn.partition("/")
        yield from (f"arn:aws:s3:::acme{slash}{key}", arn.replace(PROJECT, f"{PROJECT}x"))
        if not whole_project:
            yield from (f"{name}-copy{slash}{key}", arn.replace(ACCOUNT, OTHER_ACCOUNT))
        if key and not whole_project:
            top, _, rest = key.partition("/")
            yield from (f"{name}/{place}/{rest}" for place in ("private", f"{top}-old", f"private/{top}"))
            yield f"{name}/{rest}"
        return
    head, service, region, account, name = re.fullmatch(r"(arn:aws):([^:]+):([^:]*):([^:]*):(.+)", arn).groups()  # type: ignore[union-attr]
    if account:
        yield ":".join((head, service, region, OTHER_ACCOUNT, name))
    if region:
        yield ":".join((head, service, OTHER_REGION, account, name))
    for own, other in (PROJECTS if whole_project else PROJECTS | NEIGHBOURS).items():
        if own in name:
            yield ":".join((head, service, region, account, name.replace(own, other)))


def other_contexts(request: Request) -> Iterator[Request]:
    """Yield a request without each of its conditions, and with other values of them."""
    for key in request.context:
        without = {name: value for name, value in request.context.items() if name != key}
        for context in [without, *({**request.context, key: value} for value in OTHER_VALUES[key])]:
            yield Request(request.action, request.resource, context, request.principal)


def refused(needs: Needs, granted: set[str], actions: dict[str, list[str]]) -> list[Request]:
    """Return what a role must not be able to do.

    Args:
        needs: what it must be able to do.
        granted: the actions that its policies name; they only matter where `needs` is not complete.
        actions: the actions of AWS and templates of the ARNs that they act on.
    """
    found = [*needs.never, *DANGEROUS]
    allowed = {(one.action, one.resource) for one in needs.calls}
    contexts: dict[tuple[str, str], dict[str, str]] = {}
    for one in needs.calls:
        beside = siblings(one.resource, whole_project=not needs.complete)
        found += [Request(one.action, place, one.context) for place in beside]
        found += other_contexts(one)
        if one.context:
            contexts[one.resource, one.action.split(":")[0]] = one.context
    for resource in {"*", *(one.resource for one in needs.calls)}:
        service = "" if resource == "*" else resource.split(":")[2]
        for action in actions.keys() - FREE:
            if (action, resource) in allowed or (not needs.complete and action in granted):
                continue
            if resource != "*" and not action.startswith((f"{service}:", f"{service}-")):
                continue
            if any(_fits(one, resource) for one in actions[action] or ["*"]):
                found.append(Request(action, resource))
                # Also with the conditions of what is granted here: without them more could be granted unseen.
                if context := contexts.get((resource, action.split(":")[0])):
                    found.append(Request(action, resource, context))
    return found


def strangers(needs: Needs) -> list[Request]:
    """Return who must not be able to be a role."""
    own = {one.principal for one in needs.trusted}
    services = ["ec2", "lambda", "sagemaker", "scheduler", "glue", "ecs-tasks"]
    others = {f"{one}.amazonaws.com" for one in services} | {f"{ROLE}/someone", f"arn:aws:iam::{ACCOUNT}:root"}
    asked = [Request("sts:AssumeRole", f"{ROLE}/any", {"aws:SourceAccount": ACCOUNT}, one) for one in others - own]
    asked += [Request("sts:TagSession", one.resource, one.context, one.principal) for one in needs.trusted]
    bound = [one for one in needs.trusted if one.principal != "ec2.amazonaws.com"]  # EC2 sends no account
    issuers = [one for one in needs.trusted if one.principal == GITHUB]
    asked += [Request(one.action, one.resource, one.context, f"{GITHUB}.example.org") for one in issuers]
    return asked + [other for one in bound for other in other_contexts(one)]


def _fits(template: str, resource: str) -> bool:
    """Return whether an ARN is one of a template such as arn:${Partition}:s3:::${BucketName}."""
    if template == "*" or resource == "*":
        return template == resource
    pattern = "".join(".+" if part.startswith("${") else re.escape(part) for part in re.split(r"(\$\{\w+\})", template))
    # Neither is a bucket an object, nor a stream a log group.
    stream = not resource.endswith(":log-stream:") and ":log-stream:" in resource
    if resource.startswith("arn:aws:s3:::") and ("/" in resource) != ("/" in template):
        return False
    if resource.startswith("arn:aws:logs:") and stream != (":log-stream:" in template):
        return False
    return re.fullmatch(pattern, resource) is not None
