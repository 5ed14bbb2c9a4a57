"""What the run of a search says: what was searched and how, each trial as it ends, and in the end the best."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import yaml

from yolops.training.run_record import dataset_input, origin_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yolops.datasets.report import Report
    from yolops.tracking.run_logger import RunLogger
    from yolops.training.run_directory import RunDirectory
    from yolops.training.study import Trial
    from yolops.training.tune_directory import TuneDirectory

TRIALS, BEST = "trials.csv", "best.yaml"


def say_search(
    logger: RunLogger, directory: TuneDirectory, report: Report, *, packages: Sequence[str], command_line: Sequence[str]
) -> None:
    """Say what is searched: the space, what is the same in every trial, and what it is made from."""
    logger.tags(origin_tags(directory.path, report, [*packages, "optuna"], command_line))
    logger.dataset(dataset_input(report), "training")
    logger.params(directory.request.params())


def say_trials(logger: RunLogger, directory: TuneDirectory, trials: Sequence[Trial], *, since: int = 1) -> None:
    """Say how trials ended, and which value was the best by then, as points over the number of the trial.

    Args:
        logger: of the search's run.
        directory: of the search.
        trials: all of them.
        since: the number of the first one that is said.
    """
    metric, best = directory.request.metric, None
    for trial in trials:
        if trial.state == "complete" and trial.value is not None:
            best = trial.value if best is None else max(best, trial.value)
        if trial.number >= since and trial.state != "running":
            values = {f"trial/{metric}": trial.value, f"best/{metric}": best}
            logger.metrics({name: value for name, value in values.items() if value is not None}, step=trial.number)
    table = directory.path / TRIALS
    table.write_text(trials_table(trials, directory), encoding="utf-8")
    logger.file(table)


def say_best(logger: RunLogger, directory: TuneDirectory, best: Trial, importance: Mapping[str, float]) -> None:
    """Say what the best trial is, and what made the difference."""
    run = directory.trials().get(best.number)
    # Tags, because parameters never change in MLflow, and a search may go on.
    logger.tags(
        {
            "yolops.best_trial": best.number,
            "yolops.best_run": run.spool.progress().run_id if run else "",
            **{f"best/{name}": value for name, value in best.arguments.items()},
        }
    )
    logger.summary({f"importance/{name}": part for name, part in importance.items()})
    file = directory.path / BEST
    file.write_text(yaml.safe_dump(best_arguments(directory, best), sort_keys=False), encoding="utf-8")
    logger.file(file)


def best_arguments(directory: TuneDirectory, best: Trial) -> dict[str, object]:
    """Return the arguments that train what the best trial trained."""
    return {"model": directory.request.model, **directory.request.arguments, **best.arguments}


def trials_table(trials: Sequence[Trial], directory: TuneDirectory) -> str:
    """Return the trials as CSV: number, state, value, name of the run, arguments."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.arguments))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", directory.request.metric, "run", *names])
    runs = directory.trials()
    for trial in trials:
        run = runs.get(trial.number)
        drawn = [trial.arguments.get(name) for name in names]
        writer.writerow([trial.number, trial.state, trial.value, run.path.name if run else "", *drawn])
    return text.getvalue()


def value_of(run: RunDirectory, metric: str) -> float | None:
    """Return what a training that has finished says of its best checkpoint; None of one that has not finished."""
    value, offset, is_finished = None, 0, False
    while records := run.spool.read(offset, most=1000):
        offset = records[-1][0]
        for _, record in records:
            if record["kind"] == "summary":
                value = record["values"].get(f"best/{metric}", value)
            elif record["kind"] in {"end", "resumed"}:
                is_finished = record.get("status") == "FINISHED"
    return value if is_finished else None
