"""Whether what yolops is built upon is installed, in versions that fit."""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.diagnosis.check import Check, Notes, Seen, Skip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from packaging.requirements import Requirement

DISTRIBUTION = "yolops"
TRAIN = "train"
CLIENT = "mlflow-skinny"


@dataclass(frozen=True)
class Packages:
    """What is installed beside yolops, and what of it is needed.

    Attributes:
        extras: the parts of yolops that the mode needs, such as `local`.
        python: the version of Python.
        pythons: those that yolops runs on.
        requirements: what yolops requires, as its distribution says.
        version_of: returns the version of an installed distribution, None where it is not installed.
    """

    extras: tuple[str, ...]
    python: str
    pythons: str
    requirements: tuple[str, ...]
    version_of: Callable[[str], str | None]


def installed_packages(extras: Sequence[str]) -> Packages:
    """Return what is installed in this very Python."""
    try:
        about = importlib.metadata.metadata(DISTRIBUTION)
        pythons, requirements = about["Requires-Python"] or "", importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:  # run from its source, which says nothing of this
        pythons, requirements = "", []
    python = ".".join(str(number) for number in sys.version_info[:3])
    return Packages(tuple(extras), python, pythons, tuple(requirements), version_of)


def version_of(distribution: str) -> str | None:
    """Return the version of an installed distribution, None where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def python(packages: Packages) -> Seen:
    """The version of Python is one that yolops runs on."""
    from packaging.specifiers import SpecifierSet

    notes = Notes("Python")
    if packages.python not in SpecifierSet(packages.pythons):
        notes.error(
            "python-unfit",
            f"yolops runs on Python {packages.pythons}, and this is {packages.python}",
            "make a virtual environment with such a Python, and install yolops in it",
        )
    return notes.seen(packages.python)


def needed(packages: Packages) -> Seen:
    """What the mode needs is installed, in versions that yolops is made for."""
    wanted = _wanted(packages, {"", *packages.extras})
    install = f"pip install '{DISTRIBUTION}[{','.join(packages.extras)}]'" if packages.extras else "pip install yolops"
    notes = Notes("packages")
    for requirement in wanted:
        _compare(packages, requirement, notes, install)
    shown = [name for name in ("mlflow", "mlflow-skinny", "boto3", "moto") if name in {one.name for one in wanted}]
    versions = ", ".join(f"{name} {packages.version_of(name) or 'absent'}" for name in shown)
    return notes.seen(f"{len(wanted)} of yolops{_bracket(packages.extras)}: {versions}")


def training(packages: Packages) -> Seen:
    """What training needs is installed, in versions that yolops is made for."""
    wanted = _wanted(packages, {TRAIN})
    if not wanted or all(packages.version_of(item.name) is None for item in wanted if item.name != "mlflow"):
        raise Skip("not installed: nothing is trained on this machine (pip install 'yolops[train]')")
    notes = Notes("packages")
    for requirement in wanted:
        _compare(packages, requirement, notes, f"pip install '{DISTRIBUTION}[{TRAIN}]'")
    return notes.seen(", ".join(f"{item.name} {packages.version_of(item.name) or 'absent'}" for item in wanted))


def _wanted(packages: Packages, extras: set[str]) -> list[Requirement]:
    """Return what these parts of yolops require; the one without a name is its base."""
    from packaging.requirements import Requirement

    found: dict[str, Requirement] = {}
    for text in packages.requirements:
        requirement = Requirement(text)
        base = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if ("" in extras and base) or (
            not base and any(requirement.marker.evaluate({"extra": extra}) for extra in extras if requirement.marker)
        ):
            found.setdefault(requirement.name, requirement)
    return list(found.values())


def _compare(packages: Packages, requirement: Requirement, notes: Notes, install: str) -> None:
    version = packages.version_of(requirement.name)
    if version is None:
        notes.error("package-absent", f"{requirement.name} is not installed", install)
    elif not requirement.specifier.contains(version, prereleases=True):
        what = f"{requirement.name} {version} is installed, and yolops needs {requirement.specifier}"
        notes.error("package-unfit", what, f"{install} (in an environment of its own)")


def _bracket(extras: Sequence[str]) -> str:
    return f"[{','.join(extras)}]" if extras else ""


CHECKS = (
    Check("Python", python),
    Check("packages", needed),
    Check("training packages", training),
)
