"""What other programs wrote, read as data: it may be broken, or made to do harm."""

from __future__ import annotations

import json
import math
import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from yolops.datasets.splits import is_image
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1024 * 1024
# What Linux and macOS take for one name, and for a path.
_MOST_NAME_BYTES, _MOST_PATH_BYTES = 255, 1000
# No coordinate is larger, and above it a float64 no longer tells thousandths of a pixel apart.
_MOST = 1e9


class PlainTarget:
    """A target of an XML parser that refuses a document type, and with it every entity that expands or reads a file."""

    def doctype(self, *_: str | None) -> None:
        """Refuse.

        Raises:
            ValueError: always.
        """
        raise ValueError("it declares a document type")


class PlainBuilder(PlainTarget, ET.TreeBuilder):
    """Builds a tree of a document without a document type."""


def parse_xml(path: Path, target: Any, *, most_bytes: int) -> Any:
    """Feed an XML file to a target, block by block.

    Args:
        path: the file.
        target: a `PlainTarget`.
        most_bytes: a larger file is refused.

    Returns:
        What the target's `close` returns.

    Raises:
        YolopsError: it is not XML, too large, or declares a document type.
    """
    parser = ET.XMLParser(target=target)  # noqa: S314 - the target refuses document types, so no entity can expand
    left = most_bytes
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise ValueError(f"it is larger than {most_bytes} bytes")
                parser.feed(block)
        return parser.close()
    except (OSError, ET.ParseError, ValueError, LookupError) as error:
        raise YolopsError(f"{path}: not an annotation ({error})", "fetch it again or take it out") from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        YolopsError: it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise YolopsError(f"{path}: not JSON ({error})", "fetch it again") from error


def lines_of(path: Path) -> list[str]:
    """Return the lines of a list that say something, without the spaces around them.

    Raises:
        YolopsError: it cannot be read, or is not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise YolopsError(f"{path}: cannot be read as a list", "write one name per line, UTF-8") from error
    return [line.strip() for line in lines if line.strip()]


def starts_with(path: Path, sign: bytes) -> bool:
    """Say whether the first thing in a text file, behind spaces and a byte-order mark, is this."""
    try:
        with path.open("rb") as file:
            return file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(sign)
    except OSError:
        return False


def image_name(name: object, where: str) -> str:
    """Return the name of an image as a relative path that stays inside the dataset, for reading as for writing.

    Raises:
        YolopsError: it is none.
    """
    if isinstance(name, str) and is_image(name) and name.isprintable() and not set(name) & {"\\", ":"}:
        pure = PurePosixPath(name)
        length = len(os.fsencode(name))
        short = length <= _MOST_PATH_BYTES and all(len(os.fsencode(part)) <= _MOST_NAME_BYTES for part in pure.parts)
        if short and not pure.is_absolute() and ".." not in pure.parts:
            return pure.as_posix()
    raise YolopsError(
        f"{where}: the file name {str(name)[:80]!r} is not that of an image inside the dataset",
        "name images relative to the dataset, with forward slashes",
    )


def number(value: object) -> float:
    """Return a coordinate.

    Args:
        value: a number, or text that is one.

    Raises:
        ValueError: it is no number, not finite, or too large for any image.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not a number")
    try:
        found = float(value)
    except OverflowError:  # an int of 400 digits
        found = math.inf
    if not abs(found) < _MOST:
        raise ValueError("not a coordinate")
    return found
