"""The one door to child processes: argument lists only, never a shell, never a question on stdin.

This file reads `os.environ`, as the only one beside `aws.py` below the command line: a child inherits the environment,
and `subprocess` cannot add to it without being given the whole.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.running_processes import MARK, end_tree, keep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from yolops.running_processes import ProcessIdentity


@dataclass(frozen=True)
class Completed:
    """How a child process ended.

    Attributes:
        returncode: its exit code; negative is the signal that ended it.
        stdout: what it printed, as text.
        stderr: what it complained about, as text.
    """

    returncode: int
    stdout: str
    stderr: str


class _Background(subprocess.Popen[bytes]):
    """A child that outlives this command on purpose, which Python would complain about at its end."""

    def __del__(self) -> None:
        pass


def run(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout: float
) -> Completed:
    """Run a program to its end and return what it said.

    Args:
        argv: the program and its arguments.
        cwd: where it runs; this process's directory if absent.
        env: what is added to the environment it inherits.
        timeout: seconds it may take; then it and whatever it started are killed.

    Raises:
        YolopsError: the program is not there, cannot be started, or took too long.
    """
    with _spawn(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            end_tree(child.pid)
            raise YolopsError(
                f"{argv[0]}: did not end within {timeout:g} s and was stopped",
                "try again, or run it by hand to see why",
            ) from error
        except BaseException:  # Ctrl-C reached the child too: let it tidy up before it is made to end
            end_tree(child.pid)
            raise
    return Completed(child.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def start_background(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> ProcessIdentity:
    """Start a program that goes on when this command ends, and does not hear its Ctrl-C.

    Args:
        argv: the program and its arguments.
        log: the file that what it prints is added to; also the mark by which `find_background` knows it again.
        env: what is added to the environment it inherits.
        cwd: where it runs; this process's directory if absent.

    Raises:
        YolopsError: the program is not there or cannot be started, or the log cannot be written.
    """
    try:
        stream = log.open("ab")
    except OSError as error:
        raise YolopsError(f"{log}: cannot be written ({error.strerror})", "make its directory writable") from error
    with stream:
        child = _spawn(
            argv, cwd=cwd, env={**(env or {}), MARK: str(log.resolve())}, stdout=stream, stderr=stream, new_session=True
        )
    return keep(child)


def _spawn(
    argv: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdout: object,
    stderr: object,
    new_session: bool = False,
) -> subprocess.Popen[bytes]:
    launch = _Background if new_session else subprocess.Popen
    try:
        return launch(  # type: ignore[call-overload, no-any-return] # stdout is a file or a constant
            list(argv),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=new_session,
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise YolopsError(f"{cwd}: no such directory", f"make it, then start {argv[0]} again") from error
        raise YolopsError(f"{argv[0]}: not found", "install it, or add its directory to PATH") from error
    except OSError as error:
        raise YolopsError(f"{argv[0]}: cannot be started ({error.strerror})", "check the file's permissions") from error
