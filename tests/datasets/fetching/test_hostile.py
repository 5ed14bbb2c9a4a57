"""No archive writes outside of the new directory, leaves anything behind, or takes much time or memory."""

from __future__ import annotations

import itertools
import random
import resource
import sys
import time
from pathlib import Path

import pytest

from tests.datasets.fetching.hostile import hostile_tars, hostile_zips, spoilt
from yolops.datasets.fetching.get import get
from yolops.datasets.fetching.members import Limits
from yolops.errors import YolopsError

LIMITS = Limits(files=250, free_of_ratio=1024**2)
ARCHIVES = 1000
MOST_S, MOST_MB = 5.0, 100


def everything(root: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))}


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A directory with something precious beside the place where things are unpacked."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious.txt").write_text("mine")
    (tmp_path / "work").mkdir()
    return tmp_path


def test_a_thousand_hostile_archives_are_refused_and_leave_nothing(room: Path) -> None:
    rounds = (
        itertools.chain(
            hostile_zips(random.Random(seed), room / "outside"), hostile_tars(random.Random(seed), room / "outside")
        )
        for seed in itertools.count()
    )
    archive = room / "archive"
    before_mb = 0.0
    for number, content in enumerate(itertools.islice(itertools.chain.from_iterable(rounds), ARCHIVES)):
        archive.write_bytes(content)
        before = everything(room)
        if number == 100:  # by then every kind was met once, and every library is loaded
            before_mb = memory()
        started = time.monotonic()
        with pytest.raises(YolopsError):
            get(str(archive), room / "work/new", limits=LIMITS)
            pytest.fail(f"archive {number} was unpacked")
        assert time.monotonic() - started < MOST_S, number
        assert everything(room) == before, number
    assert memory() - before_mb < MOST_MB


def test_archives_with_some_bits_turned_are_unpacked_inside_or_not_at_all(room: Path) -> None:
    archive = room / "archive"
    good = 0
    for seed in range(300):
        archive.write_bytes(spoilt(random.Random(seed)))
        before = everything(room)
        target = room / f"work/{seed}"
        try:
            get(str(archive), target, limits=LIMITS)
            good += 1
        except YolopsError:
            assert not target.exists()
        after = everything(room)
        assert {path for path in after if target not in (path, *path.parents)} == set(before) - {target}, seed
        assert all(after[path] == content for path, content in before.items()), seed
    assert 0 < good < 300
