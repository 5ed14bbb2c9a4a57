"""What moto lacks for Studio, asked through boto3, whose parser knows the shapes of AWS."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.conftest import Aws

ROLE = "arn:aws:iam::123456789012:role/studio"
PROJECT = {"Key": "Project", "Value": "yolops"}
IDLE = {"AppLifecycleManagement": {"IdleSettings": {"LifecycleManagement": "ENABLED", "IdleTimeoutInMinutes": 60}}}


@pytest.fixture(scope="module")
def domain(aws: Aws) -> str:
    """A domain with one user."""
    sagemaker = aws.client("sagemaker")
    created = sagemaker.create_domain(
        DomainName="team",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": ROLE, "JupyterLabAppSettings": IDLE},
        SubnetIds=["subnet-1"],
        VpcId="vpc-1",
        Tags=[PROJECT],
    )
    sagemaker.create_user_profile(
        DomainId=created["DomainId"], UserProfileName="ada", UserSettings={"ExecutionRole": ROLE}, Tags=[PROJECT]
    )
    return created["DomainId"]


def test_a_domain_is_named_by_its_id_and_described_as_it_was_made(aws: Aws, domain: str) -> None:
    seen = aws.client("sagemaker").describe_domain(DomainId=domain)
    assert seen["Status"] == "InService"
    assert seen["DomainArn"].endswith(f":domain/{domain}")
    assert seen["DefaultUserSettings"]["JupyterLabAppSettings"] == IDLE
    assert seen["AppNetworkAccessType"] == "PublicInternetOnly"
    assert [item["DomainId"] for item in aws.client("sagemaker").list_domains()["Domains"]] == [domain]


def test_an_update_keeps_what_it_does_not_name(aws: Aws, domain: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.update_domain(
        DomainId=domain,
        DefaultUserSettings={"SecurityGroups": ["sg-1"]},
        DomainSettingsForUpdate={"ExecutionRoleIdentityConfig": "USER_PROFILE_NAME"},
    )
    seen = sagemaker.describe_domain(DomainId=domain)
    assert seen["DefaultUserSettings"]["SecurityGroups"] == ["sg-1"]
    assert seen["DefaultUserSettings"]["ExecutionRole"] == ROLE
    assert seen["DomainSettings"] == {"ExecutionRoleIdentityConfig": "USER_PROFILE_NAME"}


def test_a_space_with_an_app_lives_in_the_domain_and_keeps_it_from_being_deleted(aws: Aws, domain: str) -> None:
    sagemaker = aws.client("sagemaker")
    space = {"DomainId": domain, "SpaceName": "lab"}
    app = {**space, "AppType": "JupyterLab", "AppName": "default"}
    sagemaker.create_space(
        **space,
        SpaceSettings={
            "AppType": "JupyterLab",
            "SpaceStorageSettings": {"EbsStorageSettings": {"EbsVolumeSizeInGb": 20}},
        },
        OwnershipSettings={"OwnerUserProfileName": "ada"},
        SpaceSharingSettings={"SharingType": "Private"},
    )
    seen = sagemaker.describe_space(**space)
    assert (seen["Status"], seen["SpaceSettings"]["AppType"]) == ("InService", "JupyterLab")
    arn = sagemaker.create_app(**app, ResourceSpec={"InstanceType": "ml.t3.medium"})["AppArn"]
    assert arn.endswith(f":app/{domain}/lab/jupyterlab/default")
    assert sagemaker.describe_app(**app)["Status"] == "InService"
    assert [item["AppName"] for item in sagemaker.list_apps(DomainIdEquals=domain)["Apps"]] == ["default"]
    assert sagemaker.list_spaces(DomainIdEquals="d-other")["Spaces"] == []
    for refuse in (
        lambda: sagemaker.delete_domain(DomainId=domain),
        lambda: sagemaker.delete_space(**space),
        lambda: sagemaker.delete_user_profile(DomainId=domain, UserProfileName="ada"),
    ):
        with pytest.raises(ClientError, match="ResourceInUse"):
            refuse()
    sagemaker.delete_app(**app)
    with pytest.raises(ClientError, match="RecordNotFound"):
        sagemaker.describe_app(**app)
    sagemaker.delete_space(**space)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_space(**space)


def test_a_lifecycle_config_is_kept_with_its_script(aws: Aws) -> None:
    sagemaker = aws.client("sagemaker")
    name = {"StudioLifecycleConfigName": "prepare"}
    sagemaker.create_studio_lifecycle_config(
        **name, StudioLifecycleConfigContent="ZWNobw==", StudioLifecycleConfigAppType="JupyterLab"
    )
    assert sagemaker.describe_studio_lifecycle_config(**name)["StudioLifecycleConfigContent"] == "ZWNobw=="
    assert len(sagemaker.list_studio_lifecycle_configs()["StudioLifecycleConfigs"]) == 1
    sagemaker.delete_studio_lifecycle_config(**name)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_studio_lifecycle_config(**name)


def test_tags_are_added_replaced_removed_and_found_by_the_search_over_all_services(aws: Aws, domain: str) -> None:
    sagemaker, tagging = aws.client("sagemaker"), aws.client("resourcegroupstaggingapi")
    arn = sagemaker.describe_user_profile(DomainId=domain, UserProfileName="ada")["UserProfileArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "Owner", "Value": "ada"}])
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "Owner", "Value": "eve"}])
    assert {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]} == {
        "Project": "yolops",
        "Owner": "eve",
    }
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["Owner"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [PROJECT]
    found = tagging.get_resources(TagFilters=[{"Key": "Project", "Values": ["yolops"]}])["ResourceTagMappingList"]
    assert {item["ResourceARN"] for item in found} >= {arn, sagemaker.describe_domain(DomainId=domain)["DomainArn"]}


@pytest.mark.parametrize(("policy", "left"), [("Retain", 1), ("Delete", 0)])
def test_the_file_system_of_a_domain_stays_unless_the_deletion_says_otherwise(aws: Aws, policy: str, left: int) -> None:
    sagemaker, efs = aws.client("sagemaker", "eu-central-1"), aws.client("efs", "eu-central-1")
    before = len(efs.describe_file_systems()["FileSystems"])
    created = sagemaker.create_domain(
        DomainName=f"short-{policy}", AuthMode="IAM", DefaultUserSettings={"ExecutionRole": ROLE}, VpcId="vpc-1"
    )
    assert len(efs.describe_file_systems()["FileSystems"]) == before + 1
    sagemaker.delete_domain(DomainId=created["DomainId"], RetentionPolicy={"HomeEfsFileSystem": policy})
    assert len(efs.describe_file_systems()["FileSystems"]) == before + left


def test_a_budget_has_tags_and_subscribers_and_can_be_changed(aws: Aws) -> None:
    budgets, name = aws.client("budgets"), {"AccountId": "123456789012", "BudgetName": "monthly"}
    budget = {
        "BudgetName": "monthly",
        "BudgetLimit": {"Amount": "100", "Unit": "USD"},
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
    }
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    subscribers = [{"SubscriptionType": "EMAIL", "Address": "ada@example.com"}]
    budgets.create_budget(
        AccountId="123456789012",
        Budget=budget,
        NotificationsWithSubscribers=[{"Notification": notification, "Subscribers": subscribers}],
        ResourceTags=[PROJECT],
    )
    seen = budgets.describe_subscribers_for_notification(**name, Notification=notification)["Subscribers"]
    assert seen == subscribers
    changed = budget | {"BudgetLimit": {"Amount": "50", "Unit": "USD"}}
    budgets.update_budget(AccountId="123456789012", NewBudget=changed)
    assert budgets.describe_budget(**name)["Budget"]["BudgetLimit"]["Amount"] == "50"
    arn = "arn:aws:budgets::123456789012:budget/monthly"
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [PROJECT]
    budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["Project"])
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == []


def test_the_image_of_the_custom_server_is_there(aws: Aws) -> None:
    images = aws.client("ec2").describe_images(
        Owners=["136693071363"], Filters=[{"Name": "name", "Values": ["debian-12-amd64-*"]}]
    )["Images"]
    assert [image["Name"] for image in images] == ["debian-12-amd64-20250101-0000"]


def test_what_is_not_simulated_is_refused_at_once_and_counted(aws: Aws) -> None:
    refused = []
    for service, call, arguments in (
        ("sagemaker", "describe_hub", {"HubName": "any"}),
        ("ec2", "describe_ipam_byoasn", {}),
        ("iam", "get_organizations_access_report", {"JobId": "0" * 36}),
        ("bedrock", "list_foundation_models", {}),
    ):
        client = aws.client(service)
        with pytest.raises(ClientError) as caught:
            getattr(client, call)(**arguments)
        answer = caught.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert answer["ResponseMetadata"]["RetryAttempts"] == 0
        refused.append(answer["Error"]["Code"])
    assert set(refused) == {"NotImplementedByRehearsal"}
    counted = {(item["service"], item["action"]): item["count"] for item in aws.rehearsal.status().unimplemented}
    assert counted["sagemaker", "DescribeHub"] == counted["ec2", "DescribeIpamByoasn"] == 1
    lines = (aws.root / ".yolops/rehearsal/unimplemented.jsonl").read_text().splitlines()
    assert [json.loads(line)["action"] for line in lines][:2] == ["DescribeHub", "DescribeIpamByoasn"]
