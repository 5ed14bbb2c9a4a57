"""`yolops train`: train a detector and record it in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yolops.cli import training_options as options
from yolops.cli.session import Json, opened
from yolops.cli.training_options import Where
from yolops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yolops.training.run_directory import TrainRequest

# Typer hands on what it does not know; the trainer checks it.
PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}
JOB_OPTIONS = ("instance_type", "instance_count", "image", "spot", "max_run", "max_wait", "wait", "dry_run")
# What would make a run that goes on another one, and a job.
OF_THE_RUN, OF_THE_JOB = ("data", "model", "experiment", "name", "register_as", "alias"), ("instance_count", "image")

Spot = Annotated[
    bool | None, typer.Option("--spot/--no-spot", help="Run the job on spot instances; it goes on by itself.")
]
MaxRun = Annotated[int | None, typer.Option(metavar="SECONDS", help="How long the job may run; a day if not given.")]


def train(
    context: typer.Context,
    data: options.Data = None,
    model: options.Model = options.DEFAULT_MODEL,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training images.")] = None,
    imgsz: Annotated[int | None, typer.Option(min=32, help="Pixels of the longer side.")] = None,
    batch: Annotated[float | None, typer.Option(help="Images per step; -1 lets the trainer choose.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, mps, or the numbers of GPUs: 0, or 0,1.")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes a training repeatable.")] = None,
    experiment: options.Experiment = "",
    name: Annotated[str, typer.Option(help="Name of the run; the model's name if not given.")] = "",
    register_as: Annotated[str, typer.Option(help="Register the model under this name.")] = "",
    alias: Annotated[str, typer.Option(help="Alias of the registered version.")] = "candidate",
    on: Annotated[Where, typer.Option(help="Train here, or in a training job of the platform in AWS.")] = Where.HERE,
    instance_type: Annotated[str, typer.Option(help="Of the job; that of terraform.tfvars if not given.")] = "",
    instance_count: Annotated[int, typer.Option(min=1, help="Of the job: 1, since ultralytics takes no more.")] = 1,
    image: Annotated[str, typer.Option(help=f"Of the job: {options.IMAGE_HELP}")] = "",
    spot: Spot = None,
    max_run: MaxRun = None,
    max_wait: options.MaxWait = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job; Ctrl-C leaves it running.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the job, and what stands against it.")] = False,
    resume: Annotated[str, typer.Option(help="Go on with a stopped run: last, its name or ID, or its last.pt.")] = "",
    as_json: Json = False,
) -> None:
    """Train a detector. Any other argument of ultralytics may follow: --lr0 0.01, cos_lr=True."""
    from yolops.cli import training
    from yolops.training.arguments import parse_arguments

    whole_batch = int(batch) if batch is not None and batch.is_integer() else batch
    named = {"epochs": epochs, "imgsz": imgsz, "batch": whole_batch, "device": device, "seed": seed}
    arguments = parse_arguments(context.args) | {key: value for key, value in named.items() if value is not None}
    resume = {"True": "last", "False": ""}.get(word := str(arguments.pop("resume", resume)), word)
    session, console = opened(context, as_json)
    session = options.heard(session, arguments)
    if on is Where.HERE:
        options.refuse(context, JOB_OPTIONS, "is about a training job", "add --on sagemaker, or leave it out")
    if not register_as:
        options.refuse(context, ("alias",), "no model is registered that could have it", "add --register-as NAME")
    if resume:
        _refuse_beside_resume("run", options.typed(context, OF_THE_RUN))
    if resume and on is Where.SAGEMAKER:
        from yolops.cli import resume_in_sagemaker
        from yolops.training.submission.resumption import Changes

        _refuse_beside_resume("job", options.typed(context, OF_THE_JOB))
        _refuse_beside_resume("job", (f"--{argument}" for argument in arguments))
        changes = Changes(instance_type, spot, max_run, max_wait)
        resume_in_sagemaker.resume(session, console, resume, changes, dry_run=dry_run, wait=wait)
    elif resume:
        training.show(console, training.resume(session, console, resume, arguments))
    else:
        request = _request(data, model, experiment, name, register_as, alias, arguments)
        if on is Where.HERE:
            training.show(console, training.train(session, console, request))
            return
        from yolops.cli import train_in_sagemaker
        from yolops.training.submission.spec import Machine

        seconds = options.A_DAY_S if max_run is None else max_run
        machine = Machine(instance_type, instance_count, image, bool(spot), seconds, max_wait)
        train_in_sagemaker.train(session, console, request, machine, dry_run=dry_run, wait=wait)


def _request(
    data: str | None, model: str, experiment: str, name: str, register_as: str, alias: str, arguments: dict[str, Any]
) -> TrainRequest:
    """Return what a person asks for.

    Raises:
        UsageError: it is not said what to train on, or a name cannot be one.
    """
    from yolops.tracking.names import check_alias, check_name
    from yolops.training.run_directory import TrainRequest

    request = TrainRequest(
        data=options.dataset_of("train", data),
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
    return request


def _refuse_beside_resume(what: str, given: Iterable[str]) -> None:
    """What goes on goes on as it began: refuse what would make it another one, rather than ignore it."""
    for word in given:
        raise UsageError(f"--resume: a {what} goes on as it began, so {word} cannot be given", "leave it out")
