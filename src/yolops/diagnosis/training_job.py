"""What could stop a training job, looked at before it is submitted: quota, image, role, dataset, network, price."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from yolops.aws import Aws, AwsError
from yolops.costs.prices import PRICE_LIST_REGION, training_price
from yolops.datasets.versions.catalogue import SHOWN_CHARACTERS, find_version, index_of, intact
from yolops.datasets.versions.manifest import HOME
from yolops.datasets.versions.store import AbsentError, bucket
from yolops.diagnosis.account import training_quotas
from yolops.diagnosis.check import Check, Notes, Seen, Skip
from yolops.platform.outputs import Mode

if TYPE_CHECKING:
    from yolops.datasets.versions.store import Store
    from yolops.platform.outputs import Outputs
    from yolops.training.submission.spec import JobSpec

ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?")
ALL = "0.0.0.0/0"
# A route through one of these leaves the VPC without an address of one's own, which jobs do not have.
WAYS_OUT = ("NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId")


@dataclass(frozen=True)
class Planned:
    """A job that is not submitted yet.

    Attributes:
        spec: the job.
        outputs: its platform.
        aws: where it runs.
        price_list: AWS where it lists prices.
        datasets: where versions of datasets are kept.
        jobs: how many such jobs there will be.
        at_once: how many of them side by side.
        is_pushed: whether the dataset is brought into the bucket before, as far as it is not there.
    """

    spec: JobSpec
    outputs: Outputs
    aws: Aws
    price_list: Aws
    datasets: Store
    jobs: int = 1
    at_once: int = 1
    is_pushed: bool = True

    @classmethod
    def of(cls, spec: JobSpec, outputs: Outputs, jobs: int = 1, at_once: int = 1, *, is_pushed: bool) -> Planned:
        """Return a job of a platform, ready to be looked at."""
        aws = Aws(outputs.aws_region)
        datasets = bucket(aws, outputs.dataset_uri)
        return cls(spec, outputs, aws, Aws(PRICE_LIST_REGION), datasets, jobs, at_once, is_pushed)


def quota(planned: Planned) -> Seen:
    """The account may run so many instances of this type at once, on demand or on spot as the job asks."""
    kind, spot = planned.spec.instance_type, planned.spec.spot
    name = f"{kind} for {'spot ' if spot else ''}training job usage"
    found = training_quotas(planned.aws, kind)
    if name not in found:
        raise Skip(f"AWS lists no quota {name!r}")
    notes = Notes(kind)
    if found[name] < 1:
        other = next((other for other, value in found.items() if value >= 1), "")
        instead = f"leave --spot out ({other})" if spot and other else "take another --instance-type"
        what = f"the quota {name!r} is {found[name]:.0f}, so SageMaker would refuse the job"
        notes.error(
            "quota-none", what, f"ask for more in the console of Service Quotas (Amazon SageMaker), or {instead}"
        )
    elif found[name] < planned.at_once:
        what = f"the quota {name!r} is {found[name]:.0f}, and {planned.at_once} jobs would run side by side"
        fix = f"--parallel {found[name]:.0f}, or ask for more in the console of Service Quotas (Amazon SageMaker)"
        notes.error("quota-small", what, fix)
    return notes.seen(f"{found[name]:.0f} ({name})")


def image(planned: Planned) -> Seen:
    """The training image is there."""
    named = planned.spec.image
    parts = ECR.fullmatch(named)
    notes = Notes(named)
    if parts is None:
        what = "is no image of Amazon ECR, and SageMaker takes no other"
        notes.error("image-elsewhere", what, "push it to ECR: the output training_image_repository is a place for it")
        return notes.seen(named)
    registry, region, repository, tag, digest = parts.groups()
    if region != planned.aws.region:
        notes.error("image-region", f"is in {region}, and the job runs in {planned.aws.region}", "copy it there")
    wanted = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
    try:
        planned.aws.call("ecr", "describe_images", registryId=registry, repositoryName=repository, imageIds=[wanted])
    except AwsError as error:
        if not error.absent:
            raise
        notes.error("image-absent", "there is no such image", "push it, or correct --image")
    return notes.seen(named)


def role(planned: Planned) -> Seen:
    """The role of training jobs is there, and SageMaker may take it."""
    arn = planned.spec.role_arn
    notes = Notes(arn)
    found = planned.aws.call("iam", "get_role", RoleName=arn.rpartition("/")[2])["Role"]
    if "sagemaker.amazonaws.com" not in str(found["AssumeRolePolicyDocument"]):
        notes.error("role-not-trusted", "SageMaker may not take this role", "yolops up puts it right")
    return notes.seen(arn)


def dataset(planned: Planned) -> Seen:
    """The version of the dataset is whole in the bucket, or is about to be pushed."""
    request = planned.spec.request
    name = request.dataset.rpartition("/")[2]
    shown = f"{name}@{request.version[:SHOWN_CHARACTERS]}"
    try:
        manifest = find_version(planned.datasets, name, request.version)
        index = index_of(planned.datasets, name, manifest)
    except AbsentError:
        return Seen("is pushed first") if planned.is_pushed else _lost(shown)
    there = {item.key: item for item in planned.datasets.below(f"{name}/{HOME}/")}
    if intact(name, index, there):
        return Seen(shown)
    return Seen("has lost objects, and is pushed again first") if planned.is_pushed else _lost(shown)


def _lost(shown: str) -> Seen:
    notes = Notes(shown)
    fix = "push the same dataset again (yolops dataset push), or take another version: yolops dataset list"
    notes.error("dataset-not-whole", "has lost objects in the bucket, and nothing here replaces them", fix)
    return notes.seen("")


def way_to_mlflow(planned: Planned) -> Seen:
    """The subnets of the job have a way to MLflow, and in custom mode to the secret with its login."""
    outputs, region = planned.outputs, planned.aws.region
    notes = Notes(", ".join(planned.spec.subnet_ids))
    network = _Network(planned)
    needed: dict[str, str] = {f"com.amazonaws.{region}.s3": "S3"}
    if outputs.mode is Mode.STUDIO:
        kind = "mlflow" if ":mlflow-app/" in outputs.tracking_uri else "experiments"
        needed[f"aws.sagemaker.{region}.{kind}"] = "managed MLflow"
    else:
        needed[f"com.amazonaws.{region}.secretsmanager"] = "Secrets Manager, where the login of jobs is"
        _server(planned, notes)
    if not network.leads_out:
        for service in [service for service in needed if service not in network.endpoints]:
            what = f"no way to {needed[service]}: neither an endpoint of {service} in the VPC, nor a NAT gateway"
            notes.error(
                "no-way", what, "yolops up makes it in a network of its own; in an existing VPC add the endpoint"
            )
    return notes.seen("through a gateway" if network.leads_out else "through endpoints of the VPC")


def _server(planned: Planned, notes: Notes) -> None:
    """Note what keeps jobs from the server of custom mode: nobody lets their security group in."""
    port = urlsplit(planned.outputs.training_tracking_uri).port or 443
    groups = planned.spec.security_group_ids
    asked = [{"Name": "ip-permission.group-id", "Values": list(groups)}]
    open_ports = [
        (rule.get("FromPort", 0), rule.get("ToPort", 65535))
        for page in planned.aws.pages("ec2", "describe_security_groups", Filters=asked)
        for group in page["SecurityGroups"]
        for rule in group["IpPermissions"]
        if any(pair.get("GroupId") in groups for pair in rule.get("UserIdGroupPairs", []))
    ]
    if not any(first <= port <= last for first, last in open_ports):
        what = f"the server's firewall does not let jobs in at port {port}"
        notes.error("server-closed", what, "yolops up puts it right", planned.outputs.training_tracking_uri)


class _Network:
    """The VPC of a job, as far as it decides what the job reaches."""

    def __init__(self, planned: Planned) -> None:
        self._aws = planned.aws
        in_vpc = [{"Name": "vpc-id", "Values": [planned.outputs.vpc_id]}]
        pages = self._aws.pages("ec2", "describe_vpc_endpoints", Filters=in_vpc)
        self.endpoints = {one["ServiceName"] for page in pages for one in page["VpcEndpoints"]}
        tables = [
            table
            for page in self._aws.pages("ec2", "describe_route_tables", Filters=in_vpc)
            for table in page["RouteTables"]
        ]
        self.leads_out = all(self._leads_out(tables, subnet) for subnet in planned.spec.subnet_ids)

    def _leads_out(self, tables: list[dict[str, Any]], subnet: str) -> bool:
        own = [one for one in tables if any(link.get("SubnetId") == subnet for link in one["Associations"])]
        main = [one for one in tables if any(link.get("Main") for link in one["Associations"])]
        routes = [route for table in own or main for route in table["Routes"]]
        return any(
            route.get("DestinationCidrBlock") == ALL and any(route.get(way) for way in WAYS_OUT) for route in routes
        )


def price(planned: Planned) -> Seen:
    """What the job costs by the hour, and at most."""
    spec, notes = planned.spec, Notes(planned.spec.instance_type)
    found = training_price(planned.price_list, planned.aws.region, spec.instance_type)
    if found is None:
        what = "AWS's price list has no price for it, so what the job may cost is not known"
        notes.warning("price-unknown", what, "see aws.amazon.com/sagemaker/ai/pricing, or take another --instance-type")
        return notes.seen("")
    most = planned.jobs * found * spec.max_run_s / 3600
    jobs = f"{planned.jobs} jobs of " if planned.jobs > 1 else ""
    less = "; spot takes up to 90 % off" if spec.spot else ""
    return notes.seen(f"{found:.3f} USD an hour, {most:.2f} USD at most in {jobs}{spec.max_run_s / 3600:g} h{less}")


CHECKS = (
    Check("quota", quota, patience_s=60, actions=("servicequotas:ListServiceQuotas",)),
    Check("image", image, actions=("ecr:DescribeImages",)),
    Check("role", role, actions=("iam:GetRole",)),
    Check("dataset", dataset, patience_s=60, actions=("s3:ListBucket", "s3:GetObject")),
    Check(
        "way to MLflow",
        way_to_mlflow,
        actions=("ec2:DescribeVpcEndpoints", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups"),
    ),
    Check("price", price, patience_s=60, actions=("pricing:GetProducts",)),
)
