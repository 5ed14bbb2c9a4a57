"""One training job from its dataset to its model: the same training as `yolops train`, around what SageMaker gives."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.images import Level
from yolops.datasets.versions.catalogue import find_version
from yolops.datasets.versions.manifest import version_key
from yolops.datasets.versions.pull import pull
from yolops.datasets.versions.store import bucket, directory
from yolops.errors import YolopsError
from yolops.tracking.run_logger import RunLogger
from yolops.tracking.spool import RunIntent, Spool
from yolops.training.job.checkpoints import Checkpoints
from yolops.training.job.contract import MODEL, TRAINING
from yolops.training.run_directory import RUNS, RunDirectory, TrainRequest
from yolops.training.session import Parts, TrainingSession, ended_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from yolops.aws import Aws
    from yolops.platform.outputs import Outputs
    from yolops.training.job.contract import JobPlace, JobRequest
    from yolops.training.run_observer import Display
    from yolops.training.sending import Senders
    from yolops.training.session import TrainedRun
    from yolops.training.trainer import Trainer

# Each second is billed; a server that is started anew is back by then.
PATIENCE_S = 300.0
# Of the two minutes between SIGTERM and SIGKILL; what MLflow has not got by then, the next instance sends.
LAST_WORDS_S = 60.0
POLL_S = 0.1
KEPT = ("weights/best.pt", "weights/last.pt", "results.csv", "args.yaml")


class JobTraining:
    """Trains what a job was asked for.

    Args:
        place: the directories of the job.
        request: what it was asked for.
        aws: where versions of datasets are fetched from.
        display: shows what is going on.
        gpus: counts those of the instance; called once there is something to train.
    """

    def __init__(
        self, place: JobPlace, request: JobRequest, aws: Aws, display: Display, gpus: Callable[[], int] = lambda: 0
    ) -> None:
        self._place = place
        self._request = request
        self._aws = aws
        self._display = display
        self._gpus = gpus
        self._checkpoints = Checkpoints(place.checkpoints, place.work)
        self._runs = place.work / RUNS
        self._spool = Spool(self._runs / request.name / "spool")
        self._has_begun = False

    def run(
        self,
        trainer: Trainer,
        outputs: Outputs,
        senders: Callable[[Outputs], Senders],
        command_line: Sequence[str],
    ) -> TrainedRun:
        """Train, from the newest checkpoint on if there is one, and leave the model where SageMaker takes it from.

        Raises:
            YolopsError: it cannot be done, or it failed; the run says so.
        """

        def begin() -> Outputs:
            self._has_begun = True
            return outputs

        weights = self._place.work / "weights"
        parts = Parts(trainer, begin, self._runs, weights, command_line, self._display, senders)
        session = TrainingSession(parts, saved=self._checkpoints.keep, goes_on="")
        try:
            run = self._train(session)
        except Exception as error:
            if not self._has_begun:
                self._say_failed(error, outputs, senders(outputs))
            self._wait_for_mlflow(LAST_WORDS_S)
            raise
        except BaseException:
            self._leave_model()  # of a job that is stopped for good it is kept
            if self._spool.owner() is not None:  # it trained, and has said how that ended
                self._wait_for_mlflow(LAST_WORDS_S)
            raise
        self._leave_model()
        if not self._wait_for_mlflow(PATIENCE_S):
            shutil.copytree(self._spool.directory, self._place.unsent, dirs_exist_ok=True)
            self._display.note(f"MLflow does not answer; what it has not got is in {self._place.unsent}")
        return run

    def _train(self, session: TrainingSession) -> TrainedRun:
        shutil.rmtree(self._runs, ignore_errors=True)  # all that counts of an earlier process is in its checkpoints
        self._runs.mkdir(parents=True)
        data = self._dataset()
        dataset = read_dataset(data)
        report = check(dataset, level=Level.QUICK if self._request.version else Level.DEFAULT)
        if self._request.version:  # every byte was compared with it, and looked at before it was pushed
            report = replace(report, fingerprint=self._request.version)
        if report.errors:
            first = report.errors[0]
            raise YolopsError(f"the dataset has errors: {first.where}: {first.what}", first.fix)
        if epoch := self._checkpoints.restore(self._runs / self._request.name):
            self._display.note(f"going on behind epoch {epoch}")
            return session.resume(RunDirectory.load(self._runs / self._request.name), dataset, report, {})
        return session.train(self._train_request(data), dataset, report, run_id=self._request.run_id)

    def _dataset(self) -> Path:
        """Return the data.yaml to train on, or the directory it is in."""
        channel, wanted = self._place.channel(TRAINING), self._request
        if not wanted.version:
            return channel
        where, _, name = wanted.dataset.rstrip("/").rpartition("/")
        target = self._place.work / "dataset" / (name or "dataset")
        if (channel / version_key(".", wanted.version)).is_file():
            store, name = directory(channel.parent), channel.name
        else:
            store = bucket(self._aws, where)
        if not target.exists():
            pull(store, name, find_version(store, name, wanted.version), target)
        return target

    def _train_request(self, data: Path) -> TrainRequest:
        wanted = self._request
        file = self._place.channel(MODEL) / wanted.model
        return TrainRequest(
            data=str(data),
            model=str(file) if file.is_file() else wanted.model,
            experiment=wanted.experiment,
            name=wanted.name,
            arguments=wanted.on_every_gpu(self._gpus()).arguments,
            register_as=wanted.register_as,
            alias=wanted.alias,
        )

    def _say_failed(self, error: Exception, outputs: Outputs, senders: Senders) -> None:
        """Tell the run why there will be no training."""
        wanted = self._request
        if not self._spool.records_file.exists():
            intent = RunIntent.now(outputs.tracking_uri, wanted.experiment, wanted.name, wanted.run_id)
            Spool.create(self._spool.directory, intent)
        end, reason = ended_by(error, "stopped")
        logger = RunLogger(self._spool)
        logger.tags({"yolops.error": reason})
        logger.end(end)
        senders.start(self._spool)

    def _leave_model(self) -> None:
        self._place.model.mkdir(parents=True, exist_ok=True)
        for path in (self._runs / self._request.name / name for name in KEPT):
            if path.exists():
                shutil.copyfile(path, self._place.model / path.name)

    def _wait_for_mlflow(self, seconds: float) -> bool:
        """Wait until MLflow has all of a run that has ended: with this process its sender ends."""
        end = time.monotonic() + seconds
        while self._spool.records_file.exists() and not self._spool.is_delivered():
            if time.monotonic() > end or self._spool.progress().gave_up:
                return False
            time.sleep(POLL_S)
        return True
