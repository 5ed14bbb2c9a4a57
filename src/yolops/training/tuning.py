"""A search for the best arguments: trial after trial, each a training like any other, under one run in MLflow."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.findings import counted
from yolops.tracking.run_logger import RunEnd, RunLogger
from yolops.tracking.spool import RunIntent, Spool
from yolops.training.run_directory import TrainRequest
from yolops.training.search_check import check_search
from yolops.training.search_space import parse_space
from yolops.training.sending import DeferredSenders
from yolops.training.session import INTERRUPTIONS, TrainingSession, ended_by, owned
from yolops.training.study import Study
from yolops.training.trainer import METRICS, EndedEarly
from yolops.training.tune_directory import PARENT, TRIAL, TuneDirectory
from yolops.training.tune_record import say_best, say_search, say_trials, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from yolops.datasets.description import Dataset
    from yolops.datasets.report import Report
    from yolops.platform.outputs import Outputs
    from yolops.training.run_directory import RunDirectory
    from yolops.training.run_observer import Display
    from yolops.training.session import Parts
    from yolops.training.study import Trial
    from yolops.training.trainer import Trainer
    from yolops.training.tune_directory import TuneRequest

# How long a server may take to make the run that those of the trials belong to.
RUN_PATIENCE_S = 60.0
POLL_S = 0.05
# So many trials in a row that cannot be trained have one cause, and the next one would have it, too.
FAILURES_IN_A_ROW = 3


@dataclass(frozen=True)
class Searched:
    """A search that is done.

    Attributes:
        directory: where its files are.
        trials: what was tried.
        best: the best of them.
        importance: each argument's part in the differences between trials, 0 to 1; empty where that cannot be told.
        delivered: whether MLflow has all of it.
        outputs: the platform that it went to.
    """

    directory: TuneDirectory
    trials: list[Trial]
    best: Trial
    importance: Mapping[str, float]
    delivered: bool
    outputs: Outputs

    @property
    def url(self) -> str:
        """The run of the search in the MLflow UI."""
        progress = self.directory.spool.progress()
        return self.outputs.run_page(progress.experiment_id, progress.run_id)


class TuningSession:
    """Searches and records.

    Args:
        parts: what its trainings are put together from.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._trainer = parts.trainer
        self._display = parts.display

    def search(self, request: TuneRequest, dataset: Dataset, report: Report) -> Searched:
        """Search anew.

        Raises:
            YolopsError: it cannot be done, or no trial could be trained.
        """
        check_search(self._trainer, request)
        outputs = self._parts.connect()
        directory = TuneDirectory.create(self._parts.runs, request, report.fingerprint)
        intent = RunIntent.now(outputs.tracking_uri, request.experiment, directory.path.name)
        Spool.create(directory.spool.directory, intent)
        with owned(directory.spool):
            logger = RunLogger(directory.spool)
            say_search(
                logger, directory, report, packages=self._trainer.packages, command_line=self._parts.command_line
            )
            return self._search(logger, directory, dataset, report, outputs)

    def resume(self, directory: TuneDirectory, dataset: Dataset, report: Report) -> Searched:
        """Go on with a search that was stopped, or that shall have more trials than it had.

        Raises:
            YolopsError: the dataset has changed, or no trial could be trained.
        """
        if report.fingerprint != directory.fingerprint:
            raise YolopsError(
                f"{dataset.source}: the dataset has changed since {directory.path.name} began",
                "start a new search; trials are compared on one dataset",
            )
        with owned(directory.spool):
            check_search(self._trainer, directory.request)
            outputs = self._parts.connect()
            logger = RunLogger(directory.spool)
            logger.resumed()
            return self._search(logger, directory, dataset, report, outputs)

    def _search(
        self, logger: RunLogger, directory: TuneDirectory, dataset: Dataset, report: Report, outputs: Outputs
    ) -> Searched:
        request, senders = directory.request, DeferredSenders(self._parts.senders(outputs))
        defaults = self._trainer.defaults()
        epochs = int(str(request.arguments.get("epochs", defaults["epochs"])))
        space = parse_space(request.space)
        study = Study(directory.study, space, seed=request.seed, epochs=epochs, first=defaults)
        trials = _Trials(self._trainer, study, directory, self._display)
        with self._recorded(logger, directory):
            senders.start(directory.spool)
            _wait_for_run(directory.spool)
            say_trials(logger, directory, study.trials())  # a killed search may not have said the last one
            while (trial := study.propose(request.trials)) is not None:
                session = TrainingSession(
                    replace(self._parts, connect=lambda: outputs, senders=lambda _: senders),
                    watch=trials.watch(trial),
                    goes_on=f"go on with: yolops tune --resume {directory.path.name}",
                )
                trials.run(trial, session, dataset, report)
                say_trials(logger, directory, study.trials(), since=trial.number)
                gc.collect()  # a trainer refers to itself, and its model would stay on the GPU beside the next one's
            best = trials.best()
            importance = study.importance()
            say_best(logger, directory, best, importance)
        self._display.note("sending what is left of the runs to MLflow ...")
        delivered = senders.wait_for_all(lambda trouble: self._display.note(f"MLflow: {trouble}"))
        return Searched(directory, study.trials(), best, importance, delivered, outputs)

    @contextmanager
    def _recorded(self, logger: RunLogger, directory: TuneDirectory) -> Iterator[None]:
        """Make the run of the search say how it ended, whatever ends it."""
        end, error = RunEnd.FAILED, ""
        try:
            yield
            end = RunEnd.FINISHED
        except BaseException as problem:
            end, error = ended_by(problem, "stopped before its last trial")
            if isinstance(problem, INTERRUPTIONS):
                self._display.note(f"{error}; go on with: yolops tune --resume {directory.path.name}")
            raise
        finally:
            logger.tags({"yolops.error": error})
            logger.end(end)


