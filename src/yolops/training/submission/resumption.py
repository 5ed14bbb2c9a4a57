"""A training that goes on in another job: what that will be, and why it must not. The code, the dataset and the
checkpoints are those of the job before, out of the bucket, so that the same training goes on; touches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yolops.datasets.fingerprint import digest
from yolops.errors import UsageError, YolopsError
from yolops.training.job.contract import JobRequest
from yolops.training.sagemaker_job import COMPLETED
from yolops.training.submission.spec import GPU, Machine, parts_of, plan_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.platform.outputs import Outputs
    from yolops.tracking.runs import RunSummary
    from yolops.training.sagemaker_job import Job
    from yolops.training.submission.spec import JobSpec


@dataclass(frozen=True)
class Changes:
    """What a person wants otherwise than in the job before; what is empty stays as it was.

    Attributes:
        instance_type: what it runs on.
        spot: whether on spot instances.
        max_run_s: seconds that the new job may run.
        max_wait_s: the same with all waiting.
    """

    instance_type: str = ""
    spot: bool | None = None
    max_run_s: int | None = None
    max_wait_s: int = 0


@dataclass(frozen=True)
class Former:
    """A job as it was asked for, as far as another one goes on with it.

    Attributes:
        name: its name.
        request: what it trains.
        machine: what it ran on.
        volume_gb: its disk.
        channels: where each of its inputs is in S3.
        checkpoint_uri: where its checkpoints are kept.
    """

    name: str
    request: JobRequest
    machine: Machine
    volume_gb: int
    channels: Mapping[str, str]
    checkpoint_uri: str


def read_former(described: Mapping[str, Any]) -> Former:
    """Return the job that an answer of DescribeTrainingJob is about.

    Raises:
        YolopsError: it is none of `yolops train`.
    """
    resources, stopping = described["ResourceConfig"], described["StoppingCondition"]
    machine = Machine(
        instance_type=resources["InstanceType"],
        image=described["AlgorithmSpecification"]["TrainingImage"],
        spot=bool(described.get("EnableManagedSpotTraining")),
        max_run_s=stopping["MaxRuntimeInSeconds"],
        max_wait_s=stopping.get("MaxWaitTimeInSeconds", 0),
    )
    channels = described.get("InputDataConfig") or []
    return Former(
        name=described["TrainingJobName"],
        request=JobRequest.from_hyperparameters(described.get("HyperParameters") or {}),
        machine=machine,
        volume_gb=resources["VolumeSizeInGB"],
        channels={one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"] for one in channels},
        checkpoint_uri=(described.get("CheckpointConfig") or {}).get("S3Uri", ""),
    )


def changed(machine: Machine, wanted: Changes) -> Machine:
    """Return the machine of the new job.

    Raises:
        UsageError: the image of the job before does not run on it.
    """
    kind = wanted.instance_type or machine.instance_type
    if bool(GPU.match(kind)) != bool(GPU.match(machine.instance_type)):
        raise UsageError(
            f"--instance-type {kind}: the training began on {machine.instance_type}, and its image is for that kind",
            "take one that has GPUs if that has, and none if it has none",
        )
    spot = machine.spot if wanted.spot is None else wanted.spot
    # How long to wait depends on how long it may run.
    waits = machine.max_wait_s if spot and wanted.max_run_s is None else 0
    return replace(
        machine,
        instance_type=kind,
        spot=spot,
        max_run_s=machine.max_run_s if wanted.max_run_s is None else wanted.max_run_s,
        max_wait_s=wanted.max_wait_s or waits,
    )


def plan_resumed(outputs: Outputs, former: Former, machine: Machine) -> JobSpec:
    """Return the job that goes on where another one ended.

    Args:
        outputs: the platform as it is now.
        former: the job before.
        machine: what it shall run on.
    """
    keys = {name: uri.removeprefix(f"s3://{outputs.bucket_name}/") for name, uri in former.channels.items()}
    first, number = parts_of(former.name, former.request.run_id)
    spec = plan_job(
        outputs,
        machine,
        former.request,
        name=f"{first}-{number + 1}",
        keys=keys,
        data_bytes=0,
    )
    return replace(spec, volume_gb=former.volume_gb, checkpoint_uri=former.checkpoint_uri)


def refuse(run: RunSummary, newest: Job, former: Former) -> None:
    """Refuse what cannot go on, or would go on as another training.

    Args:
        run: as MLflow has it.
        newest: the newest job of the run.
        former: the same, as it was asked for.

    Raises:
        YolopsError: with the reason.
    """
    request = former.request
    if request.parent_run:
        message = f"{newest.name}: is a trial of a search, which goes on by itself and ends with it"
        raise YolopsError(message, "train with its arguments: yolops tune --on sagemaker --resume last shows them")
    if newest.lives:
        raise YolopsError(
            f"{run.name}: its job {newest.name} has not ended ({newest.stage})",
            f"follow it: yolops jobs logs --follow {newest.name}; stop it: yolops jobs stop {newest.name}",
        )
    if newest.status == COMPLETED or run.status == "FINISHED":
        raise YolopsError(f"{run.name}: this training is finished", "start a new one without --resume")
    recorded = run.tags.get("yolops.dataset", "")
    if recorded and recorded != digest(request.version):
        raise YolopsError(
            f"{run.name}: the run is about dataset {recorded}, and its job about {digest(request.version)}",
            "start a new training; a run is about one dataset",
        )
