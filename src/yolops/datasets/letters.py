"""The letters of a contact sheet."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

# A number that is no letter of any font: what is drawn for it stands for all that the font lacks.
_NONE = "\uffff"
_SOME_SIZE = 13


@cache
def font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return DejaVu Sans, which comes with matplotlib, or where that is not installed Pillow's own: ASCII alone."""
    found = find_spec("matplotlib")  # to import it takes longer than to draw the sheet
    if found and found.origin:
        with suppress(OSError):
            file = Path(found.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf"
            return ImageFont.truetype(file, pixels)
    return ImageFont.load_default(pixels)


@cache
def is_drawn(letter: str) -> bool:
    """Say whether the font has a letter."""
    return letter.isprintable() and _drawn(letter) != _drawn(_NONE)


def _drawn(letter: str) -> bytes:
    return bytes(font(_SOME_SIZE).getmask(letter))
