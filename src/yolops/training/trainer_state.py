"""What ultralytics' checkpoints leave out, so that a resumed training computes what an uninterrupted one computes.

A checkpoint of ultralytics 8.4 holds the moving average (EMA) of the weights and the state of the optimizer in half
precision, and on a resume the average takes the place of the weights. Not in it: the weights themselves, gradients that
were accumulated across the end of the epoch and the batch of the last optimizer step (`nbs` above `batch`), the states
of the random generators, the order of the images, and those that mosaic draws from (`BaseDataset.buffer`).

Exact only where the trainer's own process loads the images, as on a CPU: worker processes keep random states of their
own.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

NAME = "state.pt"
State = dict[str, Any]


def capture(trainer: Any, model: torch.nn.Module, last_step: int) -> State:
    """Return the state of ultralytics' trainer at the end of an epoch.

    Args:
        trainer: the trainer.
        model: its model without wrappers.
        last_step: the number of the batch, counted from the first of the training, behind which the optimizer stepped.
    """
    gradients = [parameter.grad for parameter in model.parameters()]
    return {
        "epoch": trainer.epoch,
        "model": model.state_dict(),
        "ema": trainer.ema.ema.state_dict(),
        "updates": trainer.ema.updates,
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.scaler.state_dict(),
        "possible_stop": trainer.stopper.possible_stop,
        "gradients": gradients if any(gradient is not None for gradient in gradients) else [],
        "last_step": last_step,
        "random": _random_states(),
        "order": trainer.train_loader.generator.get_state(),
        "mosaic": list(getattr(trainer.train_loader.dataset, "buffer", [])),
    }


def save(state: State, path: Path) -> None:
    """Write a state beside its place and move it there."""
    with whole_file(path) as draft:
        torch.save(state, draft)


def load(path: Path, epoch: int) -> State | None:
    """Return the state that belongs to the checkpoint of an epoch, counted from 0; None where there is none."""
    try:
        # Nothing in the file is executed.
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001 - without it, the training goes on as ultralytics would
        return None
    return state if state.get("epoch") == epoch else None


def restore_weights(trainer: Any, model: torch.nn.Module, state: State) -> None:
    """Give model, average, optimizer and scaler what they had, once ultralytics has made them."""
    model.load_state_dict(state["model"])
    trainer.ema.ema.load_state_dict(state["ema"])
    trainer.ema.updates = state["updates"]
    for saved, group in zip(state["optimizer"]["param_groups"], trainer.optimizer.param_groups, strict=True):
        saved["fused"] = group.get("fused")  # the device decides it, which may be another one
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.scaler.load_state_dict(state["scaler"])


def restore_gradients(model: torch.nn.Module, state: State) -> None:
    """Give the first epoch the gradients that it would have found; ultralytics removes all before it begins."""
    for parameter, gradient in zip(model.parameters(), state["gradients"], strict=False):
        parameter.grad = None if gradient is None else gradient.to(parameter.device)


def restore_course(trainer: Any, state: State) -> None:
    """Give the first epoch the chances that it would have had, right before it begins: all before that draws, too."""
    trainer.stopper.possible_stop = state["possible_stop"]
    dataset = trainer.train_loader.dataset
    for number in state["mosaic"]:
        dataset.load_image(number)  # which puts it into the buffer
    trainer.train_loader.generator.set_state(state["order"])
    _set_random_states(state["random"])


def _random_states() -> State:
    numpy = np.random.get_state(legacy=False)
    # As plain numbers, which are read without executing anything.
    numpy["state"]["key"] = numpy["state"]["key"].tolist()
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"python": random.getstate(), "numpy": numpy, "cpu": torch.get_rng_state(), "gpus": on_gpus}


def _set_random_states(states: State) -> None:
    random.setstate(states["python"])
    numpy = states["numpy"]
    key = np.array(numpy["state"]["key"], dtype=np.uint32)
    np.random.set_state(numpy | {"state": numpy["state"] | {"key": key}})
    torch.set_rng_state(states["cpu"])
    if len(states["gpus"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["gpus"])
