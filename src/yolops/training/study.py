"""The study of a search: what was tried, what came of it, and what is tried next. The one file that knows Optuna.

It is kept in SQLite, in which a process that is killed leaves each trial as it was said last. A trial that was proposed
and has not ended is proposed again, with the values that it had.
"""

from __future__ import annotations

import sqlite3
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.imports import importing
from yolops.training.search_space import Choice, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from optuna import Study as OptunaStudy
    from optuna.trial import FrozenTrial

    from yolops.training.search_space import Dimension

INSTALL_HINT = "pip install 'yolops[local,train]'"
NAME = "yolops"
# The first trials are drawn at random, and none is ended early before so many have come to their end.
RANDOM_TRIALS = 10
TRIALS_TO_COMPARE = 4
# Of each training, the part in which nothing is said of its end: a high rate looks bad at first.
PART_TO_WAIT = 5


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: counted from 1.
        arguments: the values drawn for it.
        state: `running`, `complete`, `pruned` or `failed`.
        value: of the best checkpoint if it is complete, of the last epoch if it was ended early; None if there is none.
    """

    number: int
    arguments: Mapping[str, object]
    state: str
    value: float | None


def load_optuna() -> None:
    """Import what a study needs.

    Raises:
        YolopsError: it is not installed.
    """
    try:
        with importing():
            import optuna  # noqa: F401 - which takes seconds the first time
    except ImportError as error:
        raise YolopsError(f"a search needs a package that is not installed: {error}", INSTALL_HINT) from error


class Study:
    """The trials of one search, in a file.

    Args:
        file: a database of SQLite, made if it is not there.
        space: what is varied.
        seed: makes what is proposed repeatable, whether or not the search was broken off in between.
        epochs: how many each training has.
        first: what the first trial has, as far as that is in the space; the rest is drawn.

    Raises:
        YolopsError: Optuna is not installed, or the file is not a study.
    """

    def __init__(
        self, file: Path, space: Sequence[Dimension], *, seed: int, epochs: int, first: Mapping[str, object]
    ) -> None:
        load_optuna()
        import optuna
        from sqlalchemy.pool import NullPool

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._seed = seed
        self._epochs = epochs
        self._first = {one.name: first[one.name] for one in space if one.holds(first.get(one.name))}
        try:
            # An address would read a `?` or `#` in the name of a directory as the end of it.
            # It is closed behind each question: nobody else would, and Python 3.13 warns of that.
            open_file = {"creator": lambda: sqlite3.connect(file), "poolclass": NullPool}
            self._storage = optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs=open_file)
            self._study: OptunaStudy = optuna.create_study(
                storage=self._storage,
                study_name=NAME,
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(
                    n_startup_trials=TRIALS_TO_COMPARE, n_warmup_steps=epochs // PART_TO_WAIT + 1
                ),
            )
        except Exception as error:
            raise YolopsError(
                f"{file}: cannot be read or written as the study of a search", "start a new one"
            ) from error

    def propose(self, most: int) -> Trial | None:
        """Return the trial that has not ended, or a new one; None where there are `most` already."""
        import optuna

        running = self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        number = running[0].number if running else len(self.trials())
        # A generator of its own for each trial: one for all of them would begin anew when a search goes on.
        self._study.sampler = optuna.samplers.TPESampler(
            seed=(self._seed * 1_000_003 + number) % 2**32, n_startup_trials=RANDOM_TRIALS
        )
        if not running:
            if number >= most:
                return None
            if number == 0:
                self._study.enqueue_trial(self._first, skip_if_exists=True)
            self._study.ask()
        live = self._live(number)
        for dimension in self._space:
            if isinstance(dimension, Choice):
                live.suggest_categorical(dimension.name, dimension.values)
            elif dimension.whole:
                live.suggest_int(dimension.name, int(dimension.low), int(dimension.high), log=dimension.log)
            else:
                live.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)
        return self.trials()[number]

    def is_hopeless(self, trial: Trial, epoch: int, value: float) -> bool:
        """Take note of what a trial has after an epoch; return whether it is worse than half of the trials before.

        Args:
            trial: the trial.
            epoch: counted from 1.
            value: what its training measured.
        """
        live, kept = self._live(trial.number - 1), self._study.get_trials(deepcopy=False)[trial.number - 1]
        if epoch not in kept.intermediate_values:  # a training that goes on repeats the epoch in which it was killed
            live.report(value, epoch)
        return epoch < self._epochs and live.should_prune()

    def complete(self, trial: Trial, value: float) -> None:
        """Say what the best checkpoint of a trial can do."""
        self._study.tell(trial.number - 1, value)

    def prune(self, trial: Trial) -> None:
        """Say that a trial was ended early."""
        self._end(trial, "PRUNED")

    def fail(self, trial: Trial) -> None:
        """Say that a trial could not be trained."""
        self._end(trial, "FAIL")

    def trials(self) -> list[Trial]:
        """Return all trials in their order."""
        asked = [one for one in self._study.get_trials(deepcopy=False) if one.state.name != "WAITING"]
        return [_trial(frozen) for frozen in asked]

    def best(self) -> Trial | None:
        """Return the best complete trial; None before there is one."""
        complete = [trial for trial in self.trials() if trial.state == "complete"]
        return max(complete, key=lambda trial: trial.value or 0.0, default=None)

    def importance(self) -> dict[str, float]:
        """Return each argument's part in the differences between trials, 0 to 1; nothing where that cannot be told.

        PED-ANOVA, https://arxiv.org/abs/2304.10255. What it says of a few trials is noise.
        """
        import optuna

        if sum(trial.state == "complete" for trial in self.trials()) < RANDOM_TRIALS:
            return {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # Optuna warns where all trials are alike, and answers anyway
                return dict(optuna.importance.get_param_importances(self._study))
        except (ValueError, RuntimeError, Warning):
            return {}

    def _live(self, index: int) -> Any:
        import optuna

        study_id = self._storage.get_study_id_from_name(NAME)
        return optuna.trial.Trial(self._study, self._storage.get_trial_id_from_study_id_trial_number(study_id, index))

    def _end(self, trial: Trial, state: str) -> None:
        import optuna

        self._study.tell(trial.number - 1, state=optuna.trial.TrialState[state])


def _trial(frozen: FrozenTrial) -> Trial:
    state = {"FAIL": "failed"}.get(frozen.state.name, frozen.state.name.lower())
    arguments = {name: rounded(value) for name, value in frozen.params.items()}
    return Trial(frozen.number + 1, arguments, state, frozen.value)
