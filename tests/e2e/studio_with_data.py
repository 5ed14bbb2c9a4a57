"""A platform in studio mode to train on: what the tests of trainings and searches in SageMaker begin with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.conftest import MICRO
from tests.e2e.rehearsal import PROJECT, REGION, Rehearsed
from yolops.datasets.sample import write_sample


@contextmanager
def studio(root: Path, provider: dict[str, str]) -> Iterator[Rehearsed]:
    """Have a platform in studio mode, with a small dataset and a small model beside it."""
    rehearsed = Rehearsed(root, provider).without_booting()
    rehearsed("init", "--mode", "studio", "--project", PROJECT, "--region", REGION, "--yes")
    rehearsed.settings(delete_bucket_contents="true")
    write_sample(rehearsed.root / "shapes", images=(24, 8, 4))
    (rehearsed.root / "micro.yaml").write_text(MICRO)
    try:
        rehearsed("up", "--yes")
        yield rehearsed
    finally:
        rehearsed.yolops("rehearsal", "reset")
