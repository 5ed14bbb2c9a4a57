"""What moto gets wrong and the extension puts right; without it a second plan is not empty, or a bucket stays shut."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.s3.utils import _VersionedKeyStore

from tests.rehearsal.conftest import Aws, wait_for
from yolops.rehearsal.corrections import newest_of_keys, newest_versions, versions_of_keys

TLS_ONLY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::shut", "arn:aws:s3:::shut/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


def test_a_bucket_that_demands_tls_can_be_used_over_loopback(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="shut")
    s3.put_bucket_policy(Bucket="shut", Policy=json.dumps(TLS_ONLY))
    s3.put_object(Bucket="shut", Key="a", Body=b"a")
    assert s3.get_object(Bucket="shut", Key="a")["Body"].read() == b"a"
    assert json.loads(s3.get_bucket_policy(Bucket="shut")["Policy"]) == TLS_ONLY


def test_a_bucket_can_be_listed_while_another_request_deletes_from_it() -> None:
    keys = _VersionedKeyStore()
    for name in ("a", "b"):
        keys.setlist(name, ["old", "new"])
    listings = versions_of_keys(keys), newest_of_keys(keys), newest_versions(keys)
    assert [next(listing) for listing in listings] == [("a", ["old", "new"]), ("a", "new"), "new"]
    dict.pop(keys, "b")
    assert [next(listing) for listing in listings] == [("b", ["old", "new"]), ("b", "new"), "new"]


def test_what_was_deleted_can_be_deleted_again_where_versioning_is_suspended(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="suspended")
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket="suspended", VersioningConfiguration={"Status": status})
        s3.put_object(Bucket="suspended", Key="a", Body=b"a")
        s3.delete_object(Bucket="suspended", Key="a")
    assert "Contents" not in s3.list_objects_v2(Bucket="suspended")


def test_a_firewall_rule_that_names_a_group_keeps_its_description(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="a", Description="a", VpcId=vpc)["GroupId"]
    peer = {"UserIdGroupPairs": [{"GroupId": group, "Description": "jobs"}]}
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **peer}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert [rule.get("Description") for rule in rules if not rule["IsEgress"]] == ["jobs"]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_a_firewall_rule_that_is_gone_already_is_said_to_be_gone(aws: Aws, direction: str) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="b", Description="b", VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.2.0.0/16"}]}
    added = getattr(ec2, f"authorize_security_group_{direction}")(GroupId=group, IpPermissions=[permission])
    rule = added["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    revoke = getattr(ec2, f"revoke_security_group_{direction}")
    revoke(GroupId=group, SecurityGroupRuleIds=[rule])
    with pytest.raises(ClientError) as error:
        revoke(GroupId=group, SecurityGroupRuleIds=[rule])
    assert error.value.response["Error"]["Code"] == "InvalidSecurityGroupRuleId.NotFound"


def test_a_database_parameter_that_was_set_is_said_to_come_from_a_user(aws: Aws) -> None:
    rds, name = aws.client("rds"), {"DBParameterGroupName": "mysql"}
    rds.create_db_parameter_group(**name, DBParameterGroupFamily="mysql8.4", Description="x")
    given = {"ParameterName": "slow_query_log", "ParameterValue": "1", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(**name, Parameters=[given])
    assert rds.describe_db_parameters(**name)["Parameters"] == [{**given, "Source": "user"}]


def test_the_tags_of_a_launch_template_are_no_part_of_its_versions(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    tags = [{"Key": "Project", "Value": "yolops"}]
    ec2.create_launch_template(
        LaunchTemplateName="server",
        LaunchTemplateData={"TagSpecifications": [{"ResourceType": "instance", "Tags": tags}]},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
    )
    [version] = ec2.describe_launch_template_versions(LaunchTemplateName="server")["LaunchTemplateVersions"]
    assert [item["ResourceType"] for item in version["LaunchTemplateData"]["TagSpecifications"]] == ["instance"]


def test_a_terminated_instance_is_no_longer_found_by_its_tags(aws: Aws) -> None:
    ec2, tagging = aws.client("ec2"), aws.client("resourcegroupstaggingapi")

    def tagged() -> list[Any]:
        return tagging.get_resources(ResourceTypeFilters=["ec2:instance"])["ResourceTagMappingList"]

    image = ec2.describe_images()["Images"][0]["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Project", "Value": "yolops"}]}]
    run = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tags)
    assert len(tagged()) == 1
    ec2.terminate_instances(InstanceIds=[run["Instances"][0]["InstanceId"]])
    assert tagged() == []


def test_what_pickle_alone_could_not_keep_is_kept(aws: Aws) -> None:
    acm, snapshot = aws.client("acm"), aws.root / ".yolops/rehearsal/aws.pickle"
    certificate = acm.request_certificate(DomainName="mlflow.example.com", ValidationMethod="DNS")["CertificateArn"]
    aws.client("ssm").put_parameter(Name="/yolops/mode", Value="custom", Type="String")
    wait_for(lambda: snapshot.exists() and b"mlflow.example.com" in snapshot.read_bytes(), True)
    aws.rehearsal.stop()
    aws.rehearsal.start()
    acm = aws.client("acm")
    assert acm.describe_certificate(CertificateArn=certificate)["Certificate"]["DomainName"] == "mlflow.example.com"
    assert aws.client("s3").get_object(Bucket="shut", Key="a")["Body"].read() == b"a"
    assert aws.client("ssm").get_parameter(Name="/yolops/mode")["Parameter"]["Value"] == "custom"


def test_a_trail_is_deleted_by_its_arn(aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket="trail")
    trails = aws.client("cloudtrail")
    arn = trails.create_trail(Name="audit", S3BucketName="trail")["TrailARN"]
    trails.delete_trail(Name=arn)
    assert trails.describe_trails()["trailList"] == []


def test_a_refresh_replaces_every_server_of_a_group(aws: Aws) -> None:
    ec2, groups = aws.client("ec2"), aws.client("autoscaling")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.create_launch_template(LaunchTemplateName="group", LaunchTemplateData={"ImageId": image})
    groups.create_auto_scaling_group(
        AutoScalingGroupName="servers",
        LaunchTemplate={"LaunchTemplateName": "group"},
        MinSize=2,
        MaxSize=2,
        AvailabilityZones=["us-east-1a"],
    )

    def servers() -> set[str]:
        [group] = groups.describe_auto_scaling_groups()["AutoScalingGroups"]
        return {instance["InstanceId"] for instance in group["Instances"]}

    before = servers()
    data = {"ImageId": image, "UserData": base64.b64encode(b"#cloud-config").decode()}
    ec2.create_launch_template_version(LaunchTemplateName="group", LaunchTemplateData=data)
    groups.update_auto_scaling_group(
        AutoScalingGroupName="servers", LaunchTemplate={"LaunchTemplateName": "group", "Version": "2"}
    )
    groups.start_instance_refresh(AutoScalingGroupName="servers")
    assert len(servers()) == 2
    assert not servers() & before


def test_an_address_is_free_again_when_its_instance_is_gone_also_after_a_restart(aws: Aws) -> None:
    def addresses(count: int) -> tuple[list[str], list[str]]:
        ec2 = aws.client("ec2")
        run = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count, SubnetId=subnet)
        return [one["InstanceId"] for one in run["Instances"]], [one["PrivateIpAddress"] for one in run["Instances"]]

    ec2 = aws.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    vpc = ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.2.0.0/24")["Subnet"]["SubnetId"]
    first, their = addresses(2)
    assert their == ["10.2.0.4", "10.2.0.5"]
    ec2.terminate_instances(InstanceIds=first[:1])
    aws.rehearsal.stop()
    aws.rehearsal.start()
    assert addresses(2)[1] == ["10.2.0.4", "10.2.0.6"]
