"""What is installed is compared with what yolops requires."""

from __future__ import annotations

import pytest

from yolops.diagnosis.check import Skip
from yolops.diagnosis.packages import Packages, installed_packages, needed, python, training

REQUIREMENTS = (
    "mlflow-skinny<3.18,>=3.17.2",
    "rich>=14.0",
    "tomli>=2; python_version < '3'",
    "boto3>=1.43; extra == 'aws'",
    "mlflow[auth]<3.18,>=3.17.2; extra == 'local'",
    "mlflow<3.18,>=3.17.2; extra == 'train'",
    "torch<2.14,>=2.13; extra == 'train'",
)
FIT = {"mlflow-skinny": "3.17.2", "rich": "15.0", "mlflow": "3.17.4", "torch": "2.13.0+cpu"}


def packages(extras: tuple[str, ...] = ("local",), version: str = "3.12.1", **installed: str | None) -> Packages:
    known = {**FIT, **{name.replace("_", "-"): version for name, version in installed.items()}}
    return Packages(extras, version, ">=3.11,<3.15", REQUIREMENTS, known.get)


def test_what_fits_is_told_with_its_version() -> None:
    seen = needed(packages())
    assert seen.findings == ()
    assert seen.found == "3 of yolops[local]: mlflow 3.17.4, mlflow-skinny 3.17.2"


def test_another_mlflow_is_named_with_what_yolops_needs() -> None:
    (finding,) = needed(packages(mlflow="2.9.0")).findings
    assert (finding.severity, finding.code) == ("error", "package-unfit")
    assert finding.what == "mlflow 2.9.0 is installed, and yolops needs <3.18,>=3.17.2"
    assert "pip install 'yolops[local]'" in finding.fix


def test_an_extra_that_the_mode_needs_is_missed_and_another_one_is_not() -> None:
    assert needed(packages()).findings == ()
    (finding,) = needed(packages(("aws",))).findings
    assert (finding.what, finding.fix) == ("boto3 is not installed", "pip install 'yolops[aws]'")


def test_where_nobody_trains_nothing_for_training_is_missed() -> None:
    with pytest.raises(Skip, match=r"yolops\[train\]"):
        training(packages(torch=None))
    (finding,) = training(packages(torch="2.10.0")).findings
    assert "torch 2.10.0 is installed" in finding.what
    (finding,) = training(packages(mlflow=None)).findings
    assert finding.what == "mlflow is not installed"


def test_a_python_that_yolops_does_not_run_on_is_an_error() -> None:
    assert python(packages()).findings == ()
    (finding,) = python(packages(version="3.10.4")).findings
    assert "this is 3.10.4" in finding.what


def test_this_very_installation_fits() -> None:
    here = installed_packages(("local", "aws"))
    assert here.requirements, "yolops is installed, so its distribution says what it needs"
    assert python(here).findings == ()
    assert needed(here).findings == ()
