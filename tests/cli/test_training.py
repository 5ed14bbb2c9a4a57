from __future__ import annotations

from yolops.cli.training import threads


def test_every_core_computes_unless_the_environment_says_how_many() -> None:
    assert threads("", 2) == 2
    assert threads("", 64) == 8, "more gain nothing for detectors of this size"
    assert threads("1", 2) == 1
    assert threads("0", 2) == 1
    assert threads("4,2", 2) == 2, "a list for nested regions says nothing about us"
