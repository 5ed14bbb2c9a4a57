"""Ctrl-C, remembered: a library that is just being imported, or a callback of one, may swallow the exception."""

from __future__ import annotations

import os
import signal

from yolops.cli.entry import INTERRUPTED


class Interrupts:
    """The handler of SIGINT while a command runs."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, *_: object) -> None:
        """Remember, and interrupt."""
        self.asked = True
        raise KeyboardInterrupt


def leave_when_interrupted() -> None:
    """End at once on Ctrl-C: as long as the command line is being imported, nothing has begun that must be ended."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def watch_interrupts() -> None:
    """Remember Ctrl-C from now on, unless whoever started this process has it ignored."""
    if signal.getsignal(signal.SIGINT) in {signal.default_int_handler, _leave}:
        signal.signal(signal.SIGINT, Interrupts())


def raise_if_interrupted() -> None:
    """Interrupt what should have been interrupted already."""
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(handler, Interrupts) and handler.asked:
        raise KeyboardInterrupt


def _leave(*_: object) -> None:
    os._exit(INTERRUPTED)
