"""Names that MLflow accepts, made once and in one place.

MLflow allows letters, digits, underscore, dash, period, space, colon and slash in the names of metrics, parameters and
tags, and refuses names that a file system would resolve to another one (`mlflow/utils/validation.py`, 3.17).
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from yolops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LENGTH = 250
_ILLEGAL = re.compile(r"[^\w\-./ :]+", re.ASCII)


def legal_name(name: str) -> str:
    """Return the nearest name that MLflow accepts: `metrics/mAP50(B)` becomes `metrics/mAP50_B`.

    Args:
        name: any text.

    Returns:
        A legal name of 1 to 250 characters; a legal name comes back unchanged.
    """
    if _is_legal(name):
        return name
    parts = (_ILLEGAL.sub("_", part).strip("_ ") for part in name.split("/"))
    joined = "/".join(part for part in parts if part.strip(".")) or "_"
    return joined[:MAX_LENGTH].rstrip("/ ") or "_"


def legal_names(names: Iterable[str]) -> dict[str, str]:
    """Return a legal name for each of `names`, no two alike: the second of two that collide gets `_2`."""
    result: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        stem = candidate = legal_name(name)
        count = 1
        while candidate in taken:
            count += 1
            suffix = f"_{count}"
            candidate = stem[: MAX_LENGTH - len(suffix)] + suffix
        taken.add(candidate)
        result[name] = candidate
    return result


def quoted(name: str) -> str:
    """Return a name as a filter of MLflow takes it: between quotes that are not in it, for none can be escaped."""
    mark = '"' if "'" in name else "'"
    return f"{mark}{name}{mark}"


def check_name(option: str, name: str) -> None:
    """Refuse a name that cannot be a directory and a run at once.

    Raises:
        UsageError: says what is wrong with it.
    """
    if not re.fullmatch(r"[^\W_][\w.\- ]{0,99}", name):
        raise UsageError(f"{option} {name!r}: not a name", "letters, digits, `.`, `-`, `_` and spaces; at most 100")


def check_alias(option: str, alias: str) -> None:
    """Refuse an alias that MLflow would refuse for a model, when the training of it is done.

    Raises:
        UsageError: says what is wrong with it.
    """
    # mlflow/utils/validation.py: `latest` and `v1` are its own words for versions.
    if not re.fullmatch(r"[\w-]{1,255}", alias) or re.fullmatch(r"latest|v\d+", alias, re.IGNORECASE):
        raise UsageError(
            f"{option} {alias!r}: not an alias",
            "letters, digits, `-` and `_`, but not `latest` or `v1`, `v2` and so on",
        )


def _is_legal(name: str) -> bool:
    is_path = bool(name) and posixpath.normpath(name) == name and not name.startswith(("/", "..")) and name != "."
    return is_path and len(name) <= MAX_LENGTH and not _ILLEGAL.search(name)
