from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.terraform.fetch import SHA256, unpack


def test_a_terraform_that_is_not_the_pinned_one_is_not_written(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("terraform", "#!/bin/sh\n")
    with pytest.raises(SystemExit, match="not the program that is pinned"):
        unpack(archive.getvalue(), next(iter(SHA256)), tmp_path)
    assert list(tmp_path.iterdir()) == []
