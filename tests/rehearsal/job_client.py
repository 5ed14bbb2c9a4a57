"""Training jobs as a person starts them with boto3: a small script in an archive, and what comes of it."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import Any

from tests.rehearsal.conftest import Aws, wait_for

ROLE = "arn:aws:iam::123456789012:role/training"
BUCKET = "team"
ENDED = {"Completed", "Failed", "Stopped"}


def packed(**files: str) -> bytes:
    """Return an archive with files, by name without `.py`."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            about = tarfile.TarInfo(f"{name}.py")
            about.size = len(text.encode())
            archive.addfile(about, io.BytesIO(text.encode()))
    return stream.getvalue()


@dataclass(frozen=True)
class Jobs:
    """Starts jobs and looks at them."""

    aws: Aws

    def submit(self, name: str, script: str, **more: Any) -> None:
        """Start a script in script mode, as the SDK's `PyTorch(entry_point="train.py")` does."""
        code = f"code/{name}.tar.gz"
        self.aws.client("s3").put_object(Bucket=BUCKET, Key=code, Body=packed(train=script))
        hyperparameters = {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{BUCKET}/{code}"',
            **more.pop("HyperParameters", {}),
        }
        self.create(name, HyperParameters=hyperparameters, **more)

    def run(self, name: str, script: str, **more: Any) -> None:
        """Start a script as the main process of its container."""
        entry = {"ContainerEntrypoint": ["python3", "-c", script]}
        self.create(
            name, AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File", **entry}, **more
        )

    def create(self, name: str, **more: Any) -> None:
        algorithm = {"TrainingImage": "image", "TrainingInputMode": "File"}
        request = {
            "AlgorithmSpecification": algorithm,
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/jobs/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        self.aws.client("sagemaker").create_training_job(TrainingJobName=name, **(request | more))

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.aws.client("sagemaker").describe_training_job(TrainingJobName=name))

    def wait_until(self, name: str, secondary: str) -> None:
        wait_for(lambda: self.describe(name)["SecondaryStatus"], secondary)

    def end(self, name: str, seconds: float = 60) -> dict[str, Any]:
        """Wait for the end of a job, and describe it then."""
        wait_for(lambda: self.describe(name)["TrainingJobStatus"] in ENDED, True, seconds)
        return self.describe(name)

    def log(self, name: str) -> list[str]:
        """Return what a job has printed so far, over all of its containers."""
        logs, group = self.aws.client("logs"), "/aws/sagemaker/TrainingJobs"
        try:
            streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/algo-1-")["logStreams"]
        except logs.exceptions.ResourceNotFoundException:  # no job has printed anything yet
            return []
        names = [stream["logStreamName"] for stream in streams]
        found = [logs.get_log_events(logGroupName=group, logStreamName=one, startFromHead=True) for one in names]
        return [event["message"] for one in found for event in one["events"]]

    def objects(self, prefix: str) -> list[str]:
        found = self.aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [item["Key"].removeprefix(prefix) for item in found]

    def archive(self, key: str) -> dict[str, str]:
        """Return the files of an archive in the bucket."""
        body = self.aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            return {item.name: archive.extractfile(item).read().decode() for item in archive if item.isfile()}  # type: ignore[union-attr]


def channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def spot(name: str) -> dict[str, Any]:
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200},
        "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"},
    }


def stages(described: dict[str, Any]) -> list[str]:
    """Return the statuses that a job went through."""
    return [item["Status"] for item in described["SecondaryStatusTransitions"]]
