"""`yolops tune`: search for the arguments that train the best detector."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yolops.cli.session import Json, Session, session_of
from yolops.cli.train import DEFAULT_MODEL
from yolops.errors import UsageError, YolopsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.cli.console import Console
    from yolops.training.tune_directory import TuneRequest
    from yolops.training.tuning import Searched, TuningSession

DEFAULT_TRIALS = 20
# What the search takes where the trainer's own choice would ignore what is varied.
OPTIMIZER = "AdamW"
# Of a search, what is shown; --json has all of it.
MOST_TRIALS, MOST_ARGUMENTS = 10, 5


def tune(
    context: typer.Context,
    data: Annotated[Path | None, typer.Argument(help="The data.yaml, or the directory it is in.")] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help=f"How many trainings; {DEFAULT_TRIALS} if not given.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="What is varied: lr0=1e-5..1e-1:log, mosaic=0..1, close_mosaic=0..10:int, optimizer=SGD|AdamW."
        ),
    ] = None,
    metric: Annotated[
        str, typer.Option(help="What the best has most of: mAP50-95, mAP50, precision or recall.")
    ] = "mAP50-95",
    model: Annotated[str, typer.Option(help="Weights, a model yaml, or the name of either.")] = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(min=0, help="Makes proposals and trainings repeatable.")] = 0,
    experiment: Annotated[
        str, typer.Option(envvar="MLFLOW_EXPERIMENT_NAME", help="MLflow experiment; the dataset's name if not given.")
    ] = "",
    name: Annotated[str, typer.Option(help="Name of the search and of its run.")] = "tune",
    resume: Annotated[
        str, typer.Option(help="Go on with a stopped search, or add trials: last, its name or its ID.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Train again and again with other arguments, and say which were best. Any argument of `train` may follow."""
    from yolops.training.arguments import parse_arguments
    from yolops.training.search_space import DEFAULT_SPACE
    from yolops.training.tune_directory import TuneRequest

    session = session_of(context)
    console = session.console(as_json=as_json)
    if resume:
        _refuse_beside_resume(context)
        searched = _resume(session, console, resume, trials)
    elif data is None:
        raise UsageError("tune: which dataset?", "yolops tune data.yaml; to get one: yolops dataset sample")
    else:
        request = TuneRequest(
            data=str(data.absolute()),
            model=model,
            experiment=experiment,
            name=name,
            space=tuple(space or DEFAULT_SPACE),
            metric=metric,
            trials=trials or DEFAULT_TRIALS,
            seed=seed,
            arguments={**parse_arguments(context.args), "seed": seed},
        )
        searched = _search(session, console, request)
    _show(session, console, searched)


def _search(session: Session, console: Console, request: TuneRequest) -> Searched:
    from yolops.cli.training import checked_dataset
    from yolops.tracking.names import check_name
    from yolops.training.search_check import ignored_by_auto
    from yolops.training.search_space import parse_space

    check_name("--name", request.name)
    ignored = ignored_by_auto(parse_space(request.space))
    if ignored and "optimizer" not in request.arguments:
        request = replace(request, arguments={**request.arguments, "optimizer": OPTIMIZER})
        console.note(f"optimizer: {OPTIMIZER}, because the trainer's own choice ignores {', '.join(ignored)}")
    dataset, report = checked_dataset(session, console, Path(request.data))
    request = replace(request, experiment=request.experiment or dataset.source.parent.name)
    return _tuning(session, console).search(request, dataset, report)


def _resume(session: Session, console: Console, which: str, trials: int | None) -> Searched:
    from yolops.cli.training import checked_dataset
    from yolops.training.run_directory import RUNS
    from yolops.training.tune_directory import find_search

    directory = find_search(session.workspace.root / RUNS, which)
    dataset, report = checked_dataset(session, console, Path(directory.request.data))
    if trials is not None:
        directory = directory.with_trials(trials)
    return _tuning(session, console).resume(directory, dataset, report)


def _tuning(session: Session, console: Console) -> TuningSession:
    from yolops.cli.training import trainer_of
    from yolops.cli.training_display import TrainingDisplay
    from yolops.training.run_directory import RUNS
    from yolops.training.sending import BackgroundSenders
    from yolops.training.tuning import TuningSession

    workspace = session.workspace
    return TuningSession(
        trainer_of(session),
        lambda: session.enter(session.connect(console), console),
        runs=workspace.root / RUNS,
        weights=workspace.state / "weights",
        command_line=["yolops", *sys.argv[1:]],
        display=TrainingDisplay(console),
        senders=lambda outputs: BackgroundSenders(session.access(outputs)),
    )


def _show(session: Session, console: Console, searched: Searched) -> None:
    """Print the best trial, the line that trains it, and where everything is."""
    from yolops.cli.console import table
    from yolops.training.tune_record import best_arguments

    directory, best, metric = searched.directory, searched.best, searched.directory.request.metric
    runs = directory.trials()
    command = _train_line(session, directory.request.data, best_arguments(directory, best))
    value: dict[str, Any] = {
        "run_id": directory.spool.progress().run_id,
        "run_url": searched.url,
        "directory": str(directory.path),
        "metric": metric,
        "best": asdict(best),
        "trials": [asdict(trial) | {"run": runs[trial.number].path.name} for trial in searched.trials],
        "importance": dict(searched.importance),
        "train": command,
        "delivered": searched.delivered,
    }
    ranked = sorted(searched.trials, key=lambda trial: (trial.state == "complete", trial.value or 0.0), reverse=True)
    matter = list(searched.importance)[:MOST_ARGUMENTS] or list(best.arguments)[:MOST_ARGUMENTS]
    rows = [
        (trial.number, trial.state, trial.value, *(trial.arguments.get(name) for name in matter))
        for trial in ranked[:MOST_TRIALS]
    ]
    parts = "   ".join(f"{name} {searched.importance[name]:.0%}" for name in matter if name in searched.importance)
    console.data(
        value,
        table("trial", "state", metric, *matter, rows=rows),
        "",
        f"best     trial {best.number} of {len(searched.trials)}: {metric} {best.value:.3f}",
        *([f"matters  {parts}"] if parts else []),
        f"train    {command}",
        f"run      {searched.url}",
    )
    if not searched.delivered:
        raise YolopsError("the search is done, but MLflow does not have all of it", "nothing is lost: yolops runs sync")


def _train_line(session: Session, data: str, arguments: Mapping[str, object]) -> str:
    words = [f"--{name}={value}" for name, value in arguments.items()]
    return f"{session.command_prefix()} train {shlex.join([data, *words])}"


def _refuse_beside_resume(context: typer.Context) -> None:
    """A search goes on as what it began: its trials are compared with those before."""
    given = ("data", "space", "metric", "model", "seed", "experiment", "name")
    sources = [context.get_parameter_source(name) for name in given]
    if context.args or any(source is not None and source.name == "COMMANDLINE" for source in sources):
        raise UsageError("--resume: a search goes on as it began, so only --trials can be given", "leave the rest out")
