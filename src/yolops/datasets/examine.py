"""Reading the images of a dataset with their labels: each file once.

In threads: Pillow and hashlib let go of the interpreter while they decode and hash, which is most of the work, and the
rest waits for the disk.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets import images, labels
from yolops.datasets.description import label_path
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# The largest label file of COCO has 100 lines, of a dense aerial photograph some thousands.
MAX_LABEL_BYTES = 16 * 1024 * 1024
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of one image and its labels after both were read.

    Attributes:
        image: the path of the image.
        image_hash: the SHA-256 of its bytes; empty if it could not be read.
        label_hash: the SHA-256 of its canonical label bytes.
        has_label_file: whether there is a label file at all.
        per_class: the number of boxes of each class.
        findings: what is wrong with either file.
    """

    image: Path
    image_hash: str
    label_hash: str
    has_label_file: bool
    per_class: tuple[int, ...]
    findings: tuple[Finding, ...]


def examine(image: Path, classes: int) -> Examined:
    """Read one image and its labels.

    Args:
        image: the path of the image.
        classes: how many classes the dataset has.
    """
    findings: list[Finding] = []
    image_hash = ""
    try:
        content = image.read_bytes()
    except OSError as error:
        fix = "correct the list it stands in, or its permissions"
        what = f"cannot be read ({error.strerror})"
        findings.append(Finding(Severity.ERROR, "image-missing", str(image), what, fix))
    else:
        image_hash = hashlib.sha256(content).hexdigest()
        findings += images.examine(content, str(image))
    source = label_path(image)
    try:
        with source.open("rb") as file:
            written = file.read(MAX_LABEL_BYTES)
    except FileNotFoundError:
        return Examined(image, image_hash, _EMPTY_HASH, has_label_file=False, per_class=(), findings=tuple(findings))
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        findings.append(Finding(Severity.ERROR, "label-unreadable", str(source), what, "correct its permissions"))
        return Examined(image, image_hash, _EMPTY_HASH, has_label_file=True, per_class=(), findings=tuple(findings))
    if len(written) == MAX_LABEL_BYTES:
        what = f"more than {MAX_LABEL_BYTES} bytes were not read"
        findings.append(Finding(Severity.ERROR, "label-too-large", str(source), what, "put labels of one image in it"))
    parsed = labels.parse(written, where=str(source), classes=classes)
    per_class = tuple(np.bincount(parsed.boxes[:, 0].astype(np.intp), minlength=classes).tolist())
    label_hash = hashlib.sha256(labels.canonical(written)).hexdigest()
    found = (*findings, *parsed.findings)
    return Examined(image, image_hash, label_hash, has_label_file=True, per_class=per_class, findings=found)


def examine_all(
    every: Sequence[Path], classes: int, progress: Callable[[int, int], None] | None = None
) -> dict[Path, Examined]:
    """Read many images and their labels.

    Args:
        every: the paths of the images, each once.
        classes: how many classes the dataset has.
        progress: called in this thread after every image with how many are done, and of how many.

    Returns:
        What is known of each image, in the order given.
    """
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="dataset-check")
    examined: dict[Path, Examined] = {}
    try:
        with images.quiet_decoding():
            for result in pool.map(partial(examine, classes=classes), every):
                examined[result.image] = result
                if progress:
                    progress(len(examined), len(every))
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C does not wait for the whole dataset
    return examined
