"""What is left of a project is found in a simulated AWS, with what does not carry its tag; other projects are not."""

from __future__ import annotations

import pytest

from tests.platform.conftest import REGION
from yolops.aws import Aws
from yolops.findings import Finding, Severity
from yolops.platform.leftovers import Scope, count_objects, find_leftovers

OURS = [{"Key": "Project", "Value": "cells"}]
THEIRS = [{"Key": "Project", "Value": "cells-two"}]
# What moto alone does not know; the rehearsal adds it.
NOT_IN_MOTO = {"MLflow server", "MLflow app", "lifecycle configuration"}
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture(scope="module")
def aws(simulated_aws: dict[str, str]) -> Aws:
    return Aws(REGION)


def found(aws: Aws, scope: Scope) -> dict[str, Finding]:
    seen = [finding for finding in find_leftovers(aws, scope) if finding.where not in NOT_IN_MOTO]
    return {finding.what: finding for finding in seen}


def bucket(aws: Aws, name: str, tags: list[dict[str, str]]) -> None:
    aws.call("s3", "create_bucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.call("s3", "put_bucket_versioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if tags:
        aws.call("s3", "put_bucket_tagging", Bucket=name, Tagging={"TagSet": tags})


def network(aws: Aws, tags: list[dict[str, str]]) -> tuple[str, str, str]:
    """Make a network with a firewall and an interface that carry no tag."""
    vpc = aws.call("ec2", "create_vpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    aws.call("ec2", "create_tags", Resources=[vpc], Tags=tags)
    subnet = aws.call("ec2", "create_subnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = aws.call("ec2", "create_security_group", GroupName="inbound-nfs", Description="x", VpcId=vpc)["GroupId"]
    interface = aws.call("ec2", "create_network_interface", SubnetId=subnet, Groups=[group])
    return vpc, group, interface["NetworkInterface"]["NetworkInterfaceId"]


def test_an_account_with_other_projects_has_nothing_left_of_this_one(aws: Aws) -> None:
    network(aws, THEIRS)
    bucket(aws, "cells-two-data", THEIRS)
    aws.call("logs", "create_log_group", logGroupName="/cells-two/mlflow", tags={"Project": "cells-two"})
    aws.call("iam", "create_role", RoleName="cells-two-training", AssumeRolePolicyDocument=TRUST, Tags=THEIRS)
    assert found(aws, Scope("cells")) == {}


def test_what_sagemaker_made_in_our_network_is_found_without_a_tag(aws: Aws) -> None:
    vpc, group, interface = network(aws, OURS)
    left = found(aws, Scope("cells"))
    assert {f"network {vpc} is left", f"security group {group} is left"} <= set(left)
    finding = left[f"network interface {interface} is left"]
    assert (finding.severity, finding.where) == (Severity.ERROR, REGION)
    assert finding.fix == f"aws ec2 delete-network-interface --network-interface-id {interface} --region {REGION}"


def test_a_bucket_is_found_with_the_versions_that_nobody_sees(aws: Aws) -> None:
    bucket(aws, "cells-data", OURS)
    for text in (b"first", b"second!"):
        aws.call("s3", "put_object", Bucket="cells-data", Key="a", Body=text)
    aws.call("s3", "delete_object", Bucket="cells-data", Key="a")
    assert count_objects(aws, "cells-data") == (3, 12)
    assert "bucket cells-data with 3 versions of objects, 0.0 MB is left" in found(aws, Scope("cells"))


def test_what_was_kept_on_purpose_is_only_for_information(aws: Aws) -> None:
    bucket(aws, "cells-kept", [])
    left = found(aws, Scope("cells", bucket="cells-kept", kept=frozenset(["cells-kept"])))
    kept = next(finding for what, finding in left.items() if "cells-kept" in what)
    assert kept.severity is Severity.INFO
    assert "kept on purpose" in kept.what
    assert kept.fix.startswith("empty it in the console of S3, which takes former versions too")
    assert kept.fix.endswith(f"aws s3api delete-bucket --bucket cells-kept --region {REGION}")


def test_log_groups_roles_secrets_and_parameters_are_found_by_tag_or_name(aws: Aws) -> None:
    aws.call("logs", "create_log_group", logGroupName="/aws/rds/instance/cells-mlflow/error")
    aws.call("iam", "create_role", RoleName="cells-training", AssumeRolePolicyDocument=TRUST, Tags=OURS)
    aws.call("secretsmanager", "create_secret", Name="odd-name", SecretString="x", Tags=OURS)
    aws.call("ssm", "put_parameter", Name="/cells/mode", Value="custom", Type="String")
    aws.call("efs", "create_file_system", CreationToken="x", Tags=OURS)
    aws.call("sns", "create_topic", Name="cells-alarms")
    aws.call("ecr", "create_repository", repositoryName="cells-training")
    left = set(found(aws, Scope("cells")))
    assert {
        "log group /aws/rds/instance/cells-mlflow/error is left",
        "role cells-training is left",
        "secret odd-name is left",
        "parameter /cells/mode is left",
        f"topic arn:aws:sns:{REGION}:123456789012:cells-alarms is left",
        "image repository cells-training is left",
    } <= left
    assert any(what.startswith("file system fs-") for what in left)


def test_the_last_snapshot_of_a_database_and_a_secret_that_can_be_restored_stay_on_purpose(aws: Aws) -> None:
    aws.call(
        "rds",
        "create_db_instance",
        DBInstanceIdentifier="cells-mlflow",
        DBInstanceClass="db.t3.micro",
        Engine="mysql",
        AllocatedStorage=20,
        MasterUsername="mlflow",
        MasterUserPassword="not-a-secret",
        Tags=OURS,
    )
    last = {"DBInstanceIdentifier": "cells-mlflow", "FinalDBSnapshotIdentifier": "cells-mlflow-final"}
    aws.call("rds", "delete_db_instance", **last)
    aws.call("secretsmanager", "create_secret", Name="cells-old", SecretString="x", Tags=OURS)
    aws.call("secretsmanager", "delete_secret", SecretId="cells-old")
    left = found(aws, Scope("cells"))
    assert left["database snapshot cells-mlflow-final: kept on purpose"].severity is Severity.INFO
    assert left["secret cells-old: kept on purpose"].severity is Severity.INFO
    assert "database cells-mlflow is left" not in left


def test_a_domain_that_is_left_is_found_with_what_keeps_it(aws: Aws) -> None:
    settings = {"ExecutionRole": "arn:aws:iam::123456789012:role/x"}
    domain = {"DomainName": "cells-studio", "AuthMode": "IAM", "DefaultUserSettings": settings, "SubnetIds": ["s"]}
    aws.call("sagemaker", "create_domain", VpcId="vpc-1", Tags=OURS, **domain)
    left = found(aws, Scope("cells"))
    assert "--domain-id d-" in left["Studio domain cells-studio is left"].fix


def test_what_cannot_be_listed_is_said_and_not_taken_for_nothing(aws: Aws) -> None:
    seen = {finding.where: finding for finding in find_leftovers(aws, Scope("cells"))}
    assert seen["MLflow app"].severity is Severity.WARNING
    assert "could not be looked at" in seen["MLflow app"].what
