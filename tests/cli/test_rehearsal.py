from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def yolops(directory: Path, *arguments: str, modules: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MLFLOW_"))}
    if modules is not None:
        environment["PYTHONPATH"] = str(modules)
    return subprocess.run(
        [sys.executable, "-m", "yolops.cli.entry", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=directory,
        env={**environment, "AWS_PROFILE": "work"},
    )


def shown(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_a_command_runs_against_the_rehearsal_which_starts_for_it(tmp_path: Path) -> None:
    before = yolops(tmp_path, "rehearsal", "status", "--json")
    assert (before.returncode, shown(before)["running"]) == (1, False)
    try:
        (tmp_path / "terraform.tfvars").touch()  # where nothing reads it
        checks = shown(yolops(tmp_path, "--rehearsal", "doctor", "--json"))["checks"]
        assert "`yolops --rehearsal init` writes" in checks[-1]["findings"][0]["fix"]
        (tmp_path / "terraform.tfvars").unlink()
        status = yolops(tmp_path, "rehearsal", "status", "--json")
        assert (status.returncode, shown(status)["running"]) == (0, True)
        started = shown(yolops(tmp_path, "rehearsal", "start", "--json"))
        assert started["url"] == shown(status)["url"] == started["environment"]["AWS_ENDPOINT_URL"]
        assert f"address    {started['url']}" in yolops(tmp_path, "rehearsal", "status").stdout
        assert shown(yolops(tmp_path, "rehearsal", "stop", "--json")) == {"ended": True}
        assert shown(yolops(tmp_path, "rehearsal", "stop", "--json")) == {"ended": False}
    finally:
        reset = yolops(tmp_path, "rehearsal", "reset", "--json")
    assert shown(reset) == {"deleted": True}
    assert not (tmp_path / ".yolops" / "rehearsal").exists()


def test_a_local_platform_has_nothing_to_rehearse_which_is_what_a_wrong_directory_shows(tmp_path: Path) -> None:
    for arguments in (("status",), ("up", "--yes"), ("train", "cells", "--on", "sagemaker")):
        refused = yolops(tmp_path, "--rehearsal", *arguments)
        assert refused.returncode == 1
        assert "nothing in AWS can be rehearsed" in refused.stderr
        assert "try: yolops --rehearsal init" in refused.stderr
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("--rehearsal", "status", "--help"), ("--rehearsal", "rehearsal", "stop")])
def test_what_needs_no_rehearsal_starts_none(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert yolops(tmp_path, *arguments).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'moto' else find(name, package)\n"
    )
    done = yolops(tmp_path, "rehearsal", "start", modules=modules)
    assert done.returncode == 1
    assert "pip install 'yolops[rehearsal]'" in done.stderr
    assert "Traceback" not in done.stderr
