"""What every test stands on."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolops.platform.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty directory to work in."""
    return Workspace(tmp_path)
