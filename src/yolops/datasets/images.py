"""Whether an image can be trained on: decoded completely, as ultralytics does only once training runs."""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PIL import (  # noqa: F401 - importing a plugin registers it; Pillow's own lazy way is not safe in threads
    AvifImagePlugin,
    BmpImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

# ultralytics 8.4 `check_image` refuses fewer than 10 pixels.
LEAST_PIXELS = 10
# Only what ultralytics trains on. HEIC needs a plugin that it would try to install; DNG is read as TIFF, MPO as JPEG.
FORMATS = ("AVIF", "BMP", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
END_OF_JPEG = b"\xff\xd9"
_SUFFIXES = {
    "AVIF": ("avif",),
    "BMP": ("bmp",),
    "JPEG": ("jpg", "jpeg"),
    "JPEG2000": ("jp2",),
    "MPO": ("mpo", "jpg", "jpeg"),
    "PNG": ("png",),
    "TIFF": ("tif", "tiff", "dng"),
    "WEBP": ("webp",),
}


def examine(content: bytes, where: str) -> tuple[Finding, ...]:
    """Decode an image and say what is wrong with it.

    Args:
        content: the bytes of the file.
        where: the path of the file.

    Returns:
        An error for what ultralytics drops without saying so, a warning for what it changes.
    """
    if not content:
        return (_error("image-empty", where, "the file is empty", "fetch it again or take it out"),)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            # Read before load(), which may replace them.
            form, size = str(image.format), image.size
            image.load()
    except Image.DecompressionBombWarning:
        what = f"more than {Image.MAX_IMAGE_PIXELS} pixels, so it was not decoded"
        return (Finding(Severity.WARNING, "image-very-large", where, what, "cut it into tiles before training"),)
    except Image.DecompressionBombError:
        what = "so many pixels that Pillow refuses it, and ultralytics drops it"
        return (_error("image-too-large", where, what, "cut it into tiles before training"),)
    except UnidentifiedImageError:
        what = "not an image that ultralytics can read"
        return (_error("image-unreadable", where, what, "convert it to JPEG or PNG, or take it out"),)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on broken data, and one file must not end a check
        what = f"damaged ({str(error)[:100] or type(error).__name__})"
        return (_error("image-damaged", where, what, "fetch it again or take it out"),)
    return tuple(_remarks(content, where, form, size))


@contextmanager
def quiet_decoding() -> Iterator[None]:
    """Make Pillow's warnings about sizes findings, and its other warnings none, in this and all other threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _remarks(content: bytes, where: str, form: str, size: tuple[int, int]) -> Iterator[Finding]:
    if min(size) < LEAST_PIXELS:
        what = f"{size[0]}x{size[1]} pixels, and ultralytics drops images below {LEAST_PIXELS}"
        yield _error("image-too-small", where, what, "take it out")
    if form == "JPEG" and not content.endswith(END_OF_JPEG):
        # `check_image` re-encodes at quality 100 and puts the result in the file's place. On the links that
        # `write_training_yaml` makes it replaces the link; on the dataset itself it would replace the photograph.
        what = "bytes follow the end of the JPEG: ultralytics re-encodes such a file in place and trains on the result"
        yield Finding(Severity.WARNING, "jpeg-trailing-bytes", where, what, "save it again with an image program")
    suffix = where.rpartition(".")[2].lower()
    if suffix not in _SUFFIXES.get(form, (suffix,)):
        what = f"a {form} file with the suffix of another format"
        yield Finding(Severity.INFO, "image-suffix", where, what, "nothing: it is read by its content")


def _error(code: str, where: str, what: str, fix: str) -> Finding:
    return Finding(Severity.ERROR, code, where, what, fix)
