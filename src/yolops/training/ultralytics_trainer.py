"""Training with ultralytics: YOLO11 and every other detector that it loads.

Ultralytics is AGPL-3.0 and an extra: only this file, `recording.py` and `rank.py` know it. It is imported in
`_ultralytics` after the environment says what it may not do: install packages, report usage, run code of checkpoints.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from yolops.datasets.description import NOT_YAML
from yolops.errors import UsageError, YolopsError
from yolops.imports import importing
from yolops.models.yolo_detector.torchvision_repair import ensure_torchvision
from yolops.training.ranks import train_in_ranks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yolops.training.trainer import Observer, Trained, TrainSpec

INSTALL_HINT = "pip install 'yolops[local,train]'"
# What yolops decides itself, and what to type instead.
OURS = {
    "data": "give the data.yaml behind `train`",
    "project": "use --experiment",
    "save_dir": "use --name and --workspace",
    "exist_ok": "a new run never writes over an old one",
    "mode": "it is always train",
    "source": "it belongs to prediction",
    "tracker": "it belongs to prediction",
}
# Options of yolops that people mistype like the trainer's own.
KNOWN = frozenset({"model", "experiment", "name", "register-as", "alias", "resume"})
DETECTION = "detect"
RANDOM = "random"
# A full disk, a quota, a limit on the size of files: for a person they are one thing.
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PACKAGES = ("ultralytics-opencv-headless", "ultralytics", "torch", "torchvision", "numpy", "opencv-python-headless")


class UltralyticsTrainer:
    """Trains detectors with ultralytics, in this process, or on several GPUs in one for each.

    Args:
        config_directory: where ultralytics keeps its own settings; private, so that a person's own stay untouched.
        verbose: show what ultralytics prints.
        threads: how many PyTorch computes with where there is no GPU.
    """

    packages = PACKAGES

    def __init__(self, config_directory: Path, *, verbose: bool = False, threads: int = 1) -> None:
        self._config_directory = config_directory
        self._verbose = verbose
        self._threads = threads

    def defaults(self) -> Mapping[str, object]:
        """Return ultralytics' own arguments."""
        self._ultralytics()
        from ultralytics.cfg import DEFAULT_CFG_DICT

        return dict(DEFAULT_CFG_DICT)

    def gpus(self) -> int:
        """Return how many of NVIDIA's GPUs this machine has."""
        self._ultralytics()
        import torch

        return int(torch.cuda.device_count())

    def check(self, arguments: Mapping[str, object], start: str | Path) -> None:
        """Refuse arguments and models that cannot be trained, before anything is written."""
        for name in arguments:
            if name in OURS:
                raise UsageError(f"--{name}: yolops sets it itself", OURS[name])
        batch = arguments.get("batch")
        if isinstance(batch, int | float) and batch <= 0 and batch != -1:
            raise UsageError(
                f"--batch {batch}: no number of images", "give 1 or more, a part of the GPU's memory (0.7), or -1"
            )
        if "," in str(arguments.get("device", "")) and isinstance(batch, int | float) and batch < 1:
            raise UsageError("--batch: on several GPUs the trainer cannot choose it", "give a number of images")
        self._ultralytics()
        from ultralytics.cfg import get_cfg
        from ultralytics.utils.torch_utils import select_device

        try:
            get_cfg(overrides={**arguments, "task": DETECTION, "mode": "train"})
        except SyntaxError as error:
            raise UsageError(_unknown_argument(arguments), "see docs.ultralytics.com/modes/train") from error
        except (TypeError, ValueError, KeyError) as error:
            raise UsageError(f"{_plain(error)}", "see docs.ultralytics.com/modes/train") from error
        try:
            with contextlib.redirect_stdout(sys.stderr):
                select_device(str(arguments.get("device", "")), verbose=False)
        except ValueError as error:
            raise UsageError(
                f"--device {arguments['device']}: this machine does not have it",
                "leave it out, or give cpu, mps, or the numbers of GPUs: 0, or 0,1",
            ) from error
        if isinstance(start, Path):
            _check_checkpoint(start)
        else:
            self._find_model(start)

    def train(self, spec: TrainSpec, observer: Observer) -> Trained:
        """Train; ultralytics' own output goes to stderr, or to a log where several processes train."""
        self._ultralytics()
        from yolops.training.recording import KINDS

        facts: dict[str, str] = {}
        overrides = dict(spec.arguments) | {"data": str(spec.data), "save_dir": str(spec.directory)}
        if spec.resume_from is not None:
            overrides |= {"resume": str(spec.resume_from), "model": str(spec.resume_from)}
        else:
            overrides["model"], facts["yolops.weights"] = self.start_of(spec.model, spec.weights_directory)
        kind = "rtdetr" if "rtdetr" in str(overrides["model"]).lower() else "detection"
        with _errors_of_training(spec), contextlib.redirect_stdout(sys.stderr):
            trainer = KINDS[kind](overrides=overrides)
            if trainer.ddp:  # several GPUs
                task = {"kind": kind, "overrides": {**overrides, "device": trainer.args.device}, "facts": facts}
                return train_in_ranks(spec.directory, task | {"threads": self._threads}, trainer.world_size, observer)
            trainer.observe(observer, facts, self._threads)
            trainer.train()
            return cast("Trained", trainer.outcome())

    def _ultralytics(self) -> None:
        """Import ultralytics with everything switched off that reaches out of this machine or runs foreign code."""
        self._config_directory.mkdir(parents=True, exist_ok=True)
        os.environ["YOLO_CONFIG_DIR"] = str(self._config_directory)
        os.environ["YOLO_AUTOINSTALL"] = "false"
        os.environ["YOLO_OFFLINE"] = "true"
        os.environ["ULTRALYTICS_SAFE_LOAD"] = "true"
        os.environ["YOLO_VERBOSE"] = str(self._verbose).lower()
        try:
            with importing(), contextlib.redirect_stdout(sys.stderr):
                ensure_torchvision()
                import ultralytics.engine.trainer  # noqa: F401 - imported for the first time, under these rules
        except ImportError as error:
            raise YolopsError(f"training needs a package that is not installed: {error}", INSTALL_HINT) from error
        from ultralytics.utils import LOGGER, SETTINGS

        for handler in LOGGER.handlers:
            if type(handler) is logging.StreamHandler:  # its own, and not what somebody else has put there
                handler.setStream(sys.stderr)
        switched_off = ("sync", "mlflow", "clearml", "comet", "dvc", "raytune", "tensorboard", "wandb", "vscode_msg")
        SETTINGS.update({name: False for name in switched_off if SETTINGS.get(name)})

    def _find_model(self, model: str) -> str:
        """Return `file`, `weights` or `yaml` for a model that exists, is published, or is built in."""
        from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

        suffix = Path(model).suffix
        if suffix in {".pt", ".yaml", ".yml"} and Path(model).is_file():
            if suffix != ".pt" and not _describes_a_model(Path(model)):
                raise YolopsError(f"--model {model}: describes no model", "it needs the keys `backbone` and `head`")
            return "file"
        if f"{Path(model).with_suffix('')}.pt" in GITHUB_ASSETS_NAMES and suffix in {"", ".pt"}:
            return "weights"
        if suffix in {".yaml", ".yml"} and _is_built_in(model):
            return "yaml"
        near = difflib.get_close_matches(model, sorted(GITHUB_ASSETS_NAMES), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise YolopsError(
            f"--model {model}: no such file, and no model that ultralytics publishes",
            f"{hint}give published weights (yolo11n.pt), a built-in model (yolo11n.yaml) or the path of a .pt or .yaml",
        )

    def start_of(self, model: str, weights_directory: Path) -> tuple[str, str]:
        """Return the model to start from, a file or one that is built in, and which weights it has.

        Args:
            model: as it was typed.
            weights_directory: where published weights are kept once they are downloaded.

        Raises:
            YolopsError: there is no such model.
        """
        from ultralytics.utils.downloads import attempt_download_asset

        kind = self._find_model(model)
        if kind != "weights":
            return model, model if model.endswith(".pt") else RANDOM
        name = Path(model).with_suffix(".pt").name
        kept = weights_directory / name
        why = ""
        if not kept.is_file():
            try:
                weights_directory.mkdir(parents=True, exist_ok=True)
                with contextlib.redirect_stdout(sys.stderr):
                    attempt_download_asset(kept, retry=0, progress=True)
            except (OSError, RuntimeError) as error:
                why = f": {name} could not be had ({_plain(error)})"
        if kept.is_file():
            return str(kept), name
        return kept.with_suffix(".yaml").name, f"{RANDOM}{why}"


def _check_checkpoint(path: Path) -> None:
    """Refuse a checkpoint that a training cannot go on from."""
    from ultralytics.nn.tasks import torch_safe_load

    try:
        checkpoint, _ = torch_safe_load(path)
        epoch = int(checkpoint["epoch"])
    except Exception as error:
        message = f"{path}: not a checkpoint that can be resumed ({_plain(error)})"
        raise YolopsError(message, "start the training anew") from error
    if epoch < 0:  # ultralytics takes the optimiser out of the checkpoints of a finished training
        raise YolopsError(f"{path.parent.parent}: this training is finished", "start a new one without --resume")


def _describes_a_model(file: Path) -> bool:
    try:
        value = yaml.safe_load(file.read_bytes())
    except (OSError, *NOT_YAML):
        return False
    return isinstance(value, dict) and {"backbone", "head"} <= value.keys()


def _is_built_in(model: str) -> bool:
    from ultralytics.nn.tasks import yaml_model_load

    try:
        yaml_model_load(model)
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def _errors_of_training(spec: TrainSpec) -> Iterator[None]:
    """Say what a person can do about an error; the traceback stays in the run's directory."""
    try:
        yield
    except YolopsError:
        raise
    except OSError as error:
        if error.errno in NO_SPACE:
            raise YolopsError(
                f"{spec.directory}: the disk is full",
                f"free space, then: yolops train --resume {spec.directory.name}",
            ) from error
        raise _failed(spec, error) from error
    except Exception as error:
        raise _failed(spec, error) from error


def _failed(spec: TrainSpec, error: Exception) -> YolopsError:
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):
        (spec.directory / "error.txt").write_text(text, encoding="utf-8")
    hint = "take a smaller --batch or --imgsz" if "out of memory" in str(error).lower() else "read its traceback"
    return YolopsError(f"the training failed: {_plain(error)}", f"{hint}: {spec.directory / 'error.txt'}")


def _unknown_argument(arguments: Mapping[str, object]) -> str:
    from ultralytics.cfg import DEFAULT_CFG_DICT

    unknown = [name for name in arguments if name not in DEFAULT_CFG_DICT]
    texts = []
    for name in unknown:
        near = difflib.get_close_matches(name, KNOWN | DEFAULT_CFG_DICT.keys() - OURS.keys(), n=1)
        texts.append(f"--{name} is no argument of the trainer" + (f" (did you mean --{near[0]}?)" if near else ""))
    return "; ".join(texts)


def _plain(error: BaseException) -> str:
    """Return the first line of an error without ultralytics' colours and symbols."""
    text: Any = str(error).strip() or type(error).__name__
    line = text.splitlines()[0].encode("ascii", "ignore").decode()
    return " ".join(line.replace("\x1b", "").split())
