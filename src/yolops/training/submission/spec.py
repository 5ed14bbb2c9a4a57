"""What a training job will be: planned from what a person asked for and what the platform is; touches nothing."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import UsageError, YolopsError
from yolops.platform.outputs import Mode
from yolops.training.job.contract import BUCKET, LOGIN, MODULE, TRACKING_URI

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.platform.outputs import Outputs
    from yolops.training.job.contract import JobRequest

# https://docs.aws.amazon.com/deep-learning-containers/latest/devguide/what-is-dlc.html
REPOSITORY = "pytorch-training"
GPU_TAG, CPU_TAG = "2.9.0-gpu-py312-cu130-ubuntu22.04-sagemaker", "2.9.0-cpu-py312-ubuntu22.04-sagemaker"
CODE, PACKAGES = "code", "packages"
JOBS = "jobs"
# boto3's own variable for this service.
SECRETS_ENDPOINT = "AWS_ENDPOINT_URL_SECRETS_MANAGER"
CHECKPOINTS = "/opt/ml/checkpoints"
# One line for `sh -c`: `exec`, because only the main process hears SIGTERM. pip compiles what it installs; here only a
# part of that is imported, once.
START = (
    "cd /opt/ml/input/data; mkdir -p /opt/ml/code; cat code/*.tar | tar -xf - -C /opt/ml/code; "
    "if [ -d packages ]; then python3 -m pip install --quiet --no-index --no-deps --no-compile --require-hashes "
    "--find-links packages --disable-pip-version-check --root-user-action ignore -r /opt/ml/code/requirements.txt; fi; "
    f"export PYTHONPATH=/opt/ml/code; exec python3 -m {MODULE}"
)
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html
MOST_RUN_S = 28 * 24 * 3600
DEFAULT_RUN_S = 24 * 3600
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html: 63, less three for the number of
# a job that goes on with the run of another.
MOST_NAME = 60
ID_CHARACTERS = 8
# Packages, weights and checkpoints; and a dataset as it comes, and as it is laid out.
LEAST_GB, TIMES_DATA = 30, 3
# A disk of the instance itself, which is encrypted by its hardware and takes no key:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html
OWN_DISK = re.compile(r"ml\.(g4dn|g5|g6e?|gr6|p4de?|p5(e|en)?|p6\w*|trn\d\w*|[a-z]+\d+[a-z]*d[a-z]*)\.")
GPU = re.compile(r"ml\.(g|p)\d")


@dataclass(frozen=True)
class Machine:
    """What a person chose a job to run on.

    Attributes:
        instance_type: such as `ml.g4dn.xlarge`.
        instance_count: how many of them.
        image: a training image, or a tag in the platform's own repository; empty for AWS's own image.
        spot: whether AWS may take the instance away again, for a third of the price.
        max_run_s: seconds it may run.
        max_wait_s: seconds it may run and wait for spot instances; 0 for twice as long as it may run.
    """

    instance_type: str
    instance_count: int = 1
    image: str = ""
    spot: bool = False
    max_run_s: int = DEFAULT_RUN_S
    max_wait_s: int = 0


@dataclass(frozen=True)
class JobSpec:
    """One training job, as it is asked for.

    Attributes:
        name: its name, made from that of the run and unique by its ID.
        request: what it trains.
        image: the training image.
        instance_type: what it runs on.
        volume_gb: its disk.
        kms_key_arn: what that is encrypted with; empty for AWS's own key.
        spot: whether it runs on spot instances.
        max_run_s: seconds it may run.
        max_wait_s: seconds until it must have ended, with all waiting; 0 on demand.
        role_arn: what it may do.
        subnet_ids: where it runs.
        security_group_ids: what it may reach.
        channels: where each of its inputs is in S3.
        output_uri: where its model goes.
        checkpoint_uri: where its checkpoints are kept.
        environment: its variables; a login is named there, and never stands there.
        tags: what it is found by on the bill.
    """

    name: str
    request: JobRequest
    image: str
    instance_type: str
    volume_gb: int
    kms_key_arn: str
    spot: bool
    max_run_s: int
    max_wait_s: int
    role_arn: str
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    channels: Mapping[str, str]
    output_uri: str
    checkpoint_uri: str
    environment: Mapping[str, str]
    tags: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for `--json`."""
        return asdict(self)

    def create_request(self) -> dict[str, Any]:
        """Return the parameters of CreateTrainingJob.

        Raises:
            YolopsError: the arguments of the training are longer than SageMaker takes.
        """
        resources: dict[str, Any] = {
            "InstanceType": self.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": self.volume_gb,
        }
        if self.kms_key_arn:
            resources["VolumeKmsKeyId"] = self.kms_key_arn
        stopping = {"MaxRuntimeInSeconds": self.max_run_s}
        if self.spot:
            stopping["MaxWaitTimeInSeconds"] = self.max_wait_s
        return {
            "TrainingJobName": self.name,
            "AlgorithmSpecification": {
                "TrainingImage": self.image,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/sh", "-ec", START],
            },
            "RoleArn": self.role_arn,
            "HyperParameters": self.request.as_hyperparameters(),
            "InputDataConfig": [_channel(name, uri) for name, uri in self.channels.items()],
            "OutputDataConfig": {"S3OutputPath": self.output_uri},
            "ResourceConfig": resources,
            "StoppingCondition": stopping,
            "EnableManagedSpotTraining": self.spot,
            "CheckpointConfig": {"S3Uri": self.checkpoint_uri, "LocalPath": CHECKPOINTS},
            "VpcConfig": {"Subnets": list(self.subnet_ids), "SecurityGroupIds": list(self.security_group_ids)},
            "Environment": dict(self.environment),
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
        }


