"""One training from its beginning to its end: record the run, lay out the data, train, keep what came out."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.datasets.normalise import write_training_yaml
from yolops.errors import YolopsError
from yolops.findings import counted
from yolops.running_processes import this_process
from yolops.tracking.run_logger import RunEnd, RunLogger
from yolops.tracking.spool import RunIntent, Spool
from yolops.training.run_directory import RunDirectory
from yolops.training.run_observer import RunObserver
from yolops.training.run_record import keep_files, say_origin, say_outcome
from yolops.training.trainer import EndedEarly, TrainSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from yolops.datasets.description import Dataset
    from yolops.datasets.report import Report
    from yolops.platform.outputs import Outputs
    from yolops.tracking.spool import Progress
    from yolops.training.run_directory import TrainRequest
    from yolops.training.run_observer import Display, Watch
    from yolops.training.sending import Senders
    from yolops.training.trainer import Trained, Trainer

INTERRUPTIONS = (KeyboardInterrupt, SystemExit)


@dataclass(frozen=True)
class TrainedRun:
    """A training that is done, and what MLflow has of it.

    Attributes:
        directory: where its files are.
        trained: what came out.
        progress: what MLflow acknowledged.
        seconds: how long it took.
        delivered: whether MLflow has all of it.
        outputs: the platform that it went to.
    """

    directory: RunDirectory
    trained: Trained
    progress: Progress
    seconds: float
    delivered: bool
    outputs: Outputs

    @property
    def url(self) -> str:
        """The run in the MLflow UI."""
        return self.outputs.run_page(self.progress.experiment_id, self.progress.run_id)


@dataclass(frozen=True)
class Parts:
    """What trainings and searches are put together from.

    Attributes:
        trainer: does the training.
        connect: starts or finds the platform that the run goes to; called once there is something to train.
        runs: where the directories of trainings are.
        weights: where downloaded weights are kept.
        command_line: as it was typed; recorded with the run.
        display: shows a person what is going on.
        senders: returns what brings runs to a platform.
    """

    trainer: Trainer
    connect: Callable[[], Outputs]
    runs: Path
    weights: Path
    command_line: Sequence[str]
    display: Display
    senders: Callable[[Outputs], Senders]


class TrainingSession:
    """Trains and records.

    Args:
        parts: what it is put together from.
        saved: called with the training's directory and the number of the epoch when a checkpoint stands in it.
        watch: told the number and the metrics of each epoch; it may raise `EndedEarly`.
        goes_on: how an interrupted training goes on; `{name}` is that of its directory. Empty if it does so by itself.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        saved: Callable[[RunDirectory, int], None] = lambda _directory, _epoch: None,
        watch: Watch = lambda _number, _metrics: None,
        goes_on: str = "go on with: yolops train --resume {name}",
    ) -> None:
        self._parts = parts
        self._trainer = parts.trainer
        self._display = parts.display
        self._saved = saved
        self._watch = watch
        self._goes_on = goes_on

    def train(self, request: TrainRequest, dataset: Dataset, report: Report, *, run_id: str = "") -> TrainedRun:
        """Train anew.

        Args:
            request: what a person asked for.
            dataset: what to train on.
            report: what the check says of it.
            run_id: the run in MLflow, where there is one already.

        Raises:
            YolopsError: it cannot be done, or it failed; a run that had begun says so.
        """
        self._trainer.check(request.arguments, request.model)
        outputs = self._parts.connect()
        directory = RunDirectory.create(self._parts.runs, request, report.fingerprint)
        intent = RunIntent.now(outputs.tracking_uri, request.experiment, directory.path.name, run_id)
        Spool.create(directory.spool.directory, intent)
        with owned(directory.spool):
            logger = RunLogger(directory.spool)
            say_origin(
                logger, directory, report, packages=self._trainer.packages, command_line=self._parts.command_line
            )
            return self._run(logger, directory, dataset, outputs, resume=None)

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
        with owned(directory.spool):
            self._trainer.check(arguments, directory.last)
            outputs = self._parts.connect()
            logger = RunLogger(directory.spool)
            logger.resumed()
            return self._run(logger, directory, dataset, outputs, resume=arguments)

    def _run(
        self,
        logger: RunLogger,
        directory: RunDirectory,
        dataset: Dataset,
        outputs: Outputs,
        *,
        resume: Mapping[str, object] | None,
    ) -> TrainedRun:
        """Train while a sender brings what is said to MLflow; `resume` holds what differs from the first time."""
        began, senders = time.monotonic(), self._parts.senders(outputs)
        observer = RunObserver(logger, directory, self._display, self._saved, self._watch, is_new=resume is None)
        with self._recorded(logger, directory, observer):
            sender = senders.start(directory.spool)
            spec = TrainSpec(
                data=write_training_yaml(dataset, directory.data),
                directory=directory.path,
                model=directory.request.model,
                arguments=directory.request.arguments if resume is None else resume,
                weights_directory=self._parts.weights,
                resume_from=None if resume is None else directory.last,
            )
            try:
                trained = self._trainer.train(spec, observer)
            except Exception:  # an import that is interrupted fails with words of its own
                self._display.stop_if_asked()
                raise
            say_outcome(logger, directory, trained)
        seconds = time.monotonic() - began
        self._display.note("sending what is left of the run to MLflow ...")
        delivered = senders.wait(directory.spool, sender, lambda trouble: self._display.note(f"MLflow: {trouble}"))
        return TrainedRun(directory, trained, directory.spool.progress(), seconds, delivered, outputs)

    @contextmanager
    def _recorded(self, logger: RunLogger, directory: RunDirectory, observer: RunObserver) -> Iterator[None]:
        """Make the run say how it ended, whatever ends it."""
        end, error = RunEnd.FAILED, ""
        try:
            yield
            end = RunEnd.FINISHED
        except BaseException as problem:
            end, error = ended_by(problem, f"stopped after {counted(observer.epochs, 'epoch')}")
            if isinstance(problem, INTERRUPTIONS):
                goes_on = self._goes_on.format(name=directory.path.name) if directory.last.exists() else ""
                self._display.note(f"{error}; {goes_on}" if goes_on else error)
            raise
        finally:
            logger.tags({"yolops.epochs": observer.epochs, "yolops.error": error})
            # Where it goes on by itself there is little time, and the end is sent behind files.
            if self._goes_on or end is not RunEnd.KILLED:
                with suppress(OSError):  # whoever has removed the directory must still hear why the training ended
                    keep_files(logger, directory)
            logger.end(end)


def ended_by(problem: BaseException, stopped: str) -> tuple[RunEnd, str]:
    """Return how a run has ended that this has ended, and why; `stopped` says so of one that a person interrupts."""
    if isinstance(problem, INTERRUPTIONS):
        return RunEnd.KILLED, stopped
    end = RunEnd.KILLED if isinstance(problem, EndedEarly) else RunEnd.FAILED
    return end, problem.message if isinstance(problem, YolopsError) else f"{type(problem).__name__}: {problem}"


@contextmanager
def owned(spool: Spool) -> Iterator[None]:
    """Be the only process that writes to this run.

    Raises:
        YolopsError: another one does.
    """
    with spool.locked("writer") as alone:
        if not alone:
            owner = spool.owner()
            who = f" (process {owner.pid})" if owner else ""
            where = spool.directory.parent
            raise YolopsError(f"{where}: is being trained right now{who}", "wait for it, or stop it")
        spool.set_owner(this_process())
        yield
