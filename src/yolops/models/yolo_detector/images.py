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


def read_images(given: Any) -> list[NDArray[np.uint8]]:
    """Return every picture in `given` as an array of shape (height, width, 3), blue green red, 0 to 255.

    Args:
        given: a path, the bytes of an image file, base64 text of them, an array of shape (height, width, 3) or
            (height, width) in RGB order and 0 to 255, a list of any of these, an array of shape
            (n, height, width, 3), or a data frame whose first column holds any of these.

    Raises:
        ValueError: something in it is no picture; says which.
    """
    return [_read_one(item, index) for index, item in enumerate(_listed(given))]


def _listed(given: Any) -> list[Any]:
    if hasattr(given, "iloc"):
        return list(given.iloc[:, 0] if given.ndim == 2 else given)
    if isinstance(given, np.ndarray):
        # 0 and 1 dimensions are what a scoring server makes of text; 4 are a batch.
        return [given] if given.ndim in {2, 3} else list(given.reshape(-1) if given.ndim < 2 else given)
    if isinstance(given, dict):
        return [item for column in given.values() for item in _listed(column)]
    return list(given) if isinstance(given, list | tuple) else [given]


def _read_one(item: Any, index: int) -> NDArray[np.uint8]:
    where = f"image {index}"
    if isinstance(item, np.ndarray) or (isinstance(item, list) and item and isinstance(item[0], list)):
        return _from_array(np.asarray(item), where)
    if isinstance(item, str | Path):
        return _from_text(str(item), where)
    if isinstance(item, bytes | bytearray | memoryview):
        return _from_file(io.BytesIO(bytes(item)), where)
    raise ValueError(f"{where}: a path, bytes, base64 text or an array was expected, not {type(item).__name__}")


def _from_array(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if array.ndim == 2:
        array = np.stack([array] * 3, axis=-1)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(f"{where}: an array of shape (height, width, 3) was expected, not {array.shape}")
    if not np.issubdtype(array.dtype, np.number) or array.min() < 0 or array.max() > 255:
        raise ValueError(f"{where}: values from 0 to 255 were expected")
    return np.ascontiguousarray(array[:, :, ::-1].astype(np.uint8))


def _from_text(text: str, where: str) -> NDArray[np.uint8]:
    if len(text) < 4096 and Path(text).is_file():
        return _from_file(text, where)
    try:
        content = base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) < BASE64_AT_LEAST:
        raise ValueError(f"{where}: neither a file nor base64 text of one: {text[:80]!r}")
    return _from_file(io.BytesIO(content), where)


def _from_file(file: str | io.BytesIO, where: str) -> NDArray[np.uint8]:
    try:
        with Image.open(file) as image:
            picture = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, ImportError, Image.DecompressionBombError) as error:
        # ImportError: ultralytics replaces `Image.open` by one that asks for a HEIF reader when nothing else fits.
        raise ValueError(f"{where}: not a picture that can be read ({error})") from error
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
