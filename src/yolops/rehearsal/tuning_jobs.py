"""SageMaker's tuning jobs: each starts real training jobs of the rehearsal, until it has had as many as were asked for.

A value of the objective is what the training job's MetricDefinitions found last in its log ("the latest objective
metric emitted by a training job", FinalHyperParameterTuningJobObjectiveMetric). What is not rehearsed is refused when
it is asked for. Checkpoints of all its jobs go where CheckpointConfig says, as AWS documents nothing else: a job that
does not keep its own apart there goes on from those of another one.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import sagemaker_backends

from yolops.rehearsal import training_jobs
from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.job_contract import OBJECTIVE
from yolops.rehearsal.jobs import IN_PROGRESS, LIVING, STOPPING, check_name, page, refuse_any
from yolops.rehearsal.resources import Kind, create, find, kept
from yolops.rehearsal.training_jobs import TRAINING_JOB
from yolops.rehearsal.tuning_draws import draw, why_wrong

if TYPE_CHECKING:
    from moto.sagemaker.models import SageMakerModelBackend
    from moto.sagemaker.responses import SageMakerResponse

    from yolops.rehearsal.resources import Resource

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}")
STRATEGIES = frozenset({"Bayesian", "Random"})
# What of a definition is no part of CreateTrainingJob.
OF_TUNING = frozenset({"DefinitionName", "TuningObjective", "HyperParameterRanges", "StaticHyperParameters"})
COUNTED = {
    "Completed": "Completed",
    IN_PROGRESS: IN_PROGRESS,
    STOPPING: IN_PROGRESS,
    "Failed": "NonRetryableError",
    "Stopped": "Stopped",
}
# As DescribeHyperParameterTuningJob words them.
ALL_FAILED = "All training jobs failed. Please take a look at the training job failures to get more details."
MOST_WITHOUT_METRIC = 5
NO_METRIC = (
    f"No objective metrics found after running {MOST_WITHOUT_METRIC} training jobs. Please ensure that the custom "
    "algorithm is emitting the objective metric as defined by the regular expression provided."
)


def _added(_call: SageMakerResponse, given: dict[str, Any]) -> dict[str, Any]:
    config = given["HyperParameterTuningJobConfig"]
    summary = {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
    return {
        "HyperParameterTuningJobStatus": IN_PROGRESS,
        "Seed": uuid.uuid4().hex,
        **summary,
        **_counted([], given),
    }


TUNING_JOB = Kind(
    name="HyperParameterTuningJob",
    key=("HyperParameterTuningJobName",),
    arn="hyper-parameter-tuning-job/{HyperParameterTuningJobName}",
    arn_field="HyperParameterTuningJobArn",
    listed="HyperParameterTuningJobSummaries",
    status="",
    added=_added,
    missing=lambda _: ValidationError("Requested resource not found."),
)


def create_job(call: SageMakerResponse) -> ActionResult:
    """Answer CreateHyperParameterTuningJob; its first training jobs are started soon after.

    Raises:
        ServiceException: the request is one that AWS refuses.
        NotImplementedError: the rehearsal cannot run such a job.
    """
    asked = call.params
    _refuse_unknown(asked)
    _refuse_wrong(asked)
    training_jobs.refuse(_request(asked, "trial", {}))
    return create(call, TUNING_JOB)


def list_training_jobs(call: SageMakerResponse) -> ActionResult:
    """Answer ListTrainingJobsForHyperParameterTuningJob, in pages.

    Raises:
        ServiceException: there is no such tuning job.
    """
    asked, tuning = call.params, find(call, TUNING_JOB)
    rows = [
        summary
        for job in _jobs_of(call.sagemaker_backend, tuning)
        if (summary := _summary(job, tuning.fields))
        and asked.get("StatusEquals") in {None, summary["TrainingJobStatus"]}
    ]
    order = str(asked.get("SortBy"))
    if order == "FinalObjectiveMetricValue":  # those without one are left out
        rows = [row for row in rows if "FinalHyperParameterTuningJobObjectiveMetric" in row]
        rows.sort(key=_value)
    else:
        key = {"Status": "TrainingJobStatus", "CreationTime": "CreationTime"}.get(order, "TrainingJobName")
        rows.sort(key=lambda row: str(row[key]))
    if asked.get("SortOrder") == "Descending":
        rows.reverse()
    return page(asked, rows, TRAINING_JOB.listed)


def stop_job(call: SageMakerResponse) -> EmptyResult:
    """Answer StopHyperParameterTuningJob: its training jobs are stopped, and none is started any more.

    Raises:
        ServiceException: there is no such tuning job, or it has ended.
    """
    tuning = find(call, TUNING_JOB)
    status = tuning.fields["HyperParameterTuningJobStatus"]
    if status not in LIVING:
        raise ValidationError(f"The request was rejected because the tuning job is in status {status}.")
    tuning.changed({"HyperParameterTuningJobStatus": STOPPING})
    for job in _jobs_of(call.sagemaker_backend, tuning):
        if job.fields["TrainingJobStatus"] == IN_PROGRESS:
            training_jobs.move(job, STOPPING, STOPPING)
    return EmptyResult()


def converge() -> bool:
    """Bring every tuning job to where its training jobs are, start the next ones, and return if anything changed."""
    changed = False
    for backend in backends_of(sagemaker_backends):
        for tuning in list(kept(backend, TUNING_JOB.name).values()):
            if tuning.fields["HyperParameterTuningJobStatus"] in LIVING:
                changed |= _advance(backend, tuning)
    return changed


def _advance(backend: SageMakerModelBackend, tuning: Resource) -> bool:
    jobs, fields = _jobs_of(backend, tuning), tuning.fields
    limits = fields["HyperParameterTuningJobConfig"]["ResourceLimits"]
    most, counts = limits["MaxNumberOfTrainingJobs"], _counted(jobs, fields)
    living = counts["TrainingJobStatusCounters"]["InProgress"]
    new: dict[str, Any] = {**counts}
    if best := _best(jobs, fields):
        new["BestTrainingJob"] = best
    is_blind = not best and counts["TrainingJobStatusCounters"]["Completed"] >= MOST_WITHOUT_METRIC
    if fields["HyperParameterTuningJobStatus"] == IN_PROGRESS and not is_blind:
        for _ in range(min(most - len(jobs), limits["MaxParallelTrainingJobs"] - living)):
            jobs.append(_start(backend, tuning, len(jobs) + 1))
            living += 1
        new |= _counted(jobs, fields)
    if not living:
        new |= _ended(fields["HyperParameterTuningJobStatus"], counts, is_blind=is_blind)
    if all(fields.get(name) == value for name, value in new.items()):
        return False
    tuning.changed(new)
    return True


def _ended(status: str, counts: dict[str, Any], *, is_blind: bool) -> dict[str, Any]:
    now = {"HyperParameterTuningEndTime": datetime.now(UTC)}
    if status == STOPPING:
        return {"HyperParameterTuningJobStatus": "Stopped", **now}
    if is_blind or not counts["TrainingJobStatusCounters"]["Completed"]:
        return {
            "HyperParameterTuningJobStatus": "Failed",
            "FailureReason": NO_METRIC if is_blind else ALL_FAILED,
            **now,
        }
    return {"HyperParameterTuningJobStatus": "Completed", **now}


def _start(backend: SageMakerModelBackend, tuning: Resource, number: int) -> Resource:
    fields = tuning.fields
    config = fields["HyperParameterTuningJobConfig"]
    tuned = draw(_ranges(fields), f"{config.get('RandomSeed', fields['Seed'])}/{number}")
    name = f"{fields['HyperParameterTuningJobName']}-{number:03}-{uuid.uuid4().hex[:8]}"
    about = {"TuningJobArn": tuning.arn, "TunedHyperParameters": tuned}
    arn = f"{tuning.arn.rpartition(':')[0]}:training-job/{name}"
    return training_jobs.launch(backend, arn, _request(fields, name, tuned) | about, tuning.tags)


def _request(fields: dict[str, Any], name: str, tuned: dict[str, str]) -> dict[str, Any]:
    """Return what CreateTrainingJob would be asked for one of the training jobs."""
    definition = fields["TrainingJobDefinition"]
    fixed = definition.get("StaticHyperParameters") or {}
    own = {name: value for name, value in definition.items() if name not in OF_TUNING}
    return {
        **own,
        "TrainingJobName": name,
        "HyperParameters": {**fixed, **tuned, OBJECTIVE: _objective(fields)["MetricName"]},
    }


def _jobs_of(backend: SageMakerModelBackend, tuning: Resource) -> list[Resource]:
    jobs = list(kept(backend, TRAINING_JOB.name).values())
    return [job for job in jobs if job.fields.get("TuningJobArn") == tuning.arn]


def _counted(jobs: list[Resource], fields: dict[str, Any]) -> dict[str, Any]:
    statuses = Counter(COUNTED[job.fields["TrainingJobStatus"]] for job in jobs)
    objectives = Counter(_summary(job, fields)["ObjectiveStatus"] for job in jobs)
    names = ("Completed", IN_PROGRESS, "RetryableError", "NonRetryableError", "Stopped")
    return {
        "TrainingJobStatusCounters": {name: statuses[name] for name in names},
        "ObjectiveStatusCounters": {name: objectives[name] for name in ("Succeeded", "Pending", "Failed")},
    }


def _best(jobs: list[Resource], fields: dict[str, Any]) -> dict[str, Any] | None:
    done = [_summary(job, fields) for job in jobs if job.fields["TrainingJobStatus"] == "Completed"]
    measured = [row for row in done if row["ObjectiveStatus"] == "Succeeded"]
    choose = max if _objective(fields)["Type"] == "Maximize" else min
    return choose(measured, key=_value) if measured else None


def _summary(job: Resource, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a training job as HyperParameterTrainingJobSummary."""
    objective, own = _objective(fields), job.fields
    values = [
        one["Value"] for one in own.get("FinalMetricDataList") or [] if one["MetricName"] == objective["MetricName"]
    ]
    metric = {"FinalHyperParameterTuningJobObjectiveMetric": {**objective, "Value": values[0]}} if values else {}
    ended = own["TrainingJobStatus"] not in LIVING
    names = ("TrainingJobName", "CreationTime", "TrainingJobStatus", "TunedHyperParameters")
    times = ("TrainingStartTime", "TrainingEndTime", "FailureReason")
    return {
        **{name: own[name] for name in names},
        **{name: own[name] for name in times if name in own},
        "TrainingJobArn": job.arn,
        "TuningJobName": fields["HyperParameterTuningJobName"],
        "ObjectiveStatus": ("Succeeded" if values else "Failed") if ended else "Pending",
        **metric,
    }


