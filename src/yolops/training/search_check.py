"""Whether a search can be done: asked before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yolops.errors import UsageError
from yolops.training.search_space import parse_space
from yolops.training.study import load_optuna
from yolops.training.trainer import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yolops.training.search_space import Dimension
    from yolops.training.trainer import Trainer
    from yolops.training.tune_directory import TuneRequest

# Ultralytics' `optimizer=auto` sets these itself, whatever it is given.
SET_BY_AUTO = frozenset({"lr0", "momentum", "warmup_bias_lr"})


def check_search(trainer: Trainer, request: TuneRequest) -> None:
    """Refuse what cannot be searched on this machine.

    Raises:
        UsageError: an argument, or a part of the space, is none of the trainer's or cannot be searched.
        YolopsError: Optuna is not installed.
    """
    load_optuna()
    check_space(trainer, request)


def check_space(trainer: Trainer, request: TuneRequest) -> None:
    """Refuse what cannot be searched anywhere.

    Raises:
        UsageError: an argument, or a part of the space, is none of the trainer's or cannot be searched.
    """
    space = parse_space(request.space)
    if twice := next((one.name for one in space if one.name in request.arguments), ""):
        raise UsageError(f"--{twice}: is varied, and has one value", "leave one of the two out")
    if request.arguments.get("val") is False:
        raise UsageError("--val False: trials are compared by what is measured after each epoch", "leave it out")
    if request.metric not in METRICS:
        raise UsageError(f"--metric {request.metric}: is not measured", f"give one of: {', '.join(METRICS)}")
    if request.arguments.get("optimizer") == "auto" and (ignored := ignored_by_auto(space)):
        raise UsageError(f"--optimizer auto: it ignores {', '.join(ignored)}", "name one, such as AdamW")
    trainer.check(request.arguments, request.model)
    try:
        trainer.check({**request.arguments, **{one.name: one.example for one in space}}, request.model)
    except UsageError as error:
        raise UsageError(f"--space: {error.message}", "whole numbers are written close_mosaic=0..10:int") from error


def ignored_by_auto(space: Sequence[Dimension]) -> list[str]:
    """Return what of a space has no effect while the trainer chooses the optimizer itself."""
    names = {one.name for one in space}
    return [] if "optimizer" in names else sorted(names & SET_BY_AUTO)
