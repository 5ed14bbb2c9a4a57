"""What every mode needs of this machine: room, a directory that can be written, a GPU that torch sees."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from yolops import process
from yolops.diagnosis.check import Check, Notes, Seen, Skip
from yolops.errors import YolopsError
from yolops.findings import counted
from yolops.training.run_directory import RUNS, all_spools
from yolops.training.sending import is_waiting

if TYPE_CHECKING:
    from pathlib import Path

GIGABYTE = 1e9
# A training of a small dataset writes checkpoints, plots and its copy in MLflow: some hundred megabytes.
LEAST_GB, LITTLE_GB = 1.0, 5.0
MOST_NAMES = 3
TORCH_PATIENCE_S = 60.0
# Importing torch takes seconds, and may crash a process whose drivers do not fit.
TORCH = """
import json, torch
cuda = torch.cuda.is_available()
gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())] if cuda else []
print(json.dumps({"version": torch.__version__, "gpus": gpus, "mps": torch.backends.mps.is_available()}))
"""
# What ultralytics does by itself unless its settings say otherwise.
BESIDE_US = {"mlflow": "writes runs of its own to MLFLOW_TRACKING_URI", "sync": "sends usage data to ultralytics"}


class Host(Protocol):
    """The machine, as far as a test must be able to hand in another one."""

    def free_bytes(self, directory: Path) -> int:
        """Return how much can be written to the disk of a directory."""
        ...

    def torch(self) -> process.Completed | None:
        """Return what torch says of its devices, as JSON; None where it is not installed."""
        ...

    def has_nvidia(self) -> bool:
        """Return whether there is a driver of an NVIDIA GPU."""
        ...


class ThisMachine:
    """The machine this runs on."""

    def free_bytes(self, directory: Path) -> int:
        """Return how much can be written to the disk of a directory."""
        return shutil.disk_usage(directory).free

    def torch(self) -> process.Completed | None:
        """Return what torch says of its devices, as JSON; None where it is not installed."""
        if find_spec("torch") is None:
            return None
        return process.run([sys.executable, "-c", TORCH], timeout=TORCH_PATIENCE_S - 5)

    def has_nvidia(self) -> bool:
        """Return whether there is a driver of an NVIDIA GPU."""
        return shutil.which("nvidia-smi") is not None


@dataclass(frozen=True)
class Here:
    """Where yolops works on this machine.

    Attributes:
        workspace: the directory; it need not exist yet.
        temporary: where temporary files go.
        ultralytics: where ultralytics keeps the settings of this person.
        host: the machine.
    """

    workspace: Path
    temporary: Path
    ultralytics: Path
    host: Host


def free_disk(here: Here) -> Seen:
    """There is room on the disks of the workspace and of temporary files."""
    notes = Notes("disk")
    found = []
    for name, directory in (("workspace", nearest(here.workspace)), ("temporary files", nearest(here.temporary))):
        free = here.host.free_bytes(directory) / GIGABYTE
        found.append(f"{name} {free:.1f} GB")
        what = f"{free:.2f} GB are free for {name}"
        if free < LEAST_GB:
            notes.error("disk-full", what, f"make room for {LEAST_GB:.0f} GB at least", str(directory))
        elif free < LITTLE_GB:
            notes.warning("disk-nearly-full", what, "make room before a long training", str(directory))
    return notes.seen(", ".join(found))


def writable(here: Here) -> Seen:
    """The workspace can be written."""
    return written(nearest(here.workspace), "give another directory with --workspace, or make this one writable")


def written(directory: Path, fix: str) -> Seen:
    """Write to a directory, and return whether that went well."""
    notes = Notes(str(directory))
    try:
        # Rights alone do not tell: the disk may be full or mounted to be read only.
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"yolops")
            file.flush()
    except OSError as error:
        notes.error("not-writable", f"cannot be written ({error.strerror})", fix)
    return notes.seen(str(directory))


def runs_not_sent(here: Here) -> Seen:
    """MLflow has all of every training that has ended."""
    spools = all_spools(here.workspace / RUNS)
    waiting = [spool for spool in spools if is_waiting(spool)]
    notes = Notes(str(here.workspace / RUNS))
    if waiting:
        names = ", ".join(spool.directory.parent.name for spool in waiting[:MOST_NAMES])
        more = f" and {len(waiting) - MOST_NAMES} more" if len(waiting) > MOST_NAMES else ""
        trouble = next((spool.progress().trouble for spool in waiting if spool.progress().trouble), "")
        why = f"; last seen: {trouble}" if trouble else ""
        notes.warning("runs-not-sent", f"MLflow does not have all of {names}{more}{why}", "yolops runs sync")
    return notes.seen(f"{counted(len(spools), 'run')}, {len(spools) - len(waiting)} sent or under way")


def gpu(here: Here) -> Seen:
    """Torch can be imported, and sees the GPU that there is."""
    said = here.host.torch()
    if said is None:
        raise Skip("torch is not installed: nothing is trained on this machine")
    if said.returncode:
        last = (said.stderr.strip().splitlines() or ["without a word"])[-1]
        raise YolopsError(f"torch cannot be imported: {last}", "pip install 'yolops[train]' in a fresh environment")
    devices = json.loads(said.stdout.splitlines()[-1])
    notes = Notes("torch")
    if not devices["gpus"] and here.host.has_nvidia():
        notes.warning(
            "gpu-not-seen",
            f"there is a driver for an NVIDIA GPU, and torch {devices['version']} does not see one",
            "install torch for its CUDA version (https://pytorch.org/get-started/locally)",
        )
    seen = ", ".join(devices["gpus"]) or ("Apple GPU (mps)" if devices["mps"] else "no GPU; trains on the CPU")
    return notes.seen(f"torch {devices['version']}: {seen}")


def ultralytics_settings(here: Here) -> Seen:
    """What a plain `yolo train` of this person would do beside yolops, which has settings of its own."""
    try:
        settings = json.loads(here.ultralytics.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Skip("there are none") from None
    except (OSError, ValueError) as error:
        raise Skip(f"{here.ultralytics}: cannot be read ({type(error).__name__})") from error
    notes = Notes(str(here.ultralytics))
    does = [what for name, what in BESIDE_US.items() if settings.get(name)]
    if does:
        off = " ".join(f"{name}=False" for name in BESIDE_US if settings.get(name))
        what = f"a plain `yolo train` {' and '.join(does)}; `yolops train` does not"
        notes.info("ultralytics-settings", what, f"yolo settings {off}")
    return notes.seen(str(here.ultralytics))


def nearest(directory: Path) -> Path:
    """Return the directory, or what of its path there is."""
    return next(place for place in (directory, *directory.parents) if place.is_dir())


CHECKS = (
    Check("free disk", free_disk),
    Check("workspace", writable),
    Check("runs", runs_not_sent),
    Check("GPU", gpu, patience_s=TORCH_PATIENCE_S),
    Check("ultralytics settings", ultralytics_settings),
)
