"""Every option at once: what the other tests leave out is applied for real as well, and leaves as little behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.rehearsal import PROJECT, REGION, Rehearsed

pytestmark = pytest.mark.timeout(1500)


def _network(platform: Rehearsed) -> dict[str, str]:
    """Make the network that somebody already has: two public and two private subnets, and S3 within reach."""
    ec2 = platform.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    subnets: dict[str, list[str]] = {"public": [], "private": []}
    for number, (kind, zone) in enumerate([("public", "a"), ("public", "b"), ("private", "a"), ("private", "b")]):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        subnets[kind].append(subnet["Subnet"]["SubnetId"])
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for subnet in subnets["public"]:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table])
    lists = {f"{kind}_subnet_ids": f'["{ids[0]}", "{ids[1]}"]' for kind, ids in subnets.items()}
    return {"vpc_id": f'"{vpc}"'} | lists


@pytest.fixture
def platform(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Rehearsed]:
    """A workspace for a platform whose runs nobody needs; nothing is applied yet."""
    rehearsed = Rehearsed(tmp_path_factory.mktemp("options"), provider).without_booting()
    rehearsed("init", "--mode", "custom", "--project", PROJECT, "--region", REGION, "--yes")
    rehearsed.settings(
        admin_access='"ssm"',
        delete_bucket_contents="true",
        db_snapshot_on_destroy="false",
        discard_runs="true",
        alarm_email='"team@example.com"',
        monthly_budget_usd="100",
        audit_trail="true",
        github_repository='"team/cells"',
        allowed_cidrs='["203.0.113.7/32"]',
    )
    try:
        yield rehearsed
    finally:
        rehearsed.yolops("rehearsal", "reset")


def _tagged(platform: Rehearsed) -> list[Any]:
    client = platform.client("resourcegroupstaggingapi")
    found = client.get_resources(TagFilters=[{"Key": "Project", "Values": [PROJECT]}])
    return list(found["ResourceTagMappingList"])


def test_high_availability_in_an_existing_network_with_a_key_of_ones_own(platform: Rehearsed) -> None:
    key = platform.client("kms").create_key()["KeyMetadata"]["Arn"]
    certificate = platform.client("acm").request_certificate(DomainName="mlflow.example.com")["CertificateArn"]
    network = _network(platform)
    platform.settings(
        **network,
        high_availability="true",
        certificate_arn=f'"{certificate}"',
        domain_name='"mlflow.example.com"',
        kms_key_arn=f'"{key}"',
    )

    # Nobody has pointed the name at the load balancer yet.
    assert "MLflow will answer: https://mlflow.example.com" in platform("up", "--yes", "--no-wait")

    assert platform.outputs()["tracking_uri"] == "https://mlflow.example.com"
    assert platform.json("plan")["empty"], platform("plan")
    groups = platform.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert [len(group["Instances"]) for group in groups] == [2]
    # Another type of server is rolled out one instance after the other.
    platform.settings(ec2_instance_type='"t3.large"')
    platform("up", "--yes", "--no-wait")
    assert platform.json("plan")["empty"], platform("plan")
    platform.yolops.ok("rehearsal", "stop")  # what is kept while it is away
    platform("destroy", "--yes", PROJECT, "--discard-runs")
    assert _tagged(platform) == []
    vpcs = platform.client("ec2").describe_vpcs(VpcIds=[network["vpc_id"].strip('"')])["Vpcs"]
    assert len(vpcs) == 1
    assert platform.unimplemented() == []


def test_office_hours_and_then_a_studio_with_a_tracking_server_of_its_own(platform: Rehearsed) -> None:
    platform.settings(
        discard_runs="false", office_hours='{ start = "08:00", stop = "19:00", timezone = "Europe/Berlin" }'
    )
    platform("up", "--yes")
    assert platform.json("plan")["empty"], platform("plan")
    schedules = platform.client("scheduler").list_schedules()["Schedules"]
    assert len(schedules) == 4

    # The runs may go from now on only, so the first of two steps takes the protection of the database away.
    platform.settings(
        discard_runs="true",
        deployment_mode='"studio"',
        office_hours="null",
        studio_mlflow='"tracking_server"',
        studio_users='["ada", "grace"]',
        enable_studio_code_editor="true",
    )
    release = platform.json("plan")
    assert release["then"] == "studio"
    removed = [item["address"] for item in release["changes"] if item["action"] != "change"]
    assert [address for address in removed if "office_hours" not in address] == []
    assert "the first of two steps" in platform("up", "--yes")
    assert ":mlflow-tracking-server/" in platform.outputs()["tracking_uri"]
    assert platform.log_a_run() == "0.9 1"
    assert platform.json("plan")["empty"], platform("plan")
    spaces = platform.client("sagemaker").list_spaces()["Spaces"]
    assert len(spaces) == 4
    platform("destroy", "--yes", PROJECT, "--discard-runs")
    assert _tagged(platform) == []
    assert platform.unimplemented() == []
