"""Datasets to check: one that is built, one of real photographs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dataset_builder import Builder

BCCD_OF_CHECKOUT = Path(__file__).parents[3] / "shared" / "data" / "bccd-voc"


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """A dataset without a fault, to be spoilt."""
    return Builder(tmp_path / "data")


@pytest.fixture(scope="session")
def bccd() -> Path:
    """The 364 photographs of the BCCD dataset in Pascal VOC format."""
    given = os.environ.get("YOLOPS_TEST_DATA")
    directory = Path(given) / "bccd-voc" if given else BCCD_OF_CHECKOUT
    if not (directory / "Annotations").is_dir():
        pytest.skip(f"REAL DATA MISSING: no BCCD photographs in {directory}; set YOLOPS_TEST_DATA to where bccd-voc is")
    return directory
