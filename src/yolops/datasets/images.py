"""Whether an image can be trained on: its header, its bytes, and as many of its pixels as the level asks for."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import FileIO
from typing import IO, TYPE_CHECKING, Any

from PIL import (  # noqa: F401 - importing a plugin registers it; Pillow's own lazy way is slower for each image
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

from yolops.datasets.codes import finding
from yolops.datasets.headers import END_OF_JPEG, END_OF_PNG, HEAD_BYTES, plain_size, stray_marker
from yolops.datasets.likeness import thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yolops.findings import Finding

# ultralytics 8.4 `check_image` refuses fewer than 10 pixels.
LEAST_PIXELS = 10
# Only what ultralytics trains on. HEIC needs a plugin that it would try to install; DNG is read as TIFF, MPO as JPEG.
FORMATS = ("AVIF", "BMP", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
# What is larger is hashed and decoded from the file instead of from memory.
MOST_IN_MEMORY = 64 * 1024 * 1024
# Decoding to about this size is enough for the thumbnail; JPEG does it at an eighth of the arithmetic.
_DRAFT = ("L", (16, 16))
_ORIENTATION, _SIDEWAYS, _TURNED = 274, (5, 6, 7, 8), (2, 3, 4, 5, 6, 7, 8)
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


class Level(StrEnum):
    """How closely images are looked at: their headers, their bytes and a reduced decode, or every pixel."""

    QUICK = "quick"
    DEFAULT = "default"
    DEEP = "deep"


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of an image.

    Attributes:
        size: width and height in pixels as trainers show it; zeros where it could not be read.
        digest: the SHA-256 of its bytes; empty where they were not read.
        thumbnail: what `likeness.thumbnail` made of it; empty where it was not decoded.
        findings: what is wrong with it.
        form: its format as Pillow names it; empty where it could not be read.
    """

    size: tuple[int, int] = (0, 0)
    digest: bytes = b""
    thumbnail: bytes = b""
    findings: tuple[Finding, ...] = ()
    form: str = ""


def look(path: str, level: Level) -> Looked:
    """Look at an image; call it within `quiet_decoding`.

    Args:
        path: the path of the image.
        level: how closely.

    Returns:
        What is known of it, with an error for what ultralytics drops and a warning for what it changes.
    """
    try:
        glanced = _glance(path) if level is Level.QUICK else None
        if isinstance(glanced, Looked):
            return glanced
        with opened(path) as file:
            looked = _examine(file, os.fstat(file.fileno()).st_size, path, glanced or level)
        return looked if glanced is None else Looked(looked.size, findings=looked.findings, form=looked.form)
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        fix = "correct the list or the permissions, or take it out"
        return Looked(findings=(finding("image-missing", path, what, fix),))


def opened(path: str | Path) -> FileIO:
    """Open a file of a dataset, without waiting: a pipe would wait for whoever writes to it.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    file = FileIO(path, opener=_at_once)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a file")
    return file


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation that Pillow has not applied itself: 1 is upright.

    Pillow turns TIFF on its own, and its `size` says so already.
    """
    if image.format == "TIFF" or not (image.info.get("exif") or image.format in {"PNG", "WEBP", "AVIF"}):
        return 1
    value = image.getexif().get(_ORIENTATION, 1)
    return value if value in _TURNED else 1


def shown_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height in pixels as trainers show an image, from its header."""
    width, height = image.size
    return (height, width) if orientation_of(image) in _SIDEWAYS else (width, height)


@contextmanager
def quiet_decoding() -> Iterator[None]:
    """Make Pillow's warnings about sizes findings, and its other warnings none, in this and all other threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _glance(path: str) -> Looked | Level:
    """Look at the two ends of a file; answer how closely to look at it where they do not tell enough."""
    # Of such a look half the time would go into making a file object.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        head = os.read(file, HEAD_BYTES)
        end = END_OF_PNG if head.startswith(b"\x89PNG") else END_OF_JPEG
        tail = head
        if len(head) == HEAD_BYTES:
            os.lseek(file, -len(end), os.SEEK_END)
            tail = os.read(file, len(end))
    finally:
        os.close(file)
    whole = tail.endswith(end)
    if whole and (plain := plain_size(head)):
        form, width, height = plain
        if min(width, height) >= LEAST_PIXELS and width * height <= _pixels():
            return Looked((width, height), findings=tuple(_suffix(path, form)), form=form)
    # A file that does not end as it should is looked at as closely as it takes to say why.
    return Level.DEEP if not whole and head.startswith((b"\x89PNG", b"\xff\xd8")) else Level.QUICK