def _value(row: dict[str, Any]) -> float:
    return float(row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def _objective(fields: dict[str, Any]) -> dict[str, str]:
    config = fields["HyperParameterTuningJobConfig"]
    return dict(
        config.get("HyperParameterTuningJobObjective") or fields["TrainingJobDefinition"].get("TuningObjective") or {}
    )


def _ranges(fields: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    config = fields["HyperParameterTuningJobConfig"]
    return dict(config.get("ParameterRanges") or fields["TrainingJobDefinition"].get("HyperParameterRanges") or {})


def _refuse_wrong(asked: dict[str, Any]) -> None:
    check_name(asked, TUNING_JOB, NAME)
    definition = asked["TrainingJobDefinition"]
    if why := why_wrong(_ranges(asked)):
        raise ValidationError(why)
    defined = {one["Name"] for one in definition["AlgorithmSpecification"].get("MetricDefinitions") or []}
    if (metric := _objective(asked).get("MetricName")) not in defined:
        raise ValidationError(f"The objective metric {metric} is not one of the metric definitions.")
    tuned = {one["Name"] for kind in _ranges(asked).values() for one in kind}
    if both := sorted(tuned & set(definition.get("StaticHyperParameters") or {})):
        raise ValidationError(f"Hyperparameters are both static and tuned: {', '.join(both)}")


def _refuse_unknown(asked: dict[str, Any]) -> None:
    """Refuse what would be run in another way than AWS does it."""
    config = asked["HyperParameterTuningJobConfig"]
    unknown = {
        f"strategy {config['Strategy']}": config["Strategy"] not in STRATEGIES,
        "several definitions": not asked.get("TrainingJobDefinition"),
        "warm start": bool(asked.get("WarmStartConfig")),
        "Autotune": bool(asked.get("Autotune")),
        "early stopping": config.get("TrainingJobEarlyStoppingType", "Off") != "Off",
        "completion criteria": bool(config.get("TuningJobCompletionCriteria")),
        "a maximum run time": "MaxRuntimeInSeconds" in config["ResourceLimits"],
        "no maximum number of training jobs": "MaxNumberOfTrainingJobs" not in config["ResourceLimits"],
        "parameters whose range AWS chooses": bool((config.get("ParameterRanges") or {}).get("AutoParameters")),
        "a choice of instances": bool(
            (asked.get("TrainingJobDefinition") or {}).get("HyperParameterTuningResourceConfig")
        ),
        "retries": bool((asked.get("TrainingJobDefinition") or {}).get("RetryStrategy")),
    }
    refuse_any("tuning jobs", unknown)
