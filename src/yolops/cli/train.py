"""`yolops train`: train a detector and record it in MLflow."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.dataset_named import named_as
from yolops.cli.session import Json, Session, session_of
from yolops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

A_DAY_S = 24 * 3600
DEFAULT_MODEL = "yolo11n.pt"
IMAGE_HELP = "an image in ECR with all packages, or a tag in the platform's repository."
MAX_WAIT_HELP = "The same with all waiting for spot; twice --max-run if not given."
DATA_HELP = "The data.yaml, the directory it is in, or a version as `dataset pull` takes it: NAME@VERSION."
# Typer hands on what it does not know; the trainer checks it.
PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}

JOB_OPTIONS = ("instance_type", "instance_count", "image", "spot", "max_run", "max_wait", "wait", "dry_run")


class Where(StrEnum):
    """Where a training runs."""

    HERE = "here"
    SAGEMAKER = "sagemaker"


def train(
    context: typer.Context,
    data: Annotated[str | None, typer.Argument(help=DATA_HELP)] = None,
    model: Annotated[str, typer.Option(help="Weights, a model yaml, or the name of either.")] = DEFAULT_MODEL,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training images.")] = None,
    imgsz: Annotated[int | None, typer.Option(min=32, help="Pixels of the longer side.")] = None,
    batch: Annotated[float | None, typer.Option(help="Images per step; -1 lets the trainer choose.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, mps, or the numbers of GPUs: 0, or 0,1.")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes a training repeatable.")] = None,
    experiment: Annotated[
        str, typer.Option(envvar="MLFLOW_EXPERIMENT_NAME", help="MLflow experiment; the dataset's name if not given.")
    ] = "",
    name: Annotated[str, typer.Option(help="Name of the run; the model's name if not given.")] = "",
    register_as: Annotated[str, typer.Option(help="Register the model under this name.")] = "",
    alias: Annotated[str, typer.Option(help="Alias of the registered version.")] = "candidate",
    on: Annotated[Where, typer.Option(help="Train here, or in a training job of the platform in AWS.")] = Where.HERE,
    instance_type: Annotated[str, typer.Option(help="Of the job; that of terraform.tfvars if not given.")] = "",
    instance_count: Annotated[int, typer.Option(min=1, help="Of the job: 1, since ultralytics takes no more.")] = 1,
    image: Annotated[str, typer.Option(help=f"Of the job: {IMAGE_HELP}")] = "",
    spot: Annotated[
        bool | None, typer.Option("--spot/--no-spot", help="Run the job on spot instances; it goes on by itself.")
    ] = None,
    max_run: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="How long the job may run; a day if not given.")
    ] = None,
    max_wait: Annotated[int, typer.Option(metavar="SECONDS", help=MAX_WAIT_HELP, show_default=False)] = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job; Ctrl-C leaves it running.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the job, and what stands against it.")] = False,
    resume: Annotated[str, typer.Option(help="Go on with a stopped run: last, its name or ID, or its last.pt.")] = "",
    as_json: Json = False,
) -> None:
    """Train a detector. Any other argument of ultralytics may follow: --lr0 0.01, cos_lr=True."""
    from yolops.cli import training
    from yolops.tracking.names import check_alias, check_name
    from yolops.training.arguments import parse_arguments
    from yolops.training.run_directory import TrainRequest

    whole_batch = int(batch) if batch is not None and batch.is_integer() else batch
    typed = {"epochs": epochs, "imgsz": imgsz, "batch": whole_batch, "device": device, "seed": seed}
    arguments = parse_arguments(context.args) | {key: value for key, value in typed.items() if value is not None}
    resume = {"True": "last", "False": ""}.get(word := str(arguments.pop("resume", resume)), word)
    session = heard(session_of(context), arguments)
    console = session.console(as_json=as_json)
    for option in typed_options(context, JOB_OPTIONS) if on is Where.HERE else ():
        raise UsageError(f"{option}: is about a training job", "add --on sagemaker, or leave it out")
    for option in typed_options(context, ("alias",) if not register_as else ()):
        raise UsageError(f"{option}: no model is registered that could have it", "add --register-as NAME")
    if resume:
        _refuse_beside_resume(context)
        if on is Where.SAGEMAKER:
            from yolops.cli import resume_in_sagemaker
            from yolops.training.submission.resumption import Changes

            _refuse_changes(context, arguments)
            changes = Changes(instance_type, spot, max_run, max_wait)
            resume_in_sagemaker.resume(session, console, resume, changes, dry_run=dry_run, wait=wait)
            return
        run = training.resume(session, console, resume, arguments)
    elif data is None:
        raise UsageError("train: which dataset?", "yolops train data.yaml; to get one: yolops dataset sample")
    else:
        request = TrainRequest(
            data=named_as(data),
            model=model,
            experiment=experiment,
            name=name or Path(model).stem,
            arguments=arguments,
            register_as=register_as,
            alias=alias if register_as else "",
        )
        check_name("--name", request.name)
        if register_as:
            check_name("--register-as", register_as)
            check_alias("--alias", alias)
        if on is Where.SAGEMAKER:
            from yolops.cli import train_in_sagemaker
            from yolops.training.submission.spec import Machine

            seconds = A_DAY_S if max_run is None else max_run
            machine = Machine(instance_type, instance_count, image, bool(spot), seconds, max_wait)
            train_in_sagemaker.train(session, console, request, machine, dry_run=dry_run, wait=wait)
            return
        run = training.train(session, console, request)
    training.show(console, run)


def heard(session: Session, arguments: dict[str, object]) -> Session:
    """Take `--verbose` out of the trainer's arguments: behind the command it means what it means before it."""
    if arguments.get("verbose") is not True:
        return session
    del arguments["verbose"]
    return replace(session, verbose=True)


def _refuse_beside_resume(context: typer.Context) -> None:
    """A run goes on as what it began: refuse what would make it another one, rather than ignore it."""
    for name in typed_options(context, ("data", "model", "experiment", "name", "register_as", "alias")):
        raise UsageError(f"--resume: a run goes on as it began, so {name} cannot be given", "leave it out")


def _refuse_changes(context: typer.Context, arguments: Mapping[str, object]) -> None:
    """A job goes on with the arguments, the code and the packages of the one before."""
    given = [*typed_options(context, ("instance_count", "image")), *(f"--{name}" for name in arguments)]
    if given:
        raise UsageError(f"--resume: a job goes on as it began, so {given[0]} cannot be given", "leave it out")


def typed_options(context: typer.Context, names: Sequence[str]) -> Iterator[str]:
    """Yield which of these a person has typed, as they typed them."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            yield "the dataset" if name == "data" else f"--{name.replace('_', '-')}"
