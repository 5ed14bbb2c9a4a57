"""Ultralytics' trainers, made to say what happens, to write checkpoints whole, and to go on from one exactly.

Importing this imports ultralytics: only `ultralytics_trainer.py` does, when it has prepared the ground. The class names
do not contain "Trainer", because ultralytics attaches its own loggers to every class whose name does.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.rtdetr.train import RTDETRTrainer
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import unwrap_model

from yolops.models.yolo_detector.torchvision_repair import ensure_torchvision
from yolops.training import trainer_state
from yolops.training.trainer import METRICS, Trained

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yolops.training.trainer import Observer


class Recording(BaseTrainer):  # type: ignore[misc] # ultralytics is not analysed
    """Mixed into a trainer of ultralytics: tells an observer, writes checkpoints so that none is ever half there."""

    last: Path
    best: Path
    _observer: Observer
    _threads: int
    # Batches from the last optimizer step before a resume to the first one behind it, less what ultralytics assumes.
    _ahead = 0
    _nominal = 1
    _last_step = -1
    _state: trainer_state.State | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        ensure_torchvision()  # each process that trains needs it, also those that ultralytics starts itself
        super().__init__(*args, **kwargs)
        self._epoch_began = self._epoch_trained = time.monotonic()
        self._steps = 0

    def observe(self, observer: Observer, facts: Mapping[str, str], threads: int) -> None:
        """Tell `observer` what happens from now on, and train with so many threads where there is no GPU."""
        self._observer = observer
        self._threads = threads
        self.add_callback("on_train_start", lambda _: observer.started(self._arguments(), {**facts, **self._facts()}))
        self.add_callback("on_train_epoch_start", lambda _: self._restore_course())
        self.add_callback("on_train_epoch_start", lambda _: self._mark_begin())
        self.add_callback("on_train_batch_end", lambda _: self._report_step())
        self.add_callback("on_train_epoch_end", lambda _: self._mark_trained())
        self.add_callback("on_train_start", lambda _: self._set_threads())
        self.add_callback("on_val_start", self._validating)

    def save_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Report an epoch. Called once per epoch with losses, metrics and rates, before the checkpoint is written.

        Whoever resumes from that checkpoint therefore finds its epoch reported.
        """
        now = time.monotonic()
        images = len(self.train_loader.dataset)
        speed = {
            "speed/epoch_s": now - self._epoch_began,
            "speed/train_images_per_s": images / max(self._epoch_trained - self._epoch_began, 1e-9),
        }
        values = {name: float(value) for name, value in metrics.items()}
        self._observer.epoch(self.epoch + 1, values | speed)
        super().save_metrics(metrics)

    def save_model(self) -> bool:
        """Write checkpoints beside their place and move them there: a killed process leaves the old one or the new."""
        last, best = self.last, self.best
        self.last, self.best = last.with_suffix(".pt.new"), best.with_suffix(".pt.new")
        try:
            saved = bool(super().save_model())
        finally:
            self.last, self.best = last, best
        state = last.with_name(trainer_state.NAME)
        if self.stop:
            state.unlink(missing_ok=True)
        else:
            trainer_state.save(trainer_state.capture(self, unwrap_model(self.model), self._last_step), state)
        for path in (last, best):
            new = path.with_suffix(".pt.new")
            if new.exists():
                new.replace(path)
        if not self.stop:
            self._observer.saved(self.epoch + 1)
        return saved

    def resume_training(self, ckpt: Any) -> None:
        """Go on from a checkpoint, and from what stands beside it because ultralytics leaves it out."""
        super().resume_training(ckpt)
        if self.start_epoch:
            path = self.last.with_name(trainer_state.NAME)
            self._state = trainer_state.load(path, self.start_epoch - 1)
        if self._state is not None:
            trainer_state.restore_weights(self, unwrap_model(self.model), self._state)

    def optimizer_step(self) -> None:
        """Step, and remember at which batch."""
        super().optimizer_step()
        self._last_step = self._steps + len(self.train_loader) * self.epoch
        self._ahead = 0

    @property
    def accumulate(self) -> int:
        """How many batches make a step; until the first one of a resumed training also those since the last one.

        Ultralytics counts from -1 then, and would step behind the first batch.
        """
        return self._nominal + self._ahead

    @accumulate.setter
    def accumulate(self, batches: int) -> None:
        self._nominal = batches

    def outcome(self) -> Trained:
        """Return what came out; only once the training has ended."""
        box = self.validator.metrics.box
        names = self.validator.metrics.names
        per_class = {
            names[int(number)]: {"mAP50": float(box.ap50[row]), "mAP50-95": float(box.ap[row])}
            for row, number in enumerate(box.ap_class_index)
        }
        return Trained(
            epochs=int(self.epoch) + 1,
            best=self._best(),
            last=self.last,
            metrics={name: float(self.metrics.get(key, 0.0)) for name, key in METRICS.items()},
            per_class=per_class,
        )

    def _arguments(self) -> dict[str, object]:
        return {**vars(self.args), "batch": self.batch_size, "workers": self.train_loader.num_workers}

    def _facts(self) -> dict[str, str]:
        gpu = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        facts = {"hardware.device": str(self.device), "model.parameters": str(parameters)}
        return facts | ({"hardware.gpu": gpu} if gpu else {})

    def _best(self) -> Path:
        return self.best if self.best.exists() else self.last

    def _validating(self, validator: Any) -> None:
        if not validator.training:  # the epochs are over: ultralytics measures the best checkpoint, and has chosen anew
            self._set_threads()
            self._observer.chosen(self._best(), int(self.args.imgsz))

    def _set_threads(self) -> None:
        """Ultralytics leaves one core idle (`NUM_THREADS`), and of two that is a lot."""
        if self.device.type == "cpu":
            torch.set_num_threads(self._threads)

    def _restore_course(self) -> None:
        loader = self.train_loader
        if loader.num_workers == 0:
            # One iterator for all epochs is ahead of its generator; a new one costs nothing without worker processes.
            loader.reset()
        if self._state is not None:
            trainer_state.restore_gradients(unwrap_model(self.model), self._state)
            if RANK in {-1, 0}:  # other processes of DDP must not draw the same numbers
                trainer_state.restore_course(self, self._state)
            self._last_step = self._state["last_step"]
            self._ahead = self._last_step + 1
            self._state = None

    def _mark_begin(self) -> None:
        self._epoch_began = time.monotonic()
        self._steps = 0

    def _report_step(self) -> None:
        self._steps += 1
        self._observer.step(self.epoch + 1, self.epochs, self._steps, len(self.train_loader))

    def _mark_trained(self) -> None:
        self._epoch_trained = time.monotonic()


class RecordedDetection(Recording, DetectionTrainer):  # type: ignore[misc] # likewise
    """The trainer of YOLO detectors."""


class RecordedRTDETR(Recording, RTDETRTrainer):  # type: ignore[misc] # likewise
    """The trainer of RT-DETR detectors."""


KINDS: Mapping[str, Any] = {"detection": RecordedDetection, "rtdetr": RecordedRTDETR}
