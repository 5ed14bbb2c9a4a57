"""`yolops tune`: search for the arguments that train the best detector."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yolops.cli import training_options as options
from yolops.cli.session import Json, Session, opened
from yolops.cli.training_options import Where
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

Trials = Annotated[int | None, typer.Option(min=1, help=f"How many trainings; {DEFAULT_TRIALS} if not given.")]
Space = Annotated[
    list[str] | None,
    typer.Option(help="What is varied: lr0=1e-5..1e-1:log, mosaic=0..1, close_mosaic=0..10:int, optimizer=SGD|AdamW."),
]
Metric = Annotated[str, typer.Option(help="What the best has most of: mAP50-95, mAP50, precision or recall.")]
Resume = Annotated[str, typer.Option(help="Go on with a stopped search, or add trials: last, its name or its ID.")]
Spot = Annotated[bool, typer.Option("--spot", help="Run the jobs on spot instances; they go on by themselves.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the search, and what stands against it.")]


def tune(
    context: typer.Context,
    data: options.Data = None,
    trials: Trials = None,
    space: Space = None,
    metric: Metric = "mAP50-95",
    model: options.Model = options.DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(min=0, help="Makes proposals and trainings repeatable.")] = 0,
    experiment: options.Experiment = "",
    name: Annotated[str, typer.Option(help="Name of the search and of its run.")] = "tune",
    resume: Resume = "",
    on: Annotated[Where, typer.Option(help="Train here, or let SageMaker's tuner search in AWS.")] = Where.HERE,
    parallel: Annotated[int, typer.Option(min=1, help="How many trials side by side in SageMaker.")] = 1,
    instance_type: Annotated[str, typer.Option(help="Of the jobs; that of terraform.tfvars if not given.")] = "",
    image: Annotated[str, typer.Option(help=f"Of the jobs: {options.IMAGE_HELP}")] = "",
    spot: Spot = False,
    max_run: Annotated[int, typer.Option(metavar="SECONDS", help="How long each job may run.")] = options.A_DAY_S,
    max_wait: options.MaxWait = 0,
    dry_run: DryRun = False,
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
    session, console = opened(context, as_json)
    session = options.heard(session, arguments)
    if on is Where.HERE:
        options.refuse(context, JOB_OPTIONS, "is about jobs in SageMaker", "add --on sagemaker, or leave it out")
    if resume and on is Where.SAGEMAKER:
        from yolops.cli import tune_in_sagemaker

        options.refuse(context, ("trials",), "those of a search in SageMaker never change", "start a new search")
        tune_in_sagemaker.resume(session, console, resume)
    elif resume:
        _show(session, console, _resume(session, console, resume, trials))
    else:
        request = TuneRequest(
            data=options.dataset_of("tune", data),
            model=model,
            experiment=experiment,
            name=name,
            space=tuple(space or DEFAULT_SPACE),
            metric=metric,
            trials=trials or DEFAULT_TRIALS,
            seed=seed,
            arguments={**arguments, "seed": seed},
        )
        check_name("--name", name)
        request = _with_optimizer(console, request)
        if on is Where.HERE:
            _show(session, console, _search(session, console, request))
            return
        from yolops.cli import tune_in_sagemaker
        from yolops.training.submission.spec import Machine

        machine = Machine(instance_type, 1, image, spot, max_run, max_wait)
        tune_in_sagemaker.tune(session, console, request, machine, parallel=parallel, dry_run=dry_run)


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
    if {*context.args} - {"--verbose"} or any(options.typed(context, given)):
        raise UsageError("--resume: a search goes on as it began, so only --trials can be given", "leave the rest out")
