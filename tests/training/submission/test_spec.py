"""The job that is asked for: what it is called, runs on and is given, and what is refused before it costs anything."""

from __future__ import annotations

from dataclasses import replace

import botocore.session
import pytest
from botocore.validate import validate_parameters

from tests.training.submission.jobs import PLATFORM, REQUEST, SECRET, STUDIO, job
from yolops.errors import UsageError, YolopsError
from yolops.rehearsal.training_jobs import NAME
from yolops.training.job.contract import JobRequest
from yolops.training.submission.spec import Machine, check_machine, job_name

M5, G4 = "ml.m5.xlarge", "ml.g4dn.xlarge"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"
MONTH_S = 28 * 24 * 3600


def test_the_request_is_one_that_create_training_job_takes() -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateTrainingJob")
    for machine in (Machine(M5), Machine(G4, spot=True)):
        asked = job(machine, replace(PLATFORM, kms_key_arn=KEY)).create_request()
        validate_parameters(asked, shape.input_shape)
        assert JobRequest.from_hyperparameters(asked["HyperParameters"]) == REQUEST
        start = asked["AlgorithmSpecification"]["ContainerEntrypoint"][-1]
        assert start.endswith("exec python3 -m yolops.cli.training_job")


def test_a_job_is_called_after_project_and_run_whatever_the_run_is_called() -> None:
    assert job().name == "cells-yolo11n-warm-01234567"
    for run in ("x" * 200, "ä ö", "--", "a" * 19 + "-b", "yolo11n.pt"):
        name = job_name("project-of-thirty-two-characters", run, REQUEST.run_id)
        assert NAME.fullmatch(name), name
        assert name.startswith("project-of-thirty-two-characters-")
        assert name.endswith("-01234567")


def test_a_job_gets_role_network_and_everything_it_takes_from_the_bucket() -> None:
    asked = job().create_request()
    assert asked["RoleArn"] == PLATFORM.training_role_arn
    assert asked["VpcConfig"] == {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    uris = {one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"] for one in asked["InputDataConfig"]}
    assert uris == {
        "code": "s3://cells-data/jobs/code/1.tar",
        "packages": "s3://cells-data/jobs/packages/2/",
        "model": "s3://cells-data/jobs/models/3/",
    }
    assert asked["CheckpointConfig"]["S3Uri"] == "s3://cells-data/jobs/cells-yolo11n-warm-01234567/checkpoints"
    tags = {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
    assert tags == {"Project": "cells", "yolops:experiment": "blood cells", "yolops:run": "yolo11n_ warm"}


def test_a_login_is_named_and_never_given_and_managed_mlflow_needs_none() -> None:
    assert job().environment == {
        "MLFLOW_TRACKING_URI": "https://10.20.1.2:5000",
        "YOLOPS_BUCKET": "cells-data",
        "YOLOPS_LOGIN_SECRET_ARN": SECRET,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce-1.secretsmanager.eu-central-1.vpce.amazonaws.com",
    }
    assert job(outputs=STUDIO).environment == {"MLFLOW_TRACKING_URI": STUDIO.tracking_uri}


def test_the_image_is_that_of_aws_for_the_instance_or_the_one_that_is_named() -> None:
    aws = PLATFORM.training_image_registry
    assert job(Machine(G4)).image == f"{aws}/pytorch-training:2.9.0-gpu-py312-cu130-ubuntu22.04-sagemaker"
    assert job(Machine(M5)).image == f"{aws}/pytorch-training:2.9.0-cpu-py312-ubuntu22.04-sagemaker"
    assert job(Machine(M5, image="v3")).image == f"{PLATFORM.training_image_repository}:v3"
    assert job(Machine(M5, image="1.dkr.ecr.x.amazonaws.com/a:b")).image == "1.dkr.ecr.x.amazonaws.com/a:b"
    with pytest.raises(YolopsError, match="applied by an older yolops"):
        job(Machine(M5), replace(PLATFORM, training_image_registry=""))


def test_a_disk_grows_with_the_dataset_and_takes_a_key_unless_it_is_part_of_the_instance() -> None:
    outputs = replace(PLATFORM, kms_key_arn=KEY)
    sizes = [job(data_bytes=size).volume_gb for size in (0, 1_000_000_000, 100_000_000_000)]
    assert sizes == [30, 30, 315]
    keys = {kind: job(Machine(kind), outputs).kms_key_arn for kind in (M5, G4, "ml.g5.xlarge", "ml.m5d.large")}
    assert keys == {M5: KEY, G4: "", "ml.g5.xlarge": "", "ml.m5d.large": ""}


def test_spot_waits_twice_as_long_as_it_runs_unless_told_otherwise_and_on_demand_never() -> None:
    assert job(Machine(M5)).create_request()["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    spot = job(Machine(M5, spot=True, max_run_s=600)).create_request()
    assert spot["EnableManagedSpotTraining"]
    assert spot["StoppingCondition"] == {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200}
    assert job(Machine(M5, spot=True, max_run_s=600, max_wait_s=700)).max_wait_s == 700
    assert job(Machine(M5, spot=True, max_run_s=MONTH_S)).max_wait_s == MONTH_S


@pytest.mark.parametrize(
    ("machine", "arguments", "why"),
    [
        (Machine(M5, instance_count=2), {}, "--instance-count 2: ultralytics trains on one instance"),
        (Machine("m5.xlarge"), {}, "--instance-type m5.xlarge"),
        (Machine(M5, max_run_s=0), {}, "--max-run 0"),
        (Machine(M5, max_run_s=MONTH_S + 1), {}, "--max-run"),
        (Machine(M5, max_wait_s=9), {}, "--max-wait: only spot"),
        (Machine(M5, spot=True, max_run_s=10, max_wait_s=9), {}, "shorter than --max-run"),
        (Machine(M5, spot=True), {"save": False}, "without checkpoints begins anew"),
    ],
)
def test_what_would_cost_money_for_nothing_is_refused(machine: Machine, arguments: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_machine(machine, arguments)


def test_what_can_work_is_not_refused() -> None:
    check_machine(Machine(""), {})
    check_machine(Machine(M5), {"save": False})
    check_machine(Machine("ml.g5.12xlarge", spot=True, max_run_s=60, max_wait_s=60), {"epochs": 3})