def _examine(file: FileIO, length: int, path: str, level: Level) -> Looked:
    if not length:
        digest = hashlib.sha256(b"").digest()
        return Looked((0, 0), digest, b"", (finding("image-empty", path, "the file is empty", "fetch it again"),))
    content, digest = b"", b""
    source: IO[bytes] = file
    if level is not Level.QUICK and length <= MOST_IN_MEMORY:
        content = file.read()
        source = io.BytesIO(content)
        digest = hashlib.sha256(content).digest()
    elif level is not Level.QUICK:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
    found: list[Finding] = []
    small, size, form = b"", (0, 0), ""
    try:
        with Image.open(source, formats=FORMATS) as image:
            size, form = shown_size(image), str(image.format)
            found += _remarks(image, content, path, size)
            if level is not Level.QUICK:
                if level is Level.DEFAULT:
                    image.draft(*_DRAFT)
                image.load()
                small = thumbnail(image)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on broken data, and one file must not end a check
        # A truncated JPEG has bytes behind its last end marker too; what it cannot be decoded for says more.
        found = [undecoded(error, path)]
    return Looked(size, digest, small, tuple(found), form)


def undecoded(error: Exception, path: str) -> Finding:
    """Say why an image could not be decoded."""
    if isinstance(error, Image.DecompressionBombWarning):
        what = f"more than {_pixels()} pixels, so it was not decoded"
        return finding("image-very-large", path, what, "cut it into tiles before training")
    if isinstance(error, Image.DecompressionBombError):
        what = "so many pixels that Pillow refuses it, and ultralytics drops it"
        return finding("image-too-large", path, what, "cut it into tiles before training")
    if isinstance(error, UnidentifiedImageError):
        what = "not an image that ultralytics can read"
        return finding("image-unreadable", path, what, "convert it to JPEG or PNG, or take it out")
    what = f"damaged ({str(error)[:100] or type(error).__name__})"
    return finding("image-damaged", path, what, "fetch it again or take it out")


def _remarks(image: Image.Image, content: bytes, path: str, size: tuple[int, int]) -> Iterator[Finding]:
    form = str(image.format)
    if min(size) < LEAST_PIXELS:
        what = f"{size[0]}x{size[1]} pixels, and ultralytics drops images below {LEAST_PIXELS}"
        yield finding("image-too-small", path, what, "take it out")
    if form == "JPEG" and content:
        yield from _about_jpeg(content, path)
    yield from _suffix(path, form)
    turned = orientation_of(image)
    if turned != 1:
        what = f"EXIF orientation {turned}: stored as {image.size[0]}x{image.size[1]}, shown as {size[0]}x{size[1]}"
        yield finding(
            "image-rotated", path, what, "see that the boxes fit the image as it is shown, or save it upright"
        )
    yield from _about_pixels(image, path)


def _about_jpeg(content: bytes, path: str) -> Iterator[Finding]:
    if not content.endswith(END_OF_JPEG):
        # `check_image` re-encodes at quality 100 and puts the result in the file's place. On the links that
        # `write_training_yaml` makes it replaces the link; on the dataset itself it would replace the photograph.
        trailing = len(content) - content.rfind(END_OF_JPEG) - 2
        what = f"{trailing} bytes follow the end of the JPEG: ultralytics re-encodes such a file in place"
        yield finding("jpeg-trailing-bytes", path, what, "save it again with an image program")
    elif (stray := stray_marker(content)) is not None:
        what = f"damaged at byte {stray}, although its end is intact: what is behind it is shown wrongly"
        yield finding("jpeg-damaged-inside", path, what, "fetch it again or take it out")


def _about_pixels(image: Image.Image, path: str) -> Iterator[Finding]:
    if image.mode == "CMYK":
        yield finding("image-cmyk", path, "CMYK colours", "save it as RGB")
    if image.mode.startswith(("I", "F")) or (_is_packed_in_16_bits(image)):
        yield finding("image-16-bit", path, "16 bits per channel, of which the lower 8 are lost", "save it with 8 bits")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        yield finding("image-alpha", path, "transparency is cut off: what lies below it is shown", "save it as RGB")
    frames = getattr(image, "n_frames", 1) if image.format in {"PNG", "TIFF", "WEBP", "AVIF"} else 1
    if frames > 1:
        yield finding("image-animated", path, f"{frames} frames, of which the first is used", "save one frame")


def _is_packed_in_16_bits(image: Any) -> bool:
    # Pillow reads such colours as 8 bits; only what it hands to the decoder still says so.
    return bool(image.tile) and "16" in str(image.tile[0].args)


def _suffix(path: str, form: str) -> Iterator[Finding]:
    suffix = path.rpartition(".")[2].lower()
    if suffix not in _SUFFIXES.get(form, (suffix,)):
        what = f"a {form} file with the suffix of another format"
        yield finding("image-suffix", path, what, "nothing: it is read by its content")


def _pixels() -> int:
    return Image.MAX_IMAGE_PIXELS or 0
