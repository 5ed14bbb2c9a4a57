"""What a checker of good practice has to say is either done, or answered next to the resource with a reason."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terraform.conftest import TERRAFORM

# `make` installs it here, away from everything else: it brings a hundred packages with it.
OWN_ENVIRONMENT = Path(sys.prefix) / "checkov" / "bin" / "checkov"
ARGUMENTS = ["--framework", "terraform", "--quiet", "--compact", "--skip-download", "--output", "json"]


def test_nothing_fails_without_an_answer(tmp_path: Path) -> None:
    program = str(OWN_ENVIRONMENT) if OWN_ENVIRONMENT.is_file() else shutil.which("checkov")
    if program is None:
        pytest.skip("checkov is not installed; `make .venv/checkov.done` installs it")
    ignored = shutil.ignore_patterns(".terraform", "tests")
    copy = shutil.copytree(TERRAFORM, tmp_path / "terraform", ignore=ignored)

    result = subprocess.run(
        [program, "--directory", str(copy), *ARGUMENTS], capture_output=True, text=True, timeout=280, check=False
    )

    answer = json.loads(result.stdout)
    failed = [(check["check_id"], check["resource"]) for check in answer["results"]["failed_checks"]]
    assert failed == []
    assert answer["summary"]["passed"] > 200
    assert answer["summary"]["parsing_errors"] == 0


def test_every_answer_has_a_reason() -> None:
    answers = [
        (path.name, line.strip())
        for path in TERRAFORM.rglob("*.tf")
        for line in path.read_text("utf-8").splitlines()
        if "checkov:skip" in line
    ]

    assert answers
    assert [answer for answer in answers if not re.search(r"#checkov:skip=CKV2?_AWS_\d+:.{8,}", answer[1])] == []
