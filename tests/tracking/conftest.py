from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from yolops.tracking.sender import Surroundings
from yolops.tracking.spool import RunIntent, Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """The spool of a run that has just begun."""
    return Spool.create(tmp_path / "spool", RunIntent("id-1", "http://127.0.0.1:1", "cells", "first", 1_000))


class World:
    """Time that passes only when someone sleeps, and a training that ends when told."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        self.owner_lives = True
        self.on_sleep: Iterator[None] = iter(())

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        next(self.on_sleep, None)

    def surroundings(self, patience_s: float = 60.0) -> Surroundings:
        return Surroundings(lambda: self.owner_lives, self.sleep, lambda: self.now, patience_s)


@pytest.fixture
def world() -> World:
    return World()
