"""A platform and a job on it, made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from yolops.platform.outputs import Mode, Outputs
from yolops.training.job.contract import MODEL, JobRequest
from yolops.training.submission.spec import CODE, PACKAGES, JobSpec, Machine, job_name, plan_job

SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cells-mlflow-jobs-AbCdEf"
PLATFORM = Outputs(
    mode=Mode.CUSTOM,
    tracking_uri="https://mlflow.example.com:5000",
    artifact_uri="s3://cells-data/mlflow/artifacts",
    ui_url="https://mlflow.example.com:5000",
    aws_region="eu-central-1",
    project_name="cells",
    bucket_name="cells-data",
    dataset_uri="s3://cells-data/datasets",
    training_tracking_uri="https://10.20.1.2:5000",
    training_login_secret_arn=SECRET,
    training_secrets_endpoint="https://vpce-1.secretsmanager.eu-central-1.vpce.amazonaws.com",
    training_role_arn="arn:aws:iam::123456789012:role/cells-training",
    training_image_repository="123456789012.dkr.ecr.eu-central-1.amazonaws.com/cells-training",
    training_image_registry="763104351884.dkr.ecr.eu-central-1.amazonaws.com",
    training_subnet_ids=("subnet-1", "subnet-2"),
    training_security_group_ids=("sg-1",),
    sagemaker_instance_type="ml.g4dn.xlarge",
    vpc_id="vpc-1",
)
APP = "arn:aws:sagemaker:eu-central-1:123456789012:mlflow-app/app-1"
STUDIO = replace(
    PLATFORM,
    mode=Mode.STUDIO,
    tracking_uri=APP,
    training_tracking_uri=APP,
    training_login_secret_arn="",
    training_secrets_endpoint="",
)
REQUEST = JobRequest(
    run_id="0123456789abcdef0123456789abcdef",
    experiment="blood cells",
    name="yolo11n, warm",
    model="yolo11n.pt",
    arguments={"epochs": 3},
    dataset="s3://cells-data/datasets/bccd",
    version="f" * 64,
)


def job(
    machine: Machine | None = None, outputs: Outputs = PLATFORM, *, data_bytes: int = 1_000_000, **request: Any
) -> JobSpec:
    wanted = replace(REQUEST, **request)
    return plan_job(
        outputs,
        machine or Machine("ml.m5.xlarge"),
        wanted,
        name=job_name(outputs.project_name, wanted.name, wanted.run_id or wanted.parent_run),
        keys={CODE: "jobs/code/1.tar", PACKAGES: "jobs/packages/2/", MODEL: "jobs/models/3/"},
        data_bytes=data_bytes,
    )
