"""The pictures a caller may hand to a model, as the arrays a detector takes."""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from numpy.typing import NDArray

BASE64_AT_LEAST = 64


def read_images(given: Any, *, may_open_files: bool = True) -> list[NDArray[np.uint8]]:
    """Return every picture in `given` as an array of shape (height, width, 3), blue green red, 0 to 255.

    Args:
        given: a path, the bytes of an image file, base64 text of them, an array of shape (height, width, 3) or
            (height, width) in RGB order and 0 to 255, a list of any of these, an array of shape
            (n, height, width, 3), or a data frame whose first column holds any of these.
        may_open_files: whether text may be a path. Not when a server asks for others: they would read its disk.

    Raises:
        ValueError: something in it is no picture; says which.
    """
    return [
        _read_one(item, f"image {index}", may_open_files=may_open_files) for index, item in enumerate(_listed(given))
    ]


def _listed(given: Any) -> list[Any]:
    if hasattr(given, "iloc"):
        return list(given.iloc[:, 0] if given.ndim == 2 else given)
    if isinstance(given, np.ndarray):
        # 0 and 1 dimensions are what a scoring server makes of text; 4 are a batch.
        return [given] if given.ndim in {2, 3} else list(given.reshape(-1) if given.ndim < 2 else given)
    if isinstance(given, dict):
        return [item for column in given.values() for item in _listed(column)]
    return list(given) if isinstance(given, list | tuple) else [given]


def _read_one(item: Any, where: str, *, may_open_files: bool) -> NDArray[np.uint8]:
    if isinstance(item, np.ndarray) or (isinstance(item, list) and item and isinstance(item[0], list)):
        return _from_array(item, where)
    if isinstance(item, str | Path):
        return _from_text(str(item), where, may_open_files=may_open_files)
    if isinstance(item, bytes | bytearray | memoryview):
        return _from_file(io.BytesIO(bytes(item)), where)
    raise ValueError(f"{where}: a path, bytes, base64 text or an array was expected, not {type(item).__name__}")


def _from_array(given: Any, where: str) -> NDArray[np.uint8]:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise ValueError(f"{where}: its rows differ in length") from error
    if array.ndim == 2:
        array = np.stack([array] * 3, axis=-1)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(f"{where}: an array of shape (height, width, 3) was expected, not {array.shape}")
    if not np.issubdtype(array.dtype, np.number) or not (array.min() >= 0 and array.max() <= 255):
        raise ValueError(f"{where}: values from 0 to 255 were expected")
    if np.issubdtype(array.dtype, np.floating) and 0 < array.max() <= 1:
        raise ValueError(f"{where}: values from 0 to 255 were expected, not from 0 to 1; multiply by 255")
    return np.ascontiguousarray(array[:, :, ::-1].astype(np.uint8))


def _from_text(text: str, where: str, *, may_open_files: bool) -> NDArray[np.uint8]:
    if may_open_files and _is_file(text):
        return _from_file(text, where)
    try:
        content = base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) < BASE64_AT_LEAST:
        kinds = "neither a file nor base64 text of one" if may_open_files else "not base64 text of a picture"
        raise ValueError(f"{where}: {kinds}: {text[:80]!r}")
    return _from_file(io.BytesIO(content), where)


def _is_file(text: str) -> bool:
    try:
        return len(text) < 4096 and Path(text).is_file()
    except OSError:  # base64 text may be too long for the name of a file
        return False


def _from_file(file: str | io.BytesIO, where: str) -> NDArray[np.uint8]:
    try:
        with Image.open(file) as image:
            picture = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, ImportError, Image.DecompressionBombError) as error:
        # ImportError: ultralytics replaces `Image.open` by one that asks for a HEIF reader when nothing else fits.
        raise ValueError(f"{where}: not a picture that can be read ({error})") from error
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
