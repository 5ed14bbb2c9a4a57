"""SageMaker's training jobs as its API shows them: what is asked for, and in which status each job is.

What really runs is in `job_run.py`; it reports here. What the rehearsal cannot run is refused when it is asked for.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import sagemaker_backends

from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.job_contract import ML, is_script_mode
from yolops.rehearsal.jobs import IN_PROGRESS, LIVING, STOPPING, check_name, refuse_any
from yolops.rehearsal.resources import Kind, Resource, create, find, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.sagemaker.models import SageMakerModelBackend
    from moto.sagemaker.responses import SageMakerResponse

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
DEFAULT_RUNTIME_S = 86400
# As DescribeTrainingJob words them; AWS says that they may change.
MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "Training job interrupted because the Spot instance was reclaimed",
    "Restarting": "Preparing other instances for training",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}


def _added(given: dict[str, Any]) -> dict[str, Any]:
    output = given["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    condition = {"MaxRuntimeInSeconds": DEFAULT_RUNTIME_S, **(given.get("StoppingCondition") or {})}
    return {
        "TrainingJobStatus": IN_PROGRESS,
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [_transition("Starting", given["CreationTime"])],
        "StoppingCondition": condition,
        "ModelArtifacts": {"S3ModelArtifacts": f"{output}/{given['TrainingJobName']}/output/model.tar.gz"},
        "EnableManagedSpotTraining": bool(given.get("EnableManagedSpotTraining")),
        "EnableNetworkIsolation": bool(given.get("EnableNetworkIsolation")),
        "EnableInterContainerTrafficEncryption": bool(given.get("EnableInterContainerTrafficEncryption")),
    }


TRAINING_JOB = Kind(
    name="TrainingJob",
    key=("TrainingJobName",),
    arn="training-job/{TrainingJobName}",
    arn_field="TrainingJobArn",
    listed="TrainingJobSummaries",
    status="",
    added=lambda _call, given: _added(given),
    missing=lambda _: ValidationError("Requested resource not found."),
)


def create_job(call: SageMakerResponse) -> ActionResult:
    """Answer CreateTrainingJob; the job is started soon after.

    Raises:
        ServiceException: the request is one that AWS refuses.
        NotImplementedError: the rehearsal cannot run such a job.
    """
    refuse(call.params)
    return create(call, TRAINING_JOB)


def launch(backend: SageMakerModelBackend, arn: str, asked: dict[str, Any], tags: list[dict[str, str]]) -> Resource:
    """Create a training job that a tuning job asks for, and return it; it is started soon after.

    Args:
        backend: where it is kept.
        arn: its ARN.
        asked: what CreateTrainingJob would be asked, and what else is known of the job.
        tags: its tags.
    """
    now = datetime.now(UTC)
    fields = asked | {"CreationTime": now, "LastModifiedTime": now}
    job = Resource(arn, fields | _added(fields), list(tags))
    kept(backend, TRAINING_JOB.name)[(asked["TrainingJobName"],)] = job
    return job


def stop_job(call: SageMakerResponse) -> ActionResult:
    """Answer StopTrainingJob, which only begins it.

    Raises:
        ServiceException: there is no such job, or it has ended.
    """
    job = find(call, TRAINING_JOB)
    status = job.fields["TrainingJobStatus"]
    if status not in LIVING:
        raise ValidationError(f"The request was rejected because the training job is in status {status}.")
    if status != STOPPING:
        move(job, STOPPING, STOPPING)
    return EmptyResult()


def move(job: Resource, status: str, secondary: str, **fields: Any) -> None:
    """Bring a job into a status, as its transitions show from now on.

    Args:
        job: the job.
        status: its TrainingJobStatus.
        secondary: its SecondaryStatus.
        fields: what else is new about it.
    """
    now = datetime.now(UTC)
    transitions = job.fields["SecondaryStatusTransitions"]
    if transitions[-1]["Status"] != secondary:
        transitions[-1]["EndTime"] = now
        transitions.append(_transition(secondary, now))
        if status not in LIVING:
            transitions[-1]["EndTime"] = now
    job.changed({"TrainingJobStatus": status, "SecondaryStatus": secondary, **fields})


def living_jobs() -> Iterator[tuple[str, Resource]]:
    """Yield the jobs that have not ended, each with its region."""
    for backend in backends_of(sagemaker_backends):
        for job in list(kept(backend, TRAINING_JOB.name).values()):
            if job.fields["TrainingJobStatus"] in LIVING:
                yield backend.region_name, job


def _transition(status: str, now: datetime) -> dict[str, Any]:
    return {"Status": status, "StartTime": now, "StatusMessage": MESSAGES[status]}


def refuse(asked: dict[str, Any]) -> None:
    """Refuse a job that AWS would refuse, or that the rehearsal cannot run.

    Raises:
        ServiceException: the request is one that AWS refuses.
        NotImplementedError: the rehearsal cannot run such a job.
    """
    _refuse_wrong(asked)
    _refuse_unknown(asked)


def _refuse_wrong(asked: dict[str, Any]) -> None:
    check_name(asked, TRAINING_JOB, NAME)
    for definition in asked["AlgorithmSpecification"].get("MetricDefinitions") or []:
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            raise ValidationError(f"Invalid regex for metric {definition['Name']}: {error}") from error
    condition = asked.get("StoppingCondition") or {}
    wait, runtime = condition.get("MaxWaitTimeInSeconds"), condition.get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_S)
    if asked.get("EnableManagedSpotTraining"):
        if wait is None or wait < runtime:
            raise ValidationError(
                "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
            )
    elif wait is not None:
        raise ValidationError("MaxWaitTimeInSeconds is only valid with EnableManagedSpotTraining.")


def _refuse_unknown(asked: dict[str, Any]) -> None:
    """Refuse what would be run in another way than AWS does it."""
    algorithm, channels = asked["AlgorithmSpecification"], asked.get("InputDataConfig") or []
    sources = [(channel.get("DataSource") or {}).get("S3DataSource") or {} for channel in channels]
    checkpoints = asked.get("CheckpointConfig") or {}
    unknown = {
        "several instances": (asked.get("ResourceConfig") or {}).get("InstanceCount", 1) != 1,
        "an image that brings its own entry point": not (
            algorithm.get("ContainerEntrypoint") or is_script_mode(asked.get("HyperParameters") or {})
        ),
        "another input mode than File": any(
            mode not in {None, "File"}
            for mode in (algorithm.get("TrainingInputMode"), *(item.get("InputMode") for item in channels))
        ),
        "another source of data than an S3 prefix": any(one.get("S3DataType") != "S3Prefix" for one in sources),
        "compressed channels": any(item.get("CompressionType") not in {None, "None"} for item in channels),
        "uncompressed models": asked["OutputDataConfig"].get("CompressionType") not in {None, "GZIP"},
        "network isolation": bool(asked.get("EnableNetworkIsolation")),
        f"checkpoints outside {ML}": not str(checkpoints.get("LocalPath", ML)).startswith(ML),
    }
    refuse_any("training jobs", unknown)
