"""What a training job of yolops is given, and what it leaves behind. Whoever starts a job reads this file alone.

CreateTrainingJob gets

    AlgorithmSpecification.ContainerEntrypoint
        ends in `python3 -m yolops.cli.training_job`, which must become the main process (a shell in front of it says
        `exec`): only that one hears SIGTERM, and the training toolkit keeps it from scripts
    HyperParameters
        `JobRequest.as_hyperparameters()`: one, `yolops`, of JSON
    InputDataConfig, in File mode
        `training`: a dataset in YOLO format with its data.yaml, or what lies below `datasets/NAME` with a version in
        it; left out where the job shall fetch the version for itself, which is quicker for small files.
        `model`: the file that `JobRequest.model` names; left out where that is built into ultralytics
        In a trial of a tuning job there are others, as text: the values drawn for it.
    Environment
        MLFLOW_TRACKING_URI: an address, or the ARN of a managed MLflow
        YOLOPS_LOGIN_SECRET_ARN: a secret `{"username": ..., "password": ...}` that the job's role may read; left out
        where MLflow asks for no login, or for that of AWS
        YOLOPS_BUCKET: in custom mode the platform's bucket, from which the certificate of the server comes
    CheckpointConfig.LocalPath
        /opt/ml/checkpoints, which is the default

CreateHyperParameterTuningJob takes no entry point; a script does the same there (`submission/tuning_spec.py`) and never
hears SIGTERM: a trial that is interrupted goes on behind its last whole epoch. All trials share one checkpoint URI, so
each keeps to a directory below it that is called like its job.

The run exists in MLflow before the job does, SCHEDULED; that of a trial is made by the trial, below that of the search.
It is RUNNING while an instance trains, KILLED from SIGTERM until another instance goes on, and in the end FINISHED or
FAILED, as after `yolops train`.

The job leaves

    /opt/ml/model                best.pt, last.pt, results.csv and args.yaml; they become model.tar.gz
    /opt/ml/checkpoints          two archives, each written elsewhere and moved here whole: see `checkpoints.py`
    /opt/ml/output/failure       why it failed, in words: message, and what to do
    /opt/ml/output/data/spool    what MLflow has not got, where it did not answer at the end

and ends with exit code 0, 1 for an error that a person can mend, 70 for a bug, 143 after SIGTERM. It works in
/opt/ml/yolops, on the volume of the job; nothing of that is uploaded.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.training.arguments import parse_value
from yolops.training.search_space import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MODULE = "yolops.cli.training_job"
HYPERPARAMETER = "yolops"
TRAINING, MODEL = "training", "model"
# Of the toolkit, and what SageMaker adds to the trials of a tuning job.
NOT_DRAWN = (HYPERPARAMETER, "sagemaker_", "_tuning_")
# SageMaker sets it in every container.
JOB_NAME = "TRAINING_JOB_NAME"
TRACKING_URI, LOGIN, BUCKET = "MLFLOW_TRACKING_URI", "YOLOPS_LOGIN_SECRET_ARN", "YOLOPS_BUCKET"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
MOST_CHARACTERS = 2500


@dataclass(frozen=True)
class JobRequest:
    """What a job shall train.

    Attributes:
        run_id: the run in MLflow; empty in a tuning job, whose trials each make their own.
        experiment: the experiment it is in.
        name: its name.
        model: the name of published weights or of a built-in model, or that of the file in channel `model`.
        arguments: the trainer's own arguments.
        register_as: name of the registered model; empty for none.
        alias: alias of the registered version; empty for none.
        dataset: where versions of the dataset are kept, `s3://bucket/datasets/NAME`; empty for what the channel holds.
        version: fingerprint of the dataset, whole; empty for a channel with a data.yaml.
        parent_run: the run of the search that this is a trial of; empty for a training of its own.
    """

    run_id: str
    experiment: str
    name: str
    model: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    register_as: str = ""
    alias: str = ""
    dataset: str = ""
    version: str = ""
    parent_run: str = ""

    def as_hyperparameters(self) -> dict[str, str]:
        """Return the hyper-parameters that hold it.

        Raises:
            YolopsError: they are more than SageMaker takes.
        """
        text = json.dumps(asdict(self), separators=(",", ":"))
        if len(text) > MOST_CHARACTERS:
            raise YolopsError(
                f"the arguments of the training have {len(text)} characters, and a job takes {MOST_CHARACTERS}",
                "give fewer of them, or shorter names",
            )
        return {HYPERPARAMETER: text}

    def on_every_gpu(self, count: int) -> JobRequest:
        """Return the same on all GPUs of the instance, which are paid for, unless the arguments say otherwise."""
        batch = self.arguments.get("batch")
        is_chosen_by_trainer = isinstance(batch, int | float) and batch < 1  # which it can do on one GPU only
        if count < 2 or "device" in self.arguments or is_chosen_by_trainer:
            return self
        return replace(self, arguments={**self.arguments, "device": ",".join(map(str, range(count)))})

    @classmethod
    def from_hyperparameters(cls, values: Mapping[str, str]) -> JobRequest:
        """Return what hyper-parameters hold; in a trial, what was drawn for it is among the arguments.

        Raises:
            YolopsError: they were not written by `as_hyperparameters`.
        """
        try:
            request = cls(**json.loads(values[HYPERPARAMETER]))
        except (KeyError, TypeError, ValueError) as error:
            raise YolopsError(
                f"the hyper-parameters are not those of a job of yolops ({type(error).__name__}: {error})",
                "start jobs with: yolops train --on sagemaker",
            ) from error
        if not request.parent_run:
            return request
        return replace(request, arguments={**request.arguments, **drawn_arguments(values)})


def drawn_arguments(values: Mapping[str, str]) -> dict[str, object]:
    """Return the arguments that a tuning job has drawn, out of the hyper-parameters of a trial."""
    return {name: rounded(parse_value(text)) for name, text in values.items() if not name.startswith(NOT_DRAWN)}


@dataclass(frozen=True)
class JobPlace:
    """The directories of a job.

    Attributes:
        ml: `/opt/ml`, or another directory that is laid out like it.
        trial: the name of the job, if it shares the place of its checkpoints with others.
    """

    ml: Path
    trial: str = ""

    def request(self) -> JobRequest:
        """Return what shall be trained.

        Raises:
            YolopsError: the hyper-parameters are not there, or are those of another program.
        """
        file = self.ml / "input" / "config" / "hyperparameters.json"
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise YolopsError(f"{file}: cannot be read ({error})", "this program runs in a training job") from error
        return JobRequest.from_hyperparameters(values)

    def channel(self, name: str) -> Path:
        """Return the directory of a channel; it is not there where the job has none of that name."""
        return self.ml / "input" / "data" / name

    @property
    def work(self) -> Path:
        """What the training works in."""
        return self.ml / "yolops"

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz."""
        return self.ml / "model"

    @property
    def checkpoints(self) -> Path:
        """What SageMaker copies to S3 while the job runs, and back onto the next instance."""
        return self.ml / "checkpoints" / self.trial

    @property
    def unsent(self) -> Path:
        """Where what MLflow has not got is left."""
        return self.ml / "output" / "data" / "spool"

    @property
    def failure(self) -> Path:
        """What SageMaker shows as the reason of a failure."""
        return self.ml / "output" / "failure"
