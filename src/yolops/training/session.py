"""One training from its beginning to its end: lay out the data, record the run, train, keep what came out."""

from __future__ import annotations

import json
import os
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psutil

from yolops.datasets.normalise import write_training_yaml
from yolops.errors import YolopsError
from yolops.models.request import ModelRequest
from yolops.process import ProcessIdentity
from yolops.tracking.provenance import all_packages, code_tags, hardware_tags, package_tags
from yolops.tracking.run_logger import DatasetInput, RunEnd, RunLogger
from yolops.tracking.spool import Progress, RunIntent, Spool
from yolops.training.run_directory import RunDirectory, TrainRequest
from yolops.training.sending import MODEL, start_sender, wait_until_delivered
from yolops.training.trainer import Trained, Trainer, TrainSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yolops.datasets.description import Dataset
    from yolops.datasets.report import Report
    from yolops.platform.outputs import Outputs

PLOTS = (".png", ".jpg")
PACKAGE_LIST = "packages.txt"
DATASET_REPORT = "dataset.json"


@dataclass(frozen=True)
class TrainedRun:
    """A training that is done, and what MLflow has of it.

    Attributes:
        directory: where its files are.
        trained: what came out.
        progress: what MLflow acknowledged.
        seconds: how long it took.
        delivered: whether MLflow has all of it.
        url: the run in the MLflow UI.
        platform_url: the MLflow UI.
    """

    directory: RunDirectory
    trained: Trained
    progress: Progress
    seconds: float
    delivered: bool
    url: str
    platform_url: str


