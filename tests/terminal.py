"""A real terminal, on which a person types the answers."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

CTRL_C, CTRL_D = "\x03", "\x04"
PATIENCE_S = 30.0


class Terminal:
    """A terminal on which a command of yolops runs."""

    def __init__(self, directory: Path, *arguments: str, **environment: str) -> None:
        self.said = ""
        self._seen = 0
        self._own, other = pty.openpty()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YOLOPS_", "AWS_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "yolops.cli.entry", *arguments],
            cwd=directory,
            env={**kept, **environment, "TERM": "dumb"},
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
