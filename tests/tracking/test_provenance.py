from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from yolops import __version__
from yolops.tracking.provenance import all_packages, code_tags, hardware_tags, package_tags

SETTINGS = ("user.name=Someone", "user.email=someone@example.com", "init.defaultBranch=main", "commit.gpgsign=false")


def _git(directory: Path, *arguments: str) -> str:
    options = [word for setting in SETTINGS for word in ("-c", setting)]
    done = subprocess.run(
        ["git", *options, "-C", str(directory), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one commit and a directory below it."""
    root = tmp_path / "repository"
    (root / "runs").mkdir(parents=True)
    _git(root, "init")
    (root / "train.py").write_text("1\n")
    _git(root, "add", "train.py")
    _git(root, "commit", "-m", "first")
    return root


def test_a_run_below_a_repository_names_its_commit_and_branch(repository: Path) -> None:
    tags = code_tags(repository / "runs", ["yolops", "train", "cells"])
    assert tags == {
        "mlflow.source.name": "yolops train cells",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": _git(repository, "rev-parse", "HEAD"),
        "mlflow.source.git.branch": "main",
        "yolops.git.changed": "false",
        "yolops.version": __version__,
    }


def test_code_that_was_changed_since_its_commit_says_so_and_new_files_do_not_count(repository: Path) -> None:
    (repository / "runs" / "results.csv").touch()
    assert code_tags(repository, [])["yolops.git.changed"] == "false"
    (repository / "train.py").write_text("2\n")
    assert code_tags(repository, [])["yolops.git.changed"] == "true"


def test_without_a_repository_nothing_is_said_of_git(tmp_path: Path) -> None:
    assert not [name for name in code_tags(tmp_path, ["yolops"]) if "git" in name]


def test_a_repository_without_a_commit_has_nothing_to_name(tmp_path: Path) -> None:
    _git(tmp_path, "init")
    assert not [name for name in code_tags(tmp_path, ["yolops"]) if "git" in name]


@pytest.mark.parametrize("remote", ["https://github.com/someone/cells.git", "/srv/git/cells.git"])
def test_an_address_without_a_user_is_recorded(repository: Path, remote: str) -> None:
    _git(repository, "remote", "add", "origin", remote)
    assert code_tags(repository, [])["mlflow.source.git.repoURL"] == remote


@pytest.mark.parametrize(
    "remote",
    [
        "https://SECRET@github.com/someone/cells.git",
        "https://someone:SECRET@github.com/someone/cells.git",
        "https://someone:SEC/RET@github.com/someone/cells.git",
        "https://github.com/someone/cells.git?private_token=SECRET",
        "SECRET@github.com:someone/cells.git",
    ],
)
def test_an_address_that_may_hold_a_token_is_never_recorded(repository: Path, remote: str) -> None:
    _git(repository, "remote", "add", "origin", remote)
    tags = code_tags(repository, ["yolops"])
    assert "mlflow.source.git.repoURL" not in tags
    assert not any("SEC" in value for value in tags.values())


def test_packages_that_are_not_installed_are_left_out() -> None:
    tags = package_tags(["numpy", "surely-not-installed"])
    assert set(tags) == {"version.python", "version.numpy"}


def test_every_installed_package_is_listed_once_and_sorted() -> None:
    lines = all_packages().splitlines()
    assert any(line.startswith("numpy==") for line in lines)
    assert lines == sorted(set(lines), key=str.lower)


def test_the_machine_is_described() -> None:
    tags = hardware_tags()
    assert int(tags["hardware.cores"]) >= 1
    assert all(tags.values())