class _Trials:
    """Does one trial after the other, and tells the study what came of it."""

    def __init__(self, trainer: Trainer, study: Study, directory: TuneDirectory, display: Display) -> None:
        self._trainer = trainer
        self._study = study
        self._directory = directory
        self._display = display
        self._failures = 0

    def run(self, trial: Trial, session: TrainingSession, dataset: Dataset, report: Report) -> None:
        """Do one trial, or what is left of it.

        Raises:
            YolopsError: it could not be trained, and neither could those before it.
        """
        request = self._directory.request
        drawn = "  ".join(f"{name} {value}" for name, value in trial.arguments.items())
        self._display.note(f"trial {trial.number} of {request.trials}: {drawn}")
        begun = self._directory.trials().get(trial.number)
        if begun and (value := value_of(begun, request.metric)) is not None:
            self._study.complete(trial, value)  # the search was killed between the training's end and its own next word
            return
        try:
            if begun and self._can_go_on(begun):
                run = session.resume(begun, dataset, report, {})
            else:
                run = session.train(self._request(trial), dataset, report)
        except EndedEarly as ending:
            self._study.prune(trial)
            self._display.note(ending.message)
        except YolopsError as error:
            self._study.fail(trial)
            self._failures += 1
            if self._failures == FAILURES_IN_A_ROW or not any(one.state == "complete" for one in self._study.trials()):
                raise
            self._display.note(f"trial {trial.number} failed: {error.message}")
            return
        else:
            self._study.complete(trial, run.trained.metrics[request.metric])
        self._failures = 0

    def watch(self, trial: Trial) -> Callable[[int, Mapping[str, float]], None]:
        """Return what ends a trial that is worse than half of those before it."""
        metric = self._directory.request.metric

        def judge(epoch: int, metrics: Mapping[str, float]) -> None:
            value = metrics.get(METRICS[metric])
            if value is not None and self._study.is_hopeless(trial, epoch, value):
                after = counted(epoch, "epoch")
                raise EndedEarly(
                    f"ended early: after {after} {metric} {value:.3f} is below the median of the trials before"
                )

        return judge

    def best(self) -> Trial:
        """Return the best trial.

        Raises:
            YolopsError: none has come to its end.
        """
        best = self._study.best()
        if best is None:
            raise YolopsError(
                f"{self._directory.path.name}: no trial has come to its end", "their runs say why: yolops runs list"
            )
        return best

    def _can_go_on(self, begun: RunDirectory) -> bool:
        """Whether there is a checkpoint to go on from; one that is damaged or of a finished training is none."""
        try:
            if begun.last.is_file():
                self._trainer.check({}, begun.last)
                return True
        except YolopsError as error:
            self._display.note(f"{error.message}; the trial is begun anew")
        return False

    def _request(self, trial: Trial) -> TrainRequest:
        search, run_id = self._directory.request, self._directory.spool.progress().run_id
        return TrainRequest(
            data=search.data,
            model=search.model,
            experiment=search.experiment,
            name=f"{self._directory.path.name}-{trial.number}",
            arguments={**search.arguments, **trial.arguments},
            tags={PARENT: run_id, TRIAL: str(trial.number)},
        )


def _wait_for_run(spool: Spool) -> None:
    """Wait until MLflow has the run, whose ID those of the trials must name."""
    deadline = time.monotonic() + RUN_PATIENCE_S
    while not spool.progress().run_id:
        if time.monotonic() > deadline or spool.progress().gave_up:
            why = spool.progress().trouble or f"no answer for {RUN_PATIENCE_S:g} s"
            raise YolopsError(f"MLflow has not made the run of the search ({why})", "see how it is: yolops status")
        time.sleep(POLL_S)
