"""What goes wrong in a way that a person caused and can mend.

Everything else is a bug and ends in a traceback with exit code 70 (see `yolops.cli.entry`).

    YolopsError            exit code 1: one line says where and what, one says what to do
    └── UsageError         exit code 2: the command line itself is wrong
"""

from __future__ import annotations


class YolopsError(Exception):
    """An error that a person can mend.

    Args:
        message: where it happened and what is wrong, in one line.
        hint: what to do about it, in one line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(YolopsError):
    """An argument or option that cannot be what was meant."""

    exit_code = 2
