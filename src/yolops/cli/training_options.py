"""What `train` and `tune` share of their command lines: options, and how they are read."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.dataset_named import named_as
from yolops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yolops.cli.session import Session

A_DAY_S = 24 * 3600
DEFAULT_MODEL = "yolo11n.pt"
IMAGE_HELP = "an image in ECR with all packages, or a tag in the platform's repository."

Data = Annotated[
    str | None,
    typer.Argument(
        help="The data.yaml, the directory it is in, or a version as `dataset pull` takes it: NAME@VERSION."
    ),
]
Model = Annotated[str, typer.Option(help="Weights, a model yaml, or the name of either.")]
Experiment = Annotated[
    str, typer.Option(envvar="MLFLOW_EXPERIMENT_NAME", help="MLflow experiment; the dataset's name if not given.")
]
MaxWait = Annotated[
    int,
    typer.Option(
        metavar="SECONDS", help="The same with all waiting for spot; twice --max-run if not given.", show_default=False
    ),
]


class Where(StrEnum):
    """Where a training runs."""

    HERE = "here"
    SAGEMAKER = "sagemaker"


def dataset_of(command: str, data: str | None) -> str:
    """Return the dataset that was typed, as a training remembers it.

    Raises:
        UsageError: none was.
    """
    if data is None:
        raise UsageError(f"{command}: which dataset?", f"yolops {command} data.yaml; to get one: yolops dataset sample")
    return named_as(data)


def heard(session: Session, arguments: dict[str, object]) -> Session:
    """Take `--verbose` out of the trainer's arguments: behind the command it means what it means before it."""
    if arguments.get("verbose") is not True:
        return session
    del arguments["verbose"]
    return replace(session, verbose=True)


def refuse(context: typer.Context, options: Sequence[str], why: str, fix: str) -> None:
    """Refuse what would have no effect, rather than ignore it.

    Raises:
        UsageError: a person has typed one of these options.
    """
    for option in typed(context, options):
        raise UsageError(f"{option}: {why}", fix)


def typed(context: typer.Context, options: Sequence[str]) -> Iterator[str]:
    """Yield which of these a person has typed, as they typed them."""
    for name in options:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            yield "the dataset" if name == "data" else f"--{name.replace('_', '-')}"
