"""One run of the terraform program: what it says while it runs, Ctrl-C, and that nothing of it stays behind.

It writes into a file that is read here, not into a pipe: if this command is killed, Terraform finishes what it has
begun instead of dying at its next line. Ctrl-C reaches only this command, which passes it on once: at a second one
Terraform would give up at once and lose what it is creating.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from yolops import process, running_processes
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from yolops.running_processes import ProcessIdentity

Event = dict[str, Any]
POLL_S = 0.1
# What a killed Terraform leaves behind are its providers, which have nothing to finish any more.
STOP_PATIENCE_S = 5.0
MOST_PROBLEMS = 5
LAST_WORDS = 5
KILLED_HINT = "yolops recover finds what was created but is not in the state; then yolops up"


@dataclass(frozen=True)
class Problem:
    """What Terraform calls a diagnostic.

    Attributes:
        severity: `error` or `warning`.
        summary: what is wrong; the whole message of a provider.
        detail: the first paragraph of the explanation; the message of a validation or precondition.
        address: the resource; "" if it is about none.
        where: file and line; "" if it is about none.
    """

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    where: str = ""

    def __str__(self) -> str:
        """Return all of it in one line."""
        place = ", ".join(part for part in (self.address, self.where) if part)
        text = self.summary + (f" ({place})" if place else "")
        return f"{text}: {self.detail}" if self.detail else text


@dataclass
class Ended:
    """How a run ended.

    Attributes:
        code: its exit code; negative is the signal that ended it.
        events: what it said, as Terraform's machine-readable messages.
        text: what it said otherwise.
        interruption: what interrupted this command meanwhile.
    """

    code: int = 0
    events: list[Event] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    interruption: BaseException | None = None

    def raise_interruption(self) -> None:
        """Interrupt this command, now that the run has ended."""
        if self.interruption is not None:
            raise self.interruption

    @property
    def problems(self) -> list[Problem]:
        """Return its diagnostics."""
        return [parse_problem(event["diagnostic"]) for event in self.events if event.get("type") == "diagnostic"]


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    tell: Callable[[Event], object],
    say: Callable[[str], object],
) -> Ended:
    """Run terraform to its end, also when this command is interrupted, and return how it ended.

    Args:
        argv: the program and its arguments.
        cwd: the directory with the configuration.
        env: what is added to the environment it inherits.
        log: the file it writes to; only one run may have it at a time.
        tell: is called with every message as it comes.
        say: is told what Ctrl-C does.

    Raises:
        YolopsError: another run has this log, or the program cannot be started.
    """
    if others := running_processes.find_background(log):
        raise YolopsError(
            f"{cwd}: another yolops is at work here (process {others[0].pid})",
            "wait until it has ended; if its terminal is gone: yolops recover",
        )
    log.unlink(missing_ok=True)
    log.touch(mode=0o600)
    ended = Ended()
    try:
        child = process.start_background(argv, log=log, env=env, cwd=cwd)
        with log.open("rb") as stream:
            _follow(child, stream, ended, tell, say)
    finally:
        for left in running_processes.find_background(log):
            running_processes.stop(left, STOP_PATIENCE_S)
    return ended


def failure(doing: str, ended: Ended, hint: str) -> YolopsError:
    """Return the error that says what Terraform said.

    Args:
        doing: the command, such as `plan`.
        ended: how it ended.
        hint: what to do.
    """
    if ended.code < 0:
        return YolopsError(f"terraform {doing}: was killed (signal {-ended.code})", KILLED_HINT)
    said = [str(problem) for problem in ended.problems if problem.severity == "error"] or _last_words(ended.text)
    if len(said) > MOST_PROBLEMS:
        said[MOST_PROBLEMS:] = [f"... and {len(said) - MOST_PROBLEMS} more"]
    return YolopsError("\n    ".join([f"terraform {doing}: {said[0]}", *said[1:]]), hint)


def parse_problem(value: Mapping[str, Any]) -> Problem:
    """Return one diagnostic of Terraform's JSON."""
    place = value.get("range") or {}
    line = (place.get("start") or {}).get("line")
    return Problem(
        severity=str(value.get("severity", "error")),
        summary=_one_line(value.get("summary") or ""),
        detail=_one_line((value.get("detail") or "").split("\n\n")[0]),
        address=value.get("address") or "",
        where=f"{place['filename']}:{line}" if place.get("filename") and line else "",
    )


def _follow(
    child: ProcessIdentity,
    stream: BinaryIO,
    ended: Ended,
    tell: Callable[[Event], object],
    say: Callable[[str], object],
) -> None:
    """Pass on what a run says until it has ended, and remember what interrupted this command."""
    rest = b""
    while True:
        try:
            code = running_processes.exit_code(child)
            *lines, rest = (rest + stream.read()).split(b"\n")
            for line in lines:
                _take(line, ended, tell)
            if code is not None:
                ended.code = code
                return
            time.sleep(POLL_S)
        except (KeyboardInterrupt, SystemExit) as error:
            if ended.interruption is None:
                ended.interruption = error
                running_processes.interrupt(child)
                say("interrupted: Terraform finishes what it has begun, which may take minutes")
            else:
                say(f"still waiting for Terraform (process {child.pid}); killing it would lose what it is creating")


def _take(line: bytes, ended: Ended, tell: Callable[[Event], object]) -> None:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if isinstance(event, dict) and "@level" in event:
        ended.events.append(event)
        tell(event)
    elif line.strip():
        ended.text.append(line.decode(errors="replace").rstrip())


def _last_words(text: Sequence[str]) -> list[str]:
    plain = [line.strip("╷│╵ \t") for line in text]
    return [line for line in plain if line][-LAST_WORDS:] or ["ended without a word"]


def _one_line(text: str) -> str:
    return " ".join(text.split())
