"""The main process of a training job in SageMaker: `python -m yolops.cli.training_job`.

What it is given and what it leaves behind is written in `yolops.training.job.contract`.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.aws import Aws
    from yolops.cli.console import Console
    from yolops.platform.access import Access
    from yolops.platform.outputs import Outputs
    from yolops.training.job.contract import JobPlace
    from yolops.training.session import TrainedRun

ML = "/opt/ml"


class Termination:
    """SIGTERM, remembered: a callback of a library may swallow the exception."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, *_: object) -> None:
        """Remember, and end."""
        from yolops.cli.entry import TERMINATED

        self.asked = True
        sys.exit(TERMINATED)

    def raise_if_asked(self) -> None:
        """End what should have ended already."""
        if self.asked:
            self()


def main(arguments: list[str]) -> int:
    """Run the job below `/opt/ml`, or below the directory that is named, and return its exit code."""
    from yolops.cli.console import Console, print_bug, print_error
    from yolops.cli.entry import BUG
    from yolops.training.job.contract import JobPlace

    termination = Termination()
    signal.signal(signal.SIGTERM, termination)
    place = JobPlace(Path(arguments[0] if arguments else ML))
    console = Console()
    try:
        run = _run(place, os.environ, console, termination)
    except YolopsError as error:
        print_error(error)
        _say_failure(place, f"{error.message}; {error.hint}")
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence
        print_bug(error, verbose=True)
        _say_failure(place, f"{type(error).__name__}: {error}")
        return BUG
    # A tuning job reads the value of a trial here.
    console.note("   ".join(f"{name} {value:.6f}" for name, value in run.trained.metrics.items()))
    return 0


def _run(place: JobPlace, environ: Mapping[str, str], console: Console, termination: Termination) -> TrainedRun:
    from yolops.aws import Aws
    from yolops.cli.training import threads
    from yolops.cli.training_display import TrainingDisplay
    from yolops.tracking.managed import mlflow_of
    from yolops.training.job.contract import JOB_NAME
    from yolops.training.job.running import JobTraining
    from yolops.training.job.trial_run import with_own_run
    from yolops.training.sending import BackgroundSenders
    from yolops.training.ultralytics_trainer import UltralyticsTrainer

    request = place.request()
    place.work.mkdir(parents=True, exist_ok=True)
    # SageMaker documents the ARN of the job for every container, and no variable with the region.
    aws = Aws(environ.get("AWS_REGION") or f"{environ.get('TRAINING_JOB_ARN', '')}:::".split(":")[3])
    outputs = _outputs(environ)
    access = _access(outputs, environ, aws, place.work)
    if request.parent_run:
        request = with_own_run(mlflow_of(access), request, environ[JOB_NAME])
        place = replace(place, trial=request.name)
        place.checkpoints.mkdir(parents=True, exist_ok=True)
    trainer = UltralyticsTrainer(
        place.work / "ultralytics", threads=threads(environ.get("OMP_NUM_THREADS", ""), os.cpu_count() or 1)
    )
    display = TrainingDisplay(console, termination.raise_if_asked)
    command_line = ["yolops", "train", "--on", "sagemaker"]
    return JobTraining(place, request, aws, display, trainer.gpus).run(
        trainer, outputs, lambda _: BackgroundSenders(access), command_line
    )


def _outputs(environ: Mapping[str, str]) -> Outputs:
    from yolops.platform.outputs import Mode, Outputs
    from yolops.training.job.contract import BUCKET, TRACKING_URI

    uri, bucket = environ.get(TRACKING_URI, "").rstrip("/"), environ.get(BUCKET, "")
    if not uri:
        raise YolopsError(
            f"{TRACKING_URI} is not set, so there is no run to train for", "set it in the job's Environment"
        )
    mode = Mode.STUDIO if uri.startswith("arn:") else Mode.CUSTOM if bucket else Mode.EXTERNAL
    return Outputs(mode, uri, artifact_uri="", ui_url=uri, bucket_name=bucket)


def _access(outputs: Outputs, environ: Mapping[str, str], aws: Aws, directory: Path) -> Access:
    """Return how MLflow is entered; its login comes from the secret that is named, never from the environment."""
    from yolops.platform.access import Access, Credentials, kept_login
    from yolops.platform.root_certificate import trust_in
    from yolops.training.job.contract import LOGIN

    secret = environ.get(LOGIN, "")
    if secret and not outputs.tracking_uri.startswith("https://"):
        raise YolopsError(f"{outputs.tracking_uri}: a login would be readable on its way", "give an https:// address")
    trust = trust_in(outputs, aws, directory)
    if trust.file is not None:
        trust.renew()
    return Access(outputs.tracking_uri, kept_login(aws, secret) if secret else Credentials(), trust)


def _say_failure(place: JobPlace, reason: str) -> None:
    place.failure.parent.mkdir(parents=True, exist_ok=True)
    place.failure.write_text(reason, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
