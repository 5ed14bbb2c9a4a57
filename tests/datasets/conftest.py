"""Datasets to check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.datasets.dataset_builder import Builder


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """A dataset without a fault, to be spoilt."""
    return Builder(tmp_path / "data")
