"""A wheel of this yolops, as a space in Studio installs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from yolops import __version__
from yolops.platform.own_wheel import LOCK, PLACE, lock_file, wheel, write_wheel


def test_pip_installs_it_and_its_command_runs(tmp_path: Path) -> None:
    (tmp_path / PLACE).mkdir(parents=True)
    file = write_wheel(tmp_path)
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", str(target), str(file)], check=True, timeout=60)
    said = subprocess.run(
        [sys.executable, str(target / "bin" / "yolops"), "--version"],
        env={"PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert __version__ in said.stdout
    assert (target / "yolops" / "models" / "yolo_detector" / "model.py").is_file()
    # Who starts a training job from a space sends it along.
    assert (target / "yolops" / LOCK).read_bytes() == lock_file().read_bytes()


def test_the_same_yolops_is_the_same_wheel_and_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    assert wheel() == wheel()
    (tmp_path / PLACE).mkdir(parents=True)
    (tmp_path / PLACE / "yolops-0.0.1-py3-none-any.whl").write_bytes(b"earlier")
    file = write_wheel(tmp_path)
    assert [path.name for path in (tmp_path / PLACE).iterdir()] == [file.name]