def check_machine(machine: Machine, arguments: Mapping[str, object]) -> None:
    """Refuse what would cost money and could not work.

    Args:
        machine: what a job shall run on.
        arguments: the trainer's own arguments.

    Raises:
        UsageError: it cannot work, with the reason.
    """
    if machine.instance_count != 1:
        raise UsageError(
            f"--instance-count {machine.instance_count}: ultralytics trains on one instance; it starts one process for "
            "each GPU of its own machine, and has no way to others",
            "take an instance with more GPUs, such as --instance-type ml.g5.12xlarge; yolops tune runs many trainings "
            "side by side",
        )
    if machine.instance_type and not re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9-]+", machine.instance_type):
        raise UsageError(f"--instance-type {machine.instance_type}: is none of SageMaker", "such as ml.g4dn.xlarge")
    if not 0 < machine.max_run_s <= MOST_RUN_S:
        raise UsageError(f"--max-run {machine.max_run_s}: SageMaker takes 1 to {MOST_RUN_S} seconds", "give seconds")
    if machine.max_wait_s and not machine.spot:
        raise UsageError("--max-wait: only spot instances are waited for", "leave it out, or add --spot")
    if machine.max_wait_s and machine.max_wait_s < machine.max_run_s:
        raise UsageError("--max-wait: is shorter than --max-run, which is a part of it", "give at least as much")
    if machine.spot and arguments.get("save") is False:
        raise UsageError(
            "--spot with save=False: a job without checkpoints begins anew whenever its instance is taken away",
            "leave save=False out, or train on demand",
        )


def plan_job(
    outputs: Outputs, machine: Machine, request: JobRequest, *, name: str, keys: Mapping[str, str], data_bytes: int
) -> JobSpec:
    """Return the job that trains what was requested.

    Args:
        outputs: the platform.
        machine: what it shall run on, checked.
        request: what it shall train, with the run it belongs to.
        name: of the job, see `job_name`.
        keys: where each channel is in the platform's bucket: `CODE` the archive with yolops, `PACKAGES` what it
            installs, empty where the image has that, `MODEL` what `request.model` names, empty where it is built in.
        data_bytes: the size of the dataset.

    Raises:
        YolopsError: the platform is none in AWS, or too old.
    """
    bucket = f"s3://{outputs.bucket_name}"
    return JobSpec(
        name=name,
        request=request,
        image=image_of(outputs, machine),
        instance_type=machine.instance_type,
        volume_gb=max(LEAST_GB, LEAST_GB // 2 + math.ceil(TIMES_DATA * data_bytes / 1e9)),
        kms_key_arn="" if OWN_DISK.match(machine.instance_type) else outputs.kms_key_arn,
        spot=machine.spot,
        max_run_s=machine.max_run_s,
        max_wait_s=(machine.max_wait_s or min(2 * machine.max_run_s, MOST_RUN_S)) if machine.spot else 0,
        role_arn=outputs.training_role_arn,
        subnet_ids=outputs.training_subnet_ids,
        security_group_ids=outputs.training_security_group_ids,
        channels={channel: f"{bucket}/{key}" for channel, key in keys.items() if key},
        output_uri=f"{bucket}/{JOBS}",
        checkpoint_uri=f"{bucket}/{JOBS}/{name}/checkpoints",
        environment=_environment(outputs),
        tags={
            "Project": outputs.project_name,
            "yolops:experiment": _tag(request.experiment),
            "yolops:run": _tag(request.name),
        },
    )


def _environment(outputs: Outputs) -> dict[str, str]:
    variables = {TRACKING_URI: outputs.training_tracking_uri or outputs.tracking_uri}
    if outputs.mode is Mode.CUSTOM:
        variables |= {BUCKET: outputs.bucket_name, LOGIN: outputs.training_login_secret_arn}
        variables[SECRETS_ENDPOINT] = outputs.training_secrets_endpoint
    return {name: value for name, value in variables.items() if value}


def job_name(project: str, run: str, run_id: str, most: int = MOST_NAME) -> str:
    """Return the name of a run's job: the project's, so that roles may touch it, what is left of the run's, its ID."""
    end = run_id[:ID_CHARACTERS]
    room = most - len(project) - len(end) - 2
    middle = re.sub(r"[^a-zA-Z0-9]+", "-", run)[: max(room, 0)].strip("-")
    return "-".join(part for part in (project, middle, end) if part)


def parts_of(name: str, run_id: str) -> tuple[str, int]:
    """Return the name of the first job of a run, and the number of the job that is called `name`, from 1.

    Another than the first is called like that with its number; the ID of the run ends the name of the first.
    """
    found = re.fullmatch(rf"(.*-{run_id[:ID_CHARACTERS]})-(\d+)", name) if run_id else None
    return (found[1], int(found[2])) if found else (name, 1)


def image_of(outputs: Outputs, machine: Machine) -> str:
    """Return the training image: the one that was named, a tag of the platform's repository, or AWS's own.

    Raises:
        YolopsError: the platform does not know where AWS keeps its images.
    """
    if machine.image:
        is_tag = not re.search(r"[/:]", machine.image)
        return f"{outputs.training_image_repository}:{machine.image}" if is_tag else machine.image
    if not outputs.training_image_registry:
        raise YolopsError(
            "the platform was applied by an older yolops, and does not say where AWS keeps its training images",
            "yolops up, or name an image: --image",
        )
    tag = GPU_TAG if GPU.match(machine.instance_type) else CPU_TAG
    return f"{outputs.training_image_registry}/{REPOSITORY}:{tag}"


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def _tag(text: str) -> str:
    """Return text with nothing in it that a tag of AWS cannot have."""
    return re.sub(r"[^\w\s.:/=+@-]", "_", text)[:256]
