"""`yolops train`: train a detector and record it in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from yolops.cli.session import Json, session_of
from yolops.errors import UsageError

DEFAULT_MODEL = "yolo11n.pt"
# Typer hands on what it does not know; the trainer checks it.
PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}


def train(
    context: typer.Context,
    data: Annotated[Path | None, typer.Argument(help="The data.yaml, or the directory it is in.")] = None,
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
    resume: Annotated[str, typer.Option(help="Go on with a stopped run: last, its name or ID, or its last.pt.")] = "",
    as_json: Json = False,
) -> None:
    """Train a detector. Any other argument of ultralytics may follow: --lr0 0.01, cos_lr=True."""
    from yolops.cli import training
    from yolops.training.arguments import parse_arguments
    from yolops.training.run_directory import TrainRequest

    whole_batch = int(batch) if batch is not None and batch.is_integer() else batch
    typed = {"epochs": epochs, "imgsz": imgsz, "batch": whole_batch, "device": device, "seed": seed}
    arguments = parse_arguments(context.args) | {key: value for key, value in typed.items() if value is not None}
    resume = {"True": "last", "False": ""}.get(word := str(arguments.pop("resume", resume)), word)
    session = session_of(context)
    console = session.console(as_json=as_json)
    if resume:
        _refuse_beside_resume(context)
    if resume:
        run = training.resume(session, console, resume, arguments)
    elif data is None:
        raise UsageError("train: which dataset?", "yolops train data.yaml; to get one: yolops dataset sample")
    else:
        request = TrainRequest(
            data=str(data.absolute()),
            model=model,
            experiment=experiment,
            name=name or Path(model).stem,
            arguments=arguments,
            register_as=register_as,
            alias=alias if register_as else "",
        )
        run = training.train(session, console, request)
    training.show(console, run)


def _refuse_beside_resume(context: typer.Context) -> None:
    """A run goes on as what it began: refuse what would make it another one, rather than ignore it."""
    for name in ("data", "model", "experiment", "name", "register_as", "alias"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            typed = "the dataset" if name == "data" else f"--{name.replace('_', '-')}"
            raise UsageError(f"--resume: a run goes on as it began, so {typed} cannot be given", "leave it out")
