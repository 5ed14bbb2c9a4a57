"""What a run was made from and on: code, packages, hardware, command line."""

from __future__ import annotations

import platform
from importlib.metadata import distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from yolops import __version__
from yolops.errors import YolopsError
from yolops.process import run

if TYPE_CHECKING:
    from collections.abc import Sequence

GIT_PATIENCE_S = 5.0


def code_tags(directory: Path, command_line: Sequence[str]) -> dict[str, str]:
    """Return MLflow's own tags for where a run comes from: command line, and commit and branch of the workspace.

    Args:
        directory: where to look for a git repository.
        command_line: as it was typed.
    """
    tags = {
        "mlflow.source.name": " ".join(command_line),
        "mlflow.source.type": "LOCAL",
        "yolops.version": __version__,
    }
    commit = _git(directory, "rev-parse", "HEAD")
    if not commit:
        return tags
    changed = _git(directory, "status", "--porcelain", "--untracked-files=no")
    remote = _git(directory, "config", "--get", "remote.origin.url")
    tags["mlflow.source.git.commit"] = commit
    tags["mlflow.source.git.branch"] = _git(directory, "rev-parse", "--abbrev-ref", "HEAD")
    tags["yolops.git.changed"] = str(bool(changed)).lower()
    if remote and not {"@", "?"} & set(remote):
        # An address with a user or a query in it may hold a token.
        tags["mlflow.source.git.repoURL"] = remote
    return tags


def package_tags(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of Python and of the packages that decide what a training does."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except ModuleNotFoundError:
            continue
    return {f"version.{name}": number for name, number in found.items()}


def all_packages() -> str:
    """Return every installed package, one `name==version` a line, sorted."""
    names = {f"{item.metadata['Name']}=={item.version}" for item in distributions() if item.metadata["Name"]}
    return "\n".join(sorted(names, key=str.lower)) + "\n"


def hardware_tags() -> dict[str, str]:
    """Return what the machine is: processor, cores, memory in GiB, operating system."""
    return {
        "hardware.cpu": _processor(),
        "hardware.cores": str(psutil.cpu_count()),
        "hardware.memory_gib": f"{psutil.virtual_memory().total / 2**30:.0f}",
        "hardware.system": platform.platform(),
    }


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _git(directory: Path, *arguments: str) -> str:
    try:
        result = run(["git", "-C", str(directory), *arguments], timeout=GIT_PATIENCE_S)
    except YolopsError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
