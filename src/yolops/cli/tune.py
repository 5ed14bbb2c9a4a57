"""`yolops tune`: search for the arguments that train the best detector."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yolops.cli.dataset_named import named_as
from yolops.cli.session import Json, Session, session_of
from yolops.cli.train import A_DAY_S, DATA_HELP, DEFAULT_MODEL, IMAGE_HELP, MAX_WAIT_HELP, Where, heard, typed_options
from yolops.cli.tune_display import MOST_ARGUMENTS, found_lines, train_line
from yolops.errors import UsageError, YolopsError

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.training.tune_directory import TuneRequest
    from yolops.training.tuning import Searched, TuningSession

DEFAULT_TRIALS = 20
# What the search takes where the trainer's own choice would ignore what is varied.
OPTIMIZER = "AdamW"
JOB_OPTIONS = ("parallel", "instance_type", "image", "spot", "max_run", "max_wait", "dry_run")


def tune(
    context: typer.Context,
    data: Annotated[str | None, typer.Argument(help=DATA_HELP)] = None,
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
    on: Annotated[Where, typer.Option(help="Train here, or let SageMaker's tuner search in AWS.")] = Where.HERE,
    parallel: Annotated[int, typer.Option(min=1, help="How many trials side by side in SageMaker.")] = 1,
    instance_type: Annotated[str, typer.Option(help="Of the jobs; that of terraform.tfvars if not given.")] = "",
    image: Annotated[str, typer.Option(help=f"Of the jobs: {IMAGE_HELP}")] = "",
    spot: Annotated[
        bool, typer.Option("--spot", help="Run the jobs on spot instances; they go on by themselves.")
    ] = False,
    max_run: Annotated[int, typer.Option(metavar="SECONDS", help="How long each job may run.")] = A_DAY_S,
    max_wait: Annotated[int, typer.Option(metavar="SECONDS", help=MAX_WAIT_HELP, show_default=False)] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the search, and what stands against it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train again and again with other arguments, and say which were best. Any argument of `train` may follow."""
    from yolops.tracking.names import check_name
    from yolops.training.arguments import parse_arguments
    from yolops.training.search_space import DEFAULT_SPACE
    from yolops.training.tune_directory import TuneRequest

    if resume:
        _refuse_beside_resume(context)
    arguments = parse_arguments(context.args)
    session = heard(session_of(context), arguments)
    console = session.console(as_json=as_json)
    for option in typed_options(context, JOB_OPTIONS) if on is Where.HERE else ():
        raise UsageError(f"{option}: is about jobs in SageMaker", "add --on sagemaker, or leave it out")
    if resume:
        if on is Where.SAGEMAKER:
            from yolops.cli import tune_in_sagemaker

            if trials is not None:
                raise UsageError("--trials: those of a search in SageMaker never change", "start a new search")
            tune_in_sagemaker.resume(session, console, resume)
            return
        searched = _resume(session, console, resume, trials)
    elif data is None:
        raise UsageError("tune: which dataset?", "yolops tune data.yaml; to get one: yolops dataset sample")
    else:
        request = TuneRequest(
            data=named_as(data),
            model=model,
            experiment=experiment,
            name=name,
            space=tuple(space or DEFAULT_SPACE),
            metric=metric,
            trials=trials or DEFAULT_TRIALS,
            seed=seed,
            arguments={**arguments, "seed": seed},
        )
        check_name("--name", request.name)
        request = _with_optimizer(console, request)
        if on is Where.SAGEMAKER:
            from yolops.cli import tune_in_sagemaker
            from yolops.training.submission.spec import Machine

            machine = Machine(instance_type, 1, image, spot, max_run, max_wait)
            tune_in_sagemaker.tune(session, console, request, machine, parallel=parallel, dry_run=dry_run)
            return
        searched = _search(session, console, request)
    _show(session, console, searched)


def _search(session: Session, console: Console, request: TuneRequest) -> Searched:
    from yolops.cli.training import about, check_is_there, named_dataset, trainer_of
    from yolops.training.search_check import check_search

    check_search(trainer_of(session), request)
    check_is_there(request.data)
    with named_dataset(session, console, request.data) as (dataset, report):
        return _tuning(session, console).search(about(request, dataset, report), dataset, report)


def _with_optimizer(console: Console, request: TuneRequest) -> TuneRequest:
    from yolops.training.search_check import ignored_by_auto
    from yolops.training.search_space import parse_space

    ignored = ignored_by_auto(parse_space(request.space))
    if not ignored or "optimizer" in request.arguments:
        return request
    console.note(f"optimizer: {OPTIMIZER}, because the trainer's own choice ignores {', '.join(ignored)}")
    return replace(request, arguments={**request.arguments, "optimizer": OPTIMIZER})


def _resume(session: Session, console: Console, which: str, trials: int | None) -> Searched:
    from yolops.cli.training import named_dataset
    from yolops.training.run_directory import RUNS
    from yolops.training.tune_directory import TuneDirectory

    directory = TuneDirectory.find(session.workspace.root / RUNS, which)
    with named_dataset(session, console, directory.request.data) as (dataset, report):
        if trials is not None:
            directory = directory.with_trials(trials)
        return _tuning(session, console).resume(directory, dataset, report)


def _tuning(session: Session, console: Console) -> TuningSession:
    from yolops.cli.training import parts_of
    from yolops.training.tuning import TuningSession

    return TuningSession(parts_of(session, console))


def _show(session: Session, console: Console, searched: Searched) -> None:
    """Print the best trial, the line that trains it, and where everything is."""
    from yolops.training.tune_record import best_arguments

    directory, best, metric = searched.directory, searched.best, searched.directory.request.metric
    runs = directory.trials()
    command = train_line(session, directory.request.data, best_arguments(directory, best))
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
    matter = list(searched.importance)[:MOST_ARGUMENTS] or list(best.arguments)[:MOST_ARGUMENTS]
    parts = "   ".join(f"{name} {searched.importance[name]:.0%}" for name in matter if name in searched.importance)
    console.data(
        value,
        *found_lines(searched.trials, best, metric, matter),
        *([f"matters  {parts}"] if parts else []),
        f"train    {command}",
        f"run      {searched.url}",
    )
    if not searched.delivered:
        raise YolopsError("the search is done, but MLflow does not have all of it", "nothing is lost: yolops runs sync")


def _refuse_beside_resume(context: typer.Context) -> None:
    """A search goes on as what it began: its trials are compared with those before."""
    given = ("data", "space", "metric", "model", "seed", "experiment", "name", *JOB_OPTIONS)
    if {*context.args} - {"--verbose"} or any(typed_options(context, given)):
        raise UsageError("--resume: a search goes on as it began, so only --trials can be given", "leave the rest out")
