"""`yolops init` at a terminal: a real one, on which a person types the answers."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from yolops.platform.settings import read_settings

CTRL_C, CTRL_D = "\x03", "\x04"
PATIENCE_S = 30.0
# Nothing answers there, so that no test learns the address of the machine it runs on.
NO_NETWORK = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


class Terminal:
    """A terminal on which `yolops init` runs."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.said = ""
        self._seen = 0
        self._own, other = pty.openpty()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YOLOPS_", "AWS_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "yolops.cli.entry", "init", *arguments],
            cwd=directory,
            env={**kept, **NO_NETWORK, "TERM": "dumb"},
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - Ctrl-C reaches only whom the terminal belongs to
        )
        os.close(other)

    def answer(self, question: str, text: str) -> None:
        """Wait until something is asked, then type."""
        self._read_until(question)
        if text == CTRL_C:
            time.sleep(0.5)  # readline does not hear it while it is only getting ready to read
        os.write(self._own, (text if text in {CTRL_C, CTRL_D} else text + "\n").encode())

    def end(self) -> int:
        """Wait for the end, and return the exit code."""
        self._read_until("")
        os.close(self._own)
        return self._process.wait(PATIENCE_S)

    def _read_until(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not text or text not in self.said[self._seen :]:
            assert time.monotonic() < deadline, self.said
            if not select.select([self._own], [], [], 0.2)[0]:
                continue
            try:
                more = os.read(self._own, 4096)
            except OSError:  # Linux: the other side is closed
                more = b""
            if not more:
                assert not text, self.said
                return
            self.said += more.decode()
        self._seen = len(self.said)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the tests may run in the background of a shell, which ignores it


def test_empty_answers_mean_what_stands_in_brackets(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    for default in ("(studio)", "(yolops)", "(us-east-1)", "S3 bucket"):
        terminal.answer(default, "")
    assert terminal.end() == 0, terminal.said
    settings = read_settings(tmp_path / "terraform" / "terraform.tfvars")
    assert (settings.mode, settings.project_name, settings.region) == ("studio", "yolops", "us-east-1")


def test_a_wrong_answer_is_explained_and_asked_again_at_once(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
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
    terminal = Terminal(tmp_path, "--mode", "custom", "--project", "cells", "--region", "eu-central-1")
    for question in ("EC2 key pair", "Who reaches MLflow", "S3 bucket"):
        terminal.answer(question, "")
    assert terminal.end() == 0
    assert "nobody reaches MLflow" in terminal.said


def test_with_yes_nothing_is_asked(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--mode", "custom", "--yes")
    assert terminal.end() == 0
    assert "nobody reaches MLflow" in terminal.said
    assert "EC2 key pair" not in terminal.said


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_leaving_at_a_question_writes_nothing_and_is_an_interruption(tmp_path: Path, key: str) -> None:
    terminal = Terminal(tmp_path)
    terminal.answer("(studio)", "")
    terminal.answer("(yolops)", key)
    assert terminal.end() == 130
    assert "Aborted" not in terminal.said
    assert list(tmp_path.iterdir()) == []
