"""Managed MLflow: real MLflow servers, reached as AWS says they are reached."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cli.test_aws_commands import Workplace
from tests.rehearsal.conftest import Aws, wait_for
from yolops.running_processes import find_background

ROLE = "arn:aws:iam::123456789012:role/mlflow"
PROJECT = {"Key": "Project", "Value": "yolops"}
TEMPLATE = {
    "Resources": {
        "App": {
            "Type": "AWS::SageMaker::MlflowApp",
            "Properties": {"Name": "cells", "ArtifactStoreUri": "s3://runs/mlflow", "RoleArn": ROLE},
        }
    },
    "Outputs": {"Ref": {"Value": {"Ref": "App"}}, "Arn": {"Value": {"Fn::GetAtt": ["App", "Arn"]}}},
}
# What a person writes who knows MLflow and nothing of us.
LOG_A_RUN = """
import mlflow, sys, tempfile, pathlib
mlflow.set_experiment("cells")
with mlflow.start_run() as run:
    mlflow.log_param("epochs", 3)
    mlflow.log_metric("mAP50", 0.5)
    file = pathlib.Path(tempfile.mkdtemp()) / "weights.pt"
    file.write_bytes(b"weights")
    mlflow.log_artifact(str(file))
print(run.info.run_id, run.info.artifact_uri)
"""


@pytest.fixture(scope="module")
def servers(aws: Aws) -> dict[str, str]:
    """A tracking server and an app made by a stack, coming up side by side, and an instance that serves nothing."""
    aws.client("s3").create_bucket(Bucket="runs")
    aws.client("s3").put_bucket_tagging(Bucket="runs", Tagging={"TagSet": [PROJECT]})
    sagemaker, stacks = aws.client("sagemaker"), aws.client("cloudformation")
    server = sagemaker.create_mlflow_tracking_server(
        TrackingServerName="team", ArtifactStoreUri="s3://runs/team", RoleArn=ROLE, Tags=[PROJECT]
    )["TrackingServerArn"]
    assert sagemaker.describe_mlflow_tracking_server(TrackingServerName="team")["TrackingServerStatus"] == "Creating"
    stacks.create_stack(StackName="app", TemplateBody=json.dumps(TEMPLATE), Tags=[PROJECT])
    assert stack(aws)["StackStatus"] == "CREATE_IN_PROGRESS"
    instance_with_an_address(aws)
    wait_for(lambda: tracking_server(aws)["TrackingServerStatus"], "Created")
    wait_for(lambda: stack(aws)["StackStatus"], "CREATE_COMPLETE")
    app = {output["OutputKey"]: output["OutputValue"] for output in stack(aws)["Outputs"]}["Arn"]
    return {"server": server, "app": app}


def platform_in_a_file(aws: Aws, app: str, **outputs: str) -> Workplace:
    """Return a place that knows of a platform what a space of Studio does."""
    known = {"deployment_mode": "studio", "tracking_uri": app, "mlflow_ui_url": "https://console.aws", **outputs}
    known |= {"aws_region": "us-east-1", "project_name": "cells"}
    (aws.root / "platform.json").write_text(json.dumps({name: {"value": value} for name, value in known.items()}))
    named = {"MLFLOW_TRACKING_URI": app, "YOLOPS_PLATFORM": "platform.json"}
    return Workplace(aws.root, aws.environment() | named)


def instance_with_an_address(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    image = ec2.describe_images(Owners=["136693071363"])["Images"][0]["ImageId"]
    run = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(InstanceId=run["Instances"][0]["InstanceId"], AllocationId=address["AllocationId"])


def stack(aws: Aws) -> Any:
    return aws.client("cloudformation").describe_stacks(StackName="app")["Stacks"][0]


def tracking_server(aws: Aws) -> Any:
    return aws.client("sagemaker").describe_mlflow_tracking_server(TrackingServerName="team")


def fetch(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(urllib.request.Request(url, headers=headers or {}), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def new_run(url: str) -> str:
    """A run that is made without the client, which takes seconds to be imported."""
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/runs/create",
        data=json.dumps({"experiment_id": "0"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return str(json.load(answer)["run"]["info"]["run_id"])


def server_url(aws: Aws) -> str:
    return next(item["url"] for item in aws.rehearsal.status().mlflow if item["name"] == "team")


def keys_in(aws: Aws, prefix: str) -> list[str]:
    return [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket="runs", Prefix=prefix)["Contents"]]


def log_a_run(aws: Aws, tracking_uri: str) -> tuple[str, str]:
    environment = {**aws.environment(), "MLFLOW_TRACKING_URI": tracking_uri}
    said = subprocess.run(
        [sys.executable, "-c", LOG_A_RUN], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode == 0, said.stderr
    run, artifacts = said.stdout.split()[-2:]
    return run, artifacts


@pytest.mark.parametrize("which", ["server", "app"])
def test_a_plain_mlflow_client_logs_a_run_through_the_arn(aws: Aws, servers: dict[str, str], which: str) -> None:
    run, artifacts = log_a_run(aws, servers[which])
    bucket, _, prefix = artifacts.removeprefix("s3://").partition("/")
    stored = aws.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/weights.pt")["Body"].read()
    assert stored == b"weights"
    assert run in prefix


def test_each_server_has_its_own_runs_and_a_stack_hands_its_tags_on(aws: Aws, servers: dict[str, str]) -> None:
    assert servers["app"].split(":")[5].startswith("mlflow-app/app-")
    tags = aws.client("sagemaker").list_tags(ResourceArn=servers["app"])["Tags"]
    assert PROJECT in tags
    seen = {item["name"]: item for item in aws.rehearsal.status().mlflow}
    assert {item["status"] for item in seen.values()} == {"Created"}
    assert len({item["url"] for item in seen.values()}) == 2
    assert seen["cells"]["tracking_uri"] == servers["app"]


def test_a_request_that_is_not_signed_for_mlflow_is_refused(aws: Aws, servers: dict[str, str]) -> None:
    path = f"{aws.url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=cells"
    for name, header, service in (
        ("server", "x-mlflow-sm-tracking-server-arn", "sagemaker-mlflow"),
        ("app", "x-sm-mlflow-app-arn", "sagemaker"),
    ):
        signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/{service}/aws4_request, x"}
        assert fetch(path, {**signed, header: servers[name]})[0] == 200
        assert fetch(path, {**signed, header: f"{servers[name]}0"})[0] == 404
        assert fetch(path, {header: servers[name]})[0] == 403
        foreign = {"Authorization": signed["Authorization"].replace(service, "s3")}
        assert fetch(path, {**foreign, header: servers[name]})[0] == 403


def test_a_presigned_address_shows_the_ui_once(aws: Aws, servers: dict[str, str]) -> None:
    sagemaker = aws.client("sagemaker")
    for url in (
        sagemaker.create_presigned_mlflow_tracking_server_url(TrackingServerName="team")["AuthorizedUrl"],
        sagemaker.create_presigned_mlflow_app_url(Arn=servers["app"], ExpiresInSeconds=60)["AuthorizedUrl"],
    ):
        status, page = fetch(url)
        assert (status, b"<title>MLflow</title>" in page) == (200, True)
        assert fetch(url)[0] == 403


def test_in_a_space_status_and_doctor_see_its_platform_and_say_what_cannot_be_seen_from_there(
    aws: Aws, servers: dict[str, str]
) -> None:
    domain = aws.client("sagemaker").create_domain(
        DomainName="team", AuthMode="IAM", DefaultUserSettings={"ExecutionRole": ROLE}, SubnetIds=["s-1"], VpcId="v-1"
    )["DomainId"]
    space = platform_in_a_file(aws, servers["app"], bucket_name="runs", studio_domain_id=domain)
    seen = space("status", "--json")
    assert seen.code == 0, seen.err
    told = {name: seen.json[name] for name in ("mode", "health", "resources", "drift")}
    assert told == {"mode": "studio", "health": "healthy", "resources": None, "drift": None}
    shown = space("status").out
    assert "platform.json" in shown
    assert shown.count("can be seen only where the platform was applied") == 2

    looked = space("doctor", "--json").json
    verdicts = {check["check"]: check["verdict"] for check in looked["checks"]}
    assert looked["mode"] == "studio"
    ok = ("AWS login", "platform", "MLflow", "MLflow login", "Studio domain", "Studio apps", "managed MLflow")
    assert {name: verdicts[name] for name in ok} == dict.fromkeys(ok, "ok")
    assert (verdicts["state lock"], verdicts["settings"]) == ("skipped", "skipped")
    assert "MLflow server" not in verdicts, "that of local mode"


def test_a_person_is_sent_to_the_page_of_the_rehearsal_and_not_to_the_console_of_aws(
    aws: Aws, servers: dict[str, str]
) -> None:
    shown = platform_in_a_file(aws, servers["app"])("--rehearsal", "ui", "--no-browser", "--json")
    assert shown.code == 0, shown.err
    status, page = fetch(shown.json["ui_url"])
    assert (status, b"<title>MLflow</title>" in page) == (200, True)


def test_what_is_deleted_ends_and_leaves_nothing(aws: Aws, servers: dict[str, str]) -> None:
    state = aws.root / ".yolops" / "rehearsal"
    assert len(list(state.glob("mlflow/*"))) == 2
    aws.client("cloudformation").delete_stack(StackName="app")
    wait_for(lambda: len(list(state.glob("mlflow/*"))), 1)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        aws.client("sagemaker").describe_mlflow_app(Arn=servers["app"])


def test_runs_and_buckets_survive_a_stop_and_a_start(aws: Aws, servers: dict[str, str]) -> None:
    s3 = aws.client("s3")
    key = next(key for key in keys_in(aws, "team/") if key.endswith("weights.pt"))
    run = new_run(server_url(aws))
    s3.put_bucket_versioning(Bucket="runs", VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket="runs", Key="a b/ä", Body=body)["VersionId"] for body in (b"one", b"two")]
    before = described(aws)
    assert aws.rehearsal.stop()
    assert find_background(aws.root / ".yolops" / "rehearsal") == []
    aws.rehearsal.start()
    assert described(aws) == before
    s3 = aws.client("s3")
    bodies = [s3.get_object(Bucket="runs", Key="a b/ä", VersionId=version)["Body"].read() for version in versions]
    assert bodies == [b"one", b"two"]
    assert s3.get_object(Bucket="runs", Key=key)["Body"].read() == b"weights"
    again, _ = log_a_run(aws, servers["server"])
    answers = {fetch(f"{server_url(aws)}/api/2.0/mlflow/runs/get?run_id={item}")[0] for item in (run, again)}
    assert answers == {200}
    assert aws.rehearsal.status().unimplemented == []


def described(aws: Aws) -> list[Any]:
    """What Terraform would read again; of what it finds there, nothing may have another identifier."""
    ec2, sagemaker = aws.client("ec2"), aws.client("sagemaker")
    return [
        ec2.describe_vpcs()["Vpcs"],
        ec2.describe_subnets()["Subnets"],
        ec2.describe_security_groups()["SecurityGroups"],
        ec2.describe_addresses()["Addresses"],
        [item["Instances"] for item in ec2.describe_instances()["Reservations"]],
        sagemaker.list_mlflow_tracking_servers()["TrackingServerSummaries"],
        sagemaker.list_tags(ResourceArn=tracking_server(aws)["TrackingServerArn"])["Tags"],
    ]


def test_a_stopped_tracking_server_is_inactive_and_a_deleted_one_is_gone(aws: Aws, servers: dict[str, str]) -> None:
    sagemaker, state = aws.client("sagemaker"), aws.root / ".yolops" / "rehearsal"
    sagemaker.stop_mlflow_tracking_server(TrackingServerName="team")
    wait_for(lambda: tracking_server(aws)["TrackingServerStatus"], "Stopped")
    assert tracking_server(aws)["IsActive"] == "Inactive"
    assert find_background(state / "mlflow") == []
    sagemaker.delete_mlflow_tracking_server(TrackingServerName="team")
    wait_for(lambda: list(state.glob("mlflow/*")), [])
    with pytest.raises(ClientError, match="ResourceNotFound"):
        tracking_server(aws)
