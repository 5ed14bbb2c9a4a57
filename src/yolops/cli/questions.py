"""Asking a person on the terminal; where nobody can answer, the error names the option that answers instead."""

from __future__ import annotations

import sys

import typer

from yolops.errors import UsageError


def agrees(question: str) -> bool:
    """Return whether a person says yes; no is the default, and `--yes` answers on the command line.

    Raises:
        UsageError: nobody can be asked.
    """
    return ask(f"{question} [y/N]", "--yes").lower() in {"y", "yes"}


def ask(question: str, option: str, default: str = "") -> str:
    """Return what a person types, or the default for an empty line.

    Args:
        question: what is asked.
        option: the option that answers it on the command line.
        default: what an empty line means.

    Raises:
        UsageError: nobody can be asked.
        KeyboardInterrupt: the person leaves instead.
    """
    if not can_ask():
        raise UsageError(f"there is no terminal to answer on: {question}", f"answer with {option}")
    text = f"{question} ({default})" if default else question
    try:
        return str(typer.prompt(text, default=default, show_default=False, err=True)).strip()
    except typer.Abort:  # Ctrl-C or Ctrl-D: typer would end with 1, as if something were wrong
        raise KeyboardInterrupt from None


def ask_secret(question: str) -> str:
    """Return what a person types without showing it; where nobody sits at a terminal, the first line of stdin.

    Raises:
        KeyboardInterrupt: the person leaves instead.
    """
    if not can_ask():
        return sys.stdin.readline().rstrip("\r\n")
    try:
        return str(typer.prompt(question, hide_input=True, err=True))
    except typer.Abort:
        raise KeyboardInterrupt from None


def can_ask() -> bool:
    """Return whether a person sits at the terminal."""
    return sys.stdin.isatty()