class Display(Protocol):
    """Shows a person what a training does."""

    def note(self, line: str) -> None:
        """Say one thing."""
        ...

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        """In epoch `number` of `epochs`, `done` of `total` batches are trained."""
        ...

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Epoch `number` is done."""
        ...


class TrainingSession:
    """Trains and records.

    Args:
        trainer: does the training.
        outputs: the platform that the run goes to.
        runs: where the directories of trainings are.
        weights: where downloaded weights are kept.
        command_line: as it was typed; recorded with the run.
        display: shows a person what is going on.
    """

    def __init__(
        self,
        trainer: Trainer,
        outputs: Outputs,
        *,
        runs: Path,
        weights: Path,
        command_line: Sequence[str],
        display: Display,
    ) -> None:
        self._trainer = trainer
        self._outputs = outputs
        self._runs = runs
        self._weights = weights
        self._command_line = command_line
        self._display = display

    def train(self, request: TrainRequest, dataset: Dataset, report: Report) -> TrainedRun:
        """Train anew.

        Raises:
            YolopsError: it cannot be done, or it failed; a run that had begun says so.
        """
        self._trainer.check(TrainSpec(Path(), Path(), request.model, request.arguments, self._weights))
        directory = RunDirectory.create(self._runs, request, report.fingerprint)
        intent = RunIntent(
            spool_id=uuid.uuid4().hex,
            tracking_uri=self._outputs.tracking_uri,
            experiment=request.experiment,
            run_name=directory.path.name,
            started_ms=int(time.time() * 1000),
        )
        Spool.create(directory.path / "spool", intent)
        with self._owned(directory):
            logger = RunLogger(directory.spool)
            self._describe(logger, directory, dataset, report)
            return self._run(logger, directory, dataset, resume_from=None)

    def resume(
        self, directory: RunDirectory, dataset: Dataset, report: Report, arguments: Mapping[str, object]
    ) -> TrainedRun:
        """Go on with a training that was stopped, in the same run.

        Args:
            directory: the training.
            dataset: its dataset.
            report: what the check says of it now.
            arguments: what shall differ; the trainer decides what may.

        Raises:
            YolopsError: it cannot be resumed, or failed again.
        """
        if not directory.last.is_file():
            raise YolopsError(f"{directory.last}: there is no checkpoint to resume from", "start the training anew")
        if report.fingerprint != directory.fingerprint:
            raise YolopsError(
                f"{dataset.source}: the dataset has changed since {directory.path.name} began",
                "start a new training; a run is about one dataset",
            )
        with self._owned(directory):
            spec = TrainSpec(Path(), Path(), "", arguments, self._weights, directory.last)
            self._trainer.check(spec)
            logger = RunLogger(directory.spool)
            logger.resumed()
            return self._run(logger, directory, dataset, resume_from=directory.last, arguments=arguments)

    @contextmanager
    def _owned(self, directory: RunDirectory) -> Iterator[None]:
        """Be the only process that trains into this directory."""
        spool = directory.spool
        with spool.locked("writer") as alone:
            if not alone:
                owner = spool.owner()
                who = f" (process {owner.pid})" if owner else ""
                raise YolopsError(f"{directory.path}: is being trained right now{who}", "wait for it, or stop it")
            spool.set_owner(ProcessIdentity(os.getpid(), psutil.Process().create_time()))
            yield

    def _describe(self, logger: RunLogger, directory: RunDirectory, dataset: Dataset, report: Report) -> None:
        """Record what is known before the training begins."""
        logger.tags(
            {
                **code_tags(dataset.root if not Path.cwd().exists() else Path.cwd(), self._command_line),
                **package_tags(self._trainer.packages),
                **hardware_tags(),
                "yolops.dataset": report.digest,
                "yolops.directory": str(directory.path),
            }
        )
        profile = {
            split: {"images": c.images, "boxes": c.boxes, "background": c.background}
            for split, c in report.splits.items()
        }
        entry = DatasetInput(
            name=dataset.source.parent.name,
            digest=report.digest,
            source=str(dataset.source),
            schema={"names": list(dataset.names)},
            profile={**profile, "fingerprint": report.fingerprint},
        )
        logger.dataset(entry, "training")
        self._write(directory.path / DATASET_REPORT, json.dumps(report.as_dict(), indent=2, default=str))
        self._write(directory.path / PACKAGE_LIST, all_packages())
        logger.file(directory.path / DATASET_REPORT, "environment")
        logger.file(directory.path / PACKAGE_LIST, "environment")
        logger.keep_if_killed([directory.last, directory.best], "weights")

    def _run(
        self,
        logger: RunLogger,
        directory: RunDirectory,
        dataset: Dataset,
        *,
        resume_from: Path | None,
        arguments: Mapping[str, object] | None = None,
    ) -> TrainedRun:
        sender = start_sender(directory.spool)
        began = time.monotonic()
        observer = _RunObserver(logger, self._display, is_new=resume_from is None)
        with self._recorded(logger, directory, observer):
            request = directory.request
            spec = TrainSpec(
                data=write_training_yaml(dataset, directory.data),
                directory=directory.path,
                model=request.model,
                arguments=request.arguments if arguments is None else arguments,
                weights_directory=self._weights,
                resume_from=resume_from,
            )
            trained = self._trainer.train(spec, observer)
            self._keep_outcome(logger, directory, trained)
        seconds = time.monotonic() - began
        self._display.note("sending what is left of the run to MLflow ...")
        delivered = wait_until_delivered(
            directory.spool, sender, lambda trouble: self._display.note(f"MLflow: {trouble}")
        )
        progress = directory.spool.progress()
        url = f"{self._outputs.ui_url}/#/experiments/{progress.experiment_id}/runs/{progress.run_id}"
        return TrainedRun(directory, trained, progress, seconds, delivered, url, self._outputs.ui_url)

    @contextmanager
    def _recorded(self, logger: RunLogger, directory: RunDirectory, observer: _RunObserver) -> Iterator[None]:
        """Make the run say how it ended, whatever ends it."""
        end, error = RunEnd.FAILED, ""
        try:
            yield
            end = RunEnd.FINISHED
        except (KeyboardInterrupt, SystemExit):
            end, error = RunEnd.KILLED, f"stopped after {observer.epochs} epochs"
            resumable = f"; go on with: yolops train --resume {directory.path.name}" if directory.last.exists() else ""
            self._display.note(f"{error}{resumable}")
            raise
        except YolopsError as problem:
            error = problem.message
            raise
        except BaseException as problem:
            error = f"{type(problem).__name__}: {problem}"
            raise
        finally:
            logger.tags({"yolops.epochs": observer.epochs, "yolops.error": error})
            self._keep_files(logger, directory)
            logger.end(end)

    def _keep_outcome(self, logger: RunLogger, directory: RunDirectory, trained: Trained) -> None:
        """Record what the best checkpoint can do, and ask for the model."""
        summary = {f"best/{name}": value for name, value in trained.metrics.items()}
        for label, values in trained.per_class.items():
            summary |= {f"per_class/{name}/{label}": value for name, value in values.items()}
        logger.summary(summary)
        request = directory.request
        example = next(iter(sorted((directory.data / "images" / "val").iterdir())), None)
        model = ModelRequest(
            weights=str(trained.best),
            example=str(example or ""),
            imgsz=trained.imgsz,
            register_as=request.register_as,
            alias=request.alias,
            metrics=trained.metrics,
        )
        logger.request(MODEL, model.as_record())

    def _keep_files(self, logger: RunLogger, directory: RunDirectory) -> None:
        for checkpoint in (directory.best, directory.last):
            if checkpoint.exists():
                logger.file(checkpoint, "weights")
        for name in ("results.csv", "args.yaml", "error.txt"):
            if (directory.path / name).exists():
                logger.file(directory.path / name)
        for plot in sorted(path for path in directory.path.iterdir() if path.suffix in PLOTS):
            logger.file(plot, "plots")

    @staticmethod
    def _write(path: Path, text: str) -> None:
        with suppress(OSError):
            path.write_text(text, encoding="utf-8")


class _RunObserver:
    """Brings what a trainer says to the run."""

    def __init__(self, logger: RunLogger, display: Display, *, is_new: bool) -> None:
        self._logger = logger
        self._display = display
        self._is_new = is_new
        self.epochs = 0

    def started(self, arguments: Mapping[str, object], facts: Mapping[str, str]) -> None:
        # MLflow never lets a parameter change, and a resumed training may run with another batch size.
        if self._is_new:
            self._logger.params(arguments)
        self._logger.tags(facts)

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        self._logger.metrics(metrics, step=number)
        self._display.epoch(number, metrics)
        self.epochs = number

    def step(self, number: int, epochs: int, done: int, total: int) -> None:
        self._display.step(number, epochs, done, total)
