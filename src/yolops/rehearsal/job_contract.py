"""What a training container finds when it starts: files below /opt/ml, its environment and its command.

As AWS documents it ("How Amazon SageMaker AI Provides Training Information"), and for scripts as the open-source
`sagemaker-training` toolkit does it inside AWS's framework images. Nothing here touches the machine.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ML = "/opt/ml"
HOST, NETWORK_INTERFACE, GROUP = "algo-1", "eth0", "homogeneousCluster"
PROGRAM, SUBMIT_DIRECTORY = "sagemaker_program", "sagemaker_submit_directory"
# The toolkit runs a script as a child of its own and keeps SIGTERM from it: no script hears that it is to end.
# https://github.com/aws/sagemaker-training-toolkit/issues/125
TOOLKIT = ("/bin/sh", "-c", 'trap : TERM; "$@"; exit $?', "train")
# Hyper-parameters with this prefix are for the toolkit, not for the script.
RESERVED = "sagemaker_"
# SageMaker adds it to the jobs of a tuning job; the toolkit keeps it from the script, too.
OBJECTIVE = "_tuning_objective_metric"
DIRECTORIES = ("input/config", "input/data", "code", "model", "output/data", "checkpoints")

Job = dict[str, Any]


def is_script_mode(hyperparameters: Mapping[str, str]) -> bool:
    """Return whether a job hands a script to an image that knows how to run one."""
    return PROGRAM in hyperparameters


def checkpoints_path(job: Job) -> PurePosixPath:
    """Return where a job keeps its checkpoints, below /opt/ml."""
    local = (job.get("CheckpointConfig") or {}).get("LocalPath") or f"{ML}/checkpoints"
    return PurePosixPath(local).relative_to(ML)


def config_files(job: Job) -> dict[str, Any]:
    """Return the files of /opt/ml/input/config, by name; every hyper-parameter is text there.

    Args:
        job: what DescribeTrainingJob answers.
    """
    instance = job["ResourceConfig"].get("InstanceType", "")
    group = {"instance_group_name": GROUP, "instance_type": instance, "hosts": [HOST]}
    return {
        "hyperparameters.json": dict(job.get("HyperParameters") or {}),
        "inputdataconfig.json": {
            channel["ChannelName"]: {
                "TrainingInputMode": channel.get("InputMode") or "File",
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get("S3DataDistributionType")
                or "FullyReplicated",
                "RecordWrapperType": channel.get("RecordWrapperType") or "None",
                **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
            }
            for channel in job.get("InputDataConfig") or []
        },
        "resourceconfig.json": {
            "current_host": HOST,
            "current_instance_type": instance,
            "current_group_name": GROUP,
            "hosts": [HOST],
            "instance_groups": [group],
            "network_interface_name": NETWORK_INTERFACE,
        },
    }


def command(job: Job, python: str) -> list[str]:
    """Return the command of the container: its entry point, or the script that the toolkit would run."""
    algorithm = job["AlgorithmSpecification"]
    if entrypoint := algorithm.get("ContainerEntrypoint"):
        return [*entrypoint, *(algorithm.get("ContainerArguments") or [])]
    program = _decoded(job["HyperParameters"][PROGRAM])
    how = ["/bin/sh", program] if program.endswith(".sh") else [python, program]
    return [*TOOLKIT, *how, *user_arguments(job)]


def user_arguments(job: Job) -> list[str]:
    """Return the hyper-parameters of a script as its arguments, in the order of their names."""
    found: list[str] = []
    for name, value in sorted(_own(job).items()):
        pairs = ",".join(f"{key}={one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
        found += [f"--{name}" if len(name) > 1 else f"-{name}", pairs]
    return found


def environment(job: Job, arn: str, processors: int) -> dict[str, str]:
    """Return what a job's environment holds beyond that of the image.

    Args:
        job: what DescribeTrainingJob answers.
        arn: its ARN.
        processors: how many CPUs the container has.
    """
    own = {"TRAINING_JOB_NAME": job["TrainingJobName"], "TRAINING_JOB_ARN": arn, "CURRENT_HOST": HOST}
    if not job["AlgorithmSpecification"].get("ContainerEntrypoint"):
        own |= {f"SM_{name.upper()}": _text(value) for name, value in _toolkit_variables(job, processors).items()}
    return own | (job.get("Environment") or {})


def _toolkit_variables(job: Job, processors: int) -> dict[str, Any]:
    files, own = config_files(job), _own(job)
    resources = files["resourceconfig.json"]
    channels = sorted(files["inputdataconfig.json"])
    places = {
        "input_dir": f"{ML}/input",
        "input_config_dir": f"{ML}/input/config",
        "output_dir": f"{ML}/output",
        "output_data_dir": f"{ML}/output/data",
        "output_intermediate_dir": f"{ML}/output/intermediate",
        "model_dir": f"{ML}/model",
    }
    program = _decoded(job["HyperParameters"][PROGRAM])
    about = {
        **places,
        "hosts": [HOST],
        "current_host": HOST,
        "current_instance_type": resources["current_instance_type"],
        "current_instance_group": GROUP,
        "network_interface_name": NETWORK_INTERFACE,
        "resource_config": resources,
        "input_data_config": files["inputdataconfig.json"],
        "channels": channels,
        "hps": own,
        "framework_params": {name: value for name, value in _all(job).items() if _is_reserved(name)},
        "user_entry_point": program,
        "module_name": program.removesuffix(".py"),
        "module_dir": _decoded(job["HyperParameters"].get(SUBMIT_DIRECTORY, f"{ML}/code")),
        "log_level": 20,
        "num_cpus": processors,
        "num_gpus": 0,
        "user_args": user_arguments(job),
    }
    return {
        **about,
        "training_env": about | {"job_name": job["TrainingJobName"], "hyperparameters": own},
        **{f"channel_{name}": f"{ML}/input/data/{name}" for name in channels},
        **{f"hp_{name}": value for name, value in own.items()},
    }


def _all(job: Job) -> dict[str, Any]:
    return {name: _decoded(value) for name, value in (job.get("HyperParameters") or {}).items()}


def _own(job: Job) -> dict[str, Any]:
    return {name: value for name, value in _all(job).items() if not _is_reserved(name)}


def _is_reserved(name: str) -> bool:
    return name.startswith(RESERVED) or name == OBJECTIVE


def _decoded(value: str) -> Any:
    """Return a hyper-parameter as the SDK meant it, which writes each as JSON; other callers write plain text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
