"""The trainer's own arguments, as people type them: `--lr0 0.01`, `--lr0=0.01`, `lr0=0.01`, `--cos-lr`. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import yaml

from yolops.datasets.description import NOT_YAML
from yolops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# The next argument, not the value of a flag before it: `--cos-lr lr0=0.01`.
NAMED = re.compile(r"[a-z]\w*=")


def parse_arguments(words: Sequence[str]) -> dict[str, object]:
    """Return names and values of what was typed behind the options that yolops knows.

    A name without a value is True. Values are read as YAML scalars and lists, and `1e-3` as the number it is.

    Raises:
        UsageError: a word is neither a name nor the value of one.
    """
    found: dict[str, object] = {}
    waiting = ""
    for word in words:
        is_value = not word.startswith("--") and not (NAMED.match(word) if waiting else "=" in word)
        if is_value and not waiting:
            raise UsageError(f"{word}: belongs to no argument", "write --name value, or name=value")
        if is_value:
            found[waiting], waiting = parse_value(word), ""
            continue
        if waiting:
            found[waiting] = True
        name, has_value, value = word.removeprefix("--").partition("=")
        waiting = "" if has_value else _python_name(name)
        if has_value:
            found[_python_name(name)] = parse_value(value)
    if waiting:
        found[waiting] = True
    return found


def parse_value(text: str) -> object:
    """Return the number, truth value, list or text that was typed."""
    try:
        value = float(text) if _is_float(text) else yaml.safe_load(text)
        json.dumps(value)  # dates and sets are YAML too, and no argument
    except (*NOT_YAML, TypeError):
        return text
    return value


def _is_float(text: str) -> bool:
    # YAML 1.1 takes 1e-3 for text.
    if not any(character in text.lower() for character in ".e") or not any(c.isdigit() for c in text):
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _python_name(name: str) -> str:
    if not name.replace("-", "_").isidentifier():
        raise UsageError(f"--{name}: is no name of an argument", "write --name value, or name=value")
    return name.replace("-", "_")
