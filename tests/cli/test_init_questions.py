"""`yolops init` at a terminal: a real one, on which a person types the answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal import CTRL_C, CTRL_D, Terminal
from yolops.platform.settings import read_settings

# Nothing answers there, so that no test learns the address of the machine it runs on.
NO_NETWORK = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


def test_empty_answers_mean_what_stands_in_brackets(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "init", **NO_NETWORK)
    for default in ("(studio)", "(yolops)", "(us-east-1)", "S3 bucket"):
        terminal.answer(default, "")
    assert terminal.end() == 0, terminal.said
    settings = read_settings(tmp_path / "terraform" / "terraform.tfvars")
    assert (settings.mode, settings.project_name, settings.region) == ("studio", "yolops", "us-east-1")


def test_a_wrong_answer_is_explained_and_asked_again_at_once(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "init", **NO_NETWORK)
    for question, wrong, says, right in (
        ("(studio)", "custum", '"custum" is no mode in AWS', "custom"),
        ("(yolops)", "Cells", '"Cells" is not a name', "cells"),
        ("(us-east-1)", "Frankfurt", '"Frankfurt" is no region of AWS', "eu-central-1"),
    ):
        terminal.answer(question, wrong)
        terminal.answer(says, right)
    terminal.answer("EC2 key pair", "")
    terminal.answer("could not be found out", "0.0.0.0/0")
    terminal.answer("open to the world", "203.0.113.7, 198.51.100.0/24")
    terminal.answer("S3 bucket", "Our_State")
    terminal.answer('"Our_State" is no name for a bucket', "")
    assert terminal.end() == 0, terminal.said
    text = (tmp_path / "terraform" / "terraform.tfvars").read_text()
    assert 'deployment_mode = "custom"' in text
    assert 'allowed_cidrs = ["203.0.113.7/32", "198.51.100.0/24"]' in text


def test_nobody_reaches_a_server_for_which_no_address_was_typed_and_that_is_said(tmp_path: Path) -> None:
    terminal = Terminal(
        tmp_path, "init", "--mode", "custom", "--project", "cells", "--region", "eu-central-1", **NO_NETWORK
    )
    for question in ("EC2 key pair", "Who reaches MLflow", "S3 bucket"):
        terminal.answer(question, "")
    assert terminal.end() == 0
    assert "nobody reaches MLflow" in terminal.said


def test_with_yes_nothing_is_asked(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "init", "--mode", "custom", "--yes", **NO_NETWORK)
    assert terminal.end() == 0
    assert "nobody reaches MLflow" in terminal.said
    assert "EC2 key pair" not in terminal.said


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_leaving_at_a_question_writes_nothing_and_is_an_interruption(tmp_path: Path, key: str) -> None:
    terminal = Terminal(tmp_path, "init", **NO_NETWORK)
    terminal.answer("(studio)", "")
    terminal.answer("(yolops)", key)
    assert terminal.end() == 130
    assert "Aborted" not in terminal.said
    assert list(tmp_path.iterdir()) == []
