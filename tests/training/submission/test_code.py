"""What a job runs: an archive whose bytes are decided by the files, and wheels that fit AWS's image."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.datasets.versions.memory_store import MemoryStore
from yolops.platform.configuration import configuration_source
from yolops.platform.own_wheel import lock_file, package
from yolops.training.submission import code, packages

WHEELS = ["one-1-py3-none-any.whl", "two-2-cp312-cp312-manylinux_2_28_x86_64.whl"]


def test_the_same_files_give_the_same_archive_whenever_they_were_written(tmp_path: Path) -> None:
    for place, when in (("one", 1), ("two", 2_000_000_000)):
        (tmp_path / place / "yolops" / "cli").mkdir(parents=True)
        for name in ("a.py", "b.py") if place == "one" else ("b.py", "a.py"):
            file = tmp_path / place / "yolops" / "cli" / name
            file.write_text(name)
            os.utime(file, (when, when))
            file.chmod(0o600 if place == "one" else 0o755)
    lock = tmp_path / "lock"
    lock.write_text("numpy==1")
    one, two = (code.code_archive(tmp_path / place / "yolops", lock) for place in ("one", "two"))
    assert one == two
    lock.write_text("numpy==2")
    assert code.key_of(code.code_archive(tmp_path / "one" / "yolops", lock)) != code.key_of(one)


def test_the_archive_holds_this_yolops_and_its_lock_and_no_terraform(tmp_path: Path) -> None:
    source = shutil.copytree(package(), tmp_path / "yolops")
    (source / "terraform").mkdir(exist_ok=True)
    (source / "terraform" / "main.tf").touch()
    content = code.code_archive(source, lock_file())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
    assert {"yolops/cli/training_job.py", "yolops/rehearsal/images.json", "requirements.txt"} <= set(names)
    assert [name for name in names if "terraform/" in name or "__pycache__" in name] == []
    assert len(content) < 5_000_000


def pinned(lock: Path) -> set[str]:
    return {line.split("==")[0] for line in lock.read_text().splitlines() if "==" in line}


def test_the_lock_is_for_the_image_and_leaves_its_pytorch_alone() -> None:
    assert {"boto3", "mlflow", "obstore", "sagemaker-mlflow", "ultralytics-opencv-headless"} <= pinned(lock_file())
    assert not {"torch", "torchvision"} & pinned(lock_file())


def test_a_space_in_studio_has_the_packages_of_a_job_and_those_of_a_search() -> None:
    space = configuration_source() / "modules" / "studio" / "space" / "requirements.txt"
    assert pinned(space) >= pinned(lock_file()) | {"optuna"}


def test_wheels_are_sent_once_and_known_to_be_all_there(tmp_path: Path) -> None:
    lock, store, cache = tmp_path / "job.txt", MemoryStore(), tmp_path / "cache"
    lock.write_text("one==1")
    fetched = cache / packages.prefix_of(lock).split("/")[2]
    fetched.mkdir(parents=True)
    for name in WHEELS:
        (fetched / name).write_bytes(name.encode())
    packages.send_packages(store, lock, cache, lambda _done, _of: None)
    assert [key.removeprefix(packages.prefix_of(lock)) for key in store.written] == [*WHEELS, "requirements.txt"]
    shutil.rmtree(cache)
    packages.send_packages(store, lock, cache, lambda _done, _of: None)
    assert len(store.written) == 3


def test_two_commands_that_need_wheels_at_the_same_time_both_send_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "index" / WHEELS[0]
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("one-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: one\nVersion: 1\n")
        archive.writestr("one-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("one-1.dist-info/RECORD", "")
    lock, stores = tmp_path / "job.txt", [MemoryStore(), MemoryStore()]
    lock.write_text(f"one==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(packages.send_packages, one, lock, tmp_path / "cache", print) for one in stores]
        assert [job.result() for job in sent] == [None, None]
    assert [[key.rpartition("/")[2] for key in one.written] for one in stores] == 2 * [[WHEELS[0], "requirements.txt"]]


def test_wheels_are_fetched_for_the_python_of_the_image_and_compared_with_their_hashes(tmp_path: Path) -> None:
    command = packages.download_command(tmp_path / "job.txt", tmp_path / "wheels")
    assert {"--require-hashes", "--only-binary=:all:", "--python-version=3.12", "--no-deps"} <= set(command)
    assert {"--platform=manylinux2014_x86_64", "--platform=manylinux_2_35_x86_64"} <= set(command)
