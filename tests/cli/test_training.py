from __future__ import annotations

from pathlib import Path

from yolops.cli.session import Session
from yolops.cli.training import threads
from yolops.cli.training_options import heard
from yolops.platform.workspace import Workspace


def test_every_core_computes_unless_the_environment_says_how_many() -> None:
    assert threads("", 2) == 2
    assert threads("", 64) == 8, "more gain nothing for detectors of this size"
    assert threads("1", 2) == 1
    assert threads("0", 2) == 1
    assert threads("4,2", 2) == 2, "a list for nested regions says nothing about us"


def test_verbose_behind_the_command_means_what_it_means_before_it(tmp_path: Path) -> None:
    quiet = Session(Workspace(tmp_path), as_json=False, verbose=False)
    arguments: dict[str, object] = {"epochs": 3, "verbose": True}
    assert heard(quiet, arguments).verbose
    assert arguments == {"epochs": 3}
    assert not heard(quiet, {"verbose": False}).verbose
