"""Whole commands in processes of their own, against real MLflow servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.terraform.installation import binary, command_line_configuration, likely_roots
from yolops.datasets.sample import write_sample

COMMAND = [sys.executable, "-m", "yolops.cli.entry"]
# A detector of 0.4 million parameters that trains in seconds: what is tested here is the path, not the model.
MICRO = """\
nc: 3
scales:
  n: [1.0, 1.0, 1024]
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, C2f, [32, True]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, C2f, [64, True]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, C2f, [64, True]]
  - [-1, 1, SPPF, [64, 5]]
head:
  - [[4, 7], 1, Detect, [nc]]
"""
QUICK = ["--model", "micro.yaml", "--imgsz", "64", "--batch", "8", "--device", "cpu", "plots=False"]
LEARNING = [
    *("--model", "micro.yaml", "--epochs", "3", "--imgsz", "160", "--batch", "4", "--device", "cpu"),
    *("optimizer=AdamW", "lr0=0.01", "warmup_epochs=1", "nbs=4", "mosaic=0", "scale=0", "translate=0"),
]


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Yolops:
    """Types commands in one workspace."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, *arguments: str, timeout: float = 240, **environment: str) -> Result:
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return Result(process.returncode, out, err)

    def ok(self, *arguments: str, **environment: str) -> Result:
        """Run a command that must succeed."""
        result = self(*arguments, **environment)
        assert result.code == 0, result.err[-3000:]
        return result

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.root,
            # Two tests at a time on two cores: threads that wait for one another would take turns instead.
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def interrupt_after(self, epoch: int, how: signal.Signals, *arguments: str) -> Result:
        """Start a training and send it a signal once it has said that an epoch is done."""
        process = self.start(*arguments)
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith((f"epoch {epoch}/", f"epoch  {epoch}/")):
                process.send_signal(how)
                break
        out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, "".join(said) + err)

    def server_pid(self) -> int:
        return int(self.ok("status", "--json").json["pid"])


T = TypeVar("T")


def eventually(what: Callable[[], T], seconds: float = 30) -> T:
    """Return what becomes true within some seconds."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.2)


@pytest.fixture(scope="module")
def yolops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yolops]:
    """A workspace with a running platform, a small dataset and a small model."""
    root = tmp_path_factory.mktemp("workspace")
    write_sample(root / "shapes", images=(24, 8, 4))
    (root / "micro.yaml").write_text(MICRO)
    command = Yolops(root)
    command.ok("up")
    yield command
    command("down")


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which Terraform finds its provider."""
    if binary(os.environ) is None:
        pytest.skip("terraform is not installed; name another binary in YOLOPS_TERRAFORM")
    written = command_line_configuration(tmp_path_factory.mktemp("cli"), os.environ, likely_roots(os.environ))
    return {} if written is None else {"TF_CLI_CONFIG_FILE": str(written)}
