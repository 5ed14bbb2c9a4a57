"""Reading some images of a dataset with their labels, each file once."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets import labels
from yolops.datasets.bulk_labels import BOM, parse_plain, plain_text
from yolops.datasets.codes import finding
from yolops.datasets.description import label_of
from yolops.datasets.images import Level, Looked, look, quiet_decoding
from yolops.datasets.likeness import THUMBNAIL_BYTES
from yolops.datasets.tally import Collected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from yolops.findings import Finding

# The largest label file of COCO has 100 lines, of a dense aerial photograph some thousands.
MAX_LABEL_BYTES = 16 * 1024 * 1024
# More than nearly all label files have, and little to make room for.
_LABEL_BLOCK, _LARGE_BLOCK = 8 * 1024, 1024 * 1024
DIGEST_BYTES = 32
# Flags of `Content.flags`.
HAS_LABEL_FILE, EMPTY_LABELS, HAS_BOM, HAS_CRLF, IS_HASHED = 1, 2, 4, 8, 16
_EMPTY_HASH = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Task:
    """A portion of the images of a dataset.

    Attributes:
        images: their paths.
        membership: shape (n,), uint8: the bits of the splits each is in.
    """

    images: Sequence[str]
    membership: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Content:
    """All that was read of a portion of images.

    Attributes:
        membership: as in `Task`.
        classes: how many classes the dataset has.
        looked: what each image is.
        digests: shape (n, 2, 32), uint8: the SHA-256 of the image's bytes and of its canonical label bytes; none of
            either when the level is `QUICK`.
        thumbnails: shape (n, 72), uint8, zeros for what could not be decoded; none when the level is `QUICK`.
        flags: shape (n,), uint8: see above.
        boxes: shape (m, 5), float64: class, centre x, centre y, width, height; in fractions of the image.
        owner: shape (m,): the image of each box, by its place in the portion.
        findings: what is wrong, in the order of the images.
    """

    membership: NDArray[np.uint8]
    classes: int
    looked: Sequence[Looked]
    digests: NDArray[np.uint8]
    thumbnails: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    owner: NDArray[np.intp]
    findings: Collected


def read_portion(task: Task, *, classes: int, level: Level) -> Content:
    """Read a portion of images and their labels.

    Args:
        task: the images.
        classes: how many classes the dataset has.
        level: how closely images are looked at.
    """
    found: dict[int, list[Finding]] = {}
    with quiet_decoding():
        looked = [look(image, level) for image in task.images]
    contents, flags = _read(task.images, found)
    for index, seen in enumerate(looked):
        flags[index] |= IS_HASHED * bool(seen.digest)
        if seen.findings:
            found[index] = [*seen.findings, *found.get(index, ())]
    sizes = np.array([seen.size for seen in looked], np.int64).reshape(-1, 2)
    boxes, owner, odd = _parse(task, contents, sizes, found, classes)
    if level is Level.QUICK:
        digests, thumbnails = b"", b""
    else:
        images = (seen.digest or bytes(DIGEST_BYTES) for seen in looked)
        marks = map(_label_digest, contents, odd.tolist())
        digests = b"".join(part for pair in zip(images, marks, strict=True) for part in pair)
        thumbnails = b"".join(seen.thumbnail or bytes(THUMBNAIL_BYTES) for seen in looked)
    collected = Collected()
    for index in sorted(found):
        collected.extend(found[index])
    return Content(
        task.membership,
        classes,
        looked,
        np.frombuffer(digests, np.uint8).reshape(-1, 2, DIGEST_BYTES),
        np.frombuffer(thumbnails, np.uint8).reshape(-1, THUMBNAIL_BYTES),
        flags,
        boxes,
        owner,
        collected,
    )


def _read(images: Sequence[str], found: dict[int, list[Finding]]) -> tuple[list[bytes], NDArray[np.uint8]]:
    contents: list[bytes] = []
    flags = np.zeros(len(images), np.uint8)
    for index, image in enumerate(images):
        path = label_of(image)
        content = b""
        flag = HAS_LABEL_FILE
        try:
            content = label_content(path)
        except FileNotFoundError:
            flag = 0
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            fix = "correct its permissions, or take it out"
            found.setdefault(index, []).append(finding("label-unreadable", path, what, fix))
        else:
            flag |= EMPTY_LABELS * (not content or content.isspace())
            flag |= HAS_BOM * content.startswith(BOM) | HAS_CRLF * (b"\r\n" in content)
        if len(content) == MAX_LABEL_BYTES:
            what = f"more than {MAX_LABEL_BYTES} bytes were not read"
            fix = "put labels of one image in it"
            found.setdefault(index, []).append(finding("label-too-large", path, what, fix))
        flags[index] = flag
        contents.append(content)
    return contents, flags


def label_content(path: str | Path) -> bytes:
    """Return the bytes of a label file, the first `MAX_LABEL_BYTES` of them.

    Raises:
        OSError: it cannot be read.
    """
    # Of small files most of the time goes into opening them: no buffer, no text layer.
    # A pipe, too, is read without waiting for whoever writes to it.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        content = os.read(file, _LABEL_BLOCK)
        if not content and not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "not a file")
        if len(content) < _LABEL_BLOCK:
            return content
        parts = [content]
        while (left := MAX_LABEL_BYTES - sum(map(len, parts))) and (more := os.read(file, min(left, _LARGE_BLOCK))):
            parts.append(more)
        return b"".join(parts)
    finally:
        os.close(file)


def _parse(
    task: Task, contents: Sequence[bytes], sizes: NDArray[np.int64], found: dict[int, list[Finding]], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.bool_]]:
    boxes, owner, odd = parse_plain(contents, classes, sizes)
    every, owners = [boxes], [owner]
    for index in np.flatnonzero(odd).tolist():
        width, height = sizes[index].tolist()
        where = label_of(task.images[index])
        parsed = labels.parse(contents[index], where=where, classes=classes, size=(width, height))
        if parsed.findings:
            found.setdefault(index, []).extend(parsed.findings)
        every.append(parsed.boxes)
        owners.append(np.full(len(parsed.boxes), index, np.intp))
    return np.concatenate(every), np.concatenate(owners), odd


def _label_digest(content: bytes, odd: bool) -> bytes:  # noqa: FBT001 - called by map
    if not content:
        return _EMPTY_HASH
    text = labels.canonical(content) if odd else b"".join(sorted(plain_text(content).splitlines(keepends=True)))
    return hashlib.sha256(text).digest()
