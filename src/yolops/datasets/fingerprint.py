"""The content of a dataset in one number: the same on every machine, in every directory, at any time."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from os.path import basename
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.tally import BITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from yolops.datasets.all_images import Images
    from yolops.datasets.description import Dataset

# Changes when what is hashed, or how, changes.
FORM = b"yolops dataset 1\n"
# MLflow 3 refuses a dataset digest of more than 36 characters (mlflow.utils.validation.MAX_DATASET_DIGEST_SIZE).
DIGEST_CHARACTERS = 32


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One image of a split and its labels.

    Attributes:
        split: `train`, `val` or `test`.
        name: the path of the image relative to the dataset, with forward slashes.
        image: the SHA-256 of the image's bytes, hexadecimal.
        labels: the SHA-256 of the canonical label bytes, hexadecimal; of no bytes where there is no label file.
    """

    split: str
    name: str
    image: str
    labels: str


def fingerprint(names: Sequence[str], entries: Iterable[Entry]) -> str:
    """Return the fingerprint of a dataset: 64 hexadecimal characters.

    Args:
        names: the class names in order.
        entries: every image of every split, in any order.
    """
    return _total(names, sorted(_fields(entry) for entry in entries))


def fingerprint_of(dataset: Dataset, images: Images) -> str:
    """Return the fingerprint of a dataset of any size from arrays, without an object for each image.

    Args:
        dataset: the dataset.
        images: all its images, read.
    """
    root, hashed = f"{dataset.root}/", images.hashed

    def fields() -> Iterator[tuple[bytes, ...]]:
        for split in sorted(dataset.splits):
            rows = np.flatnonzero(images.membership & BITS[split])
            for name, same in groupby(_in_order(images.paths, rows, root), key=itemgetter(0)):
                for pair in sorted(_hex(images.digests[row], hashed=bool(hashed[row])) for _, row in same):
                    yield split.encode(), name, *pair

    return _total(dataset.names, fields())


def digest(of: str) -> str:
    """Return the start of a fingerprint that MLflow takes as the digest of a dataset."""
    return of[:DIGEST_CHARACTERS]


def _total(names: Sequence[str], fields: Iterable[tuple[bytes, ...]]) -> str:
    total = hashlib.sha256(FORM)
    total.update(json.dumps(list(names)).encode() + b"\n")
    for parts in fields:
        # No path holds a NUL, and the hashes have one length: two different datasets never give the same bytes.
        total.update(b"\0".join(parts) + b"\n")
    return total.hexdigest()


def _fields(entry: Entry) -> tuple[bytes, ...]:
    return entry.split.encode(), _normal(entry.name), entry.image.encode(), entry.labels.encode()


def _normal(name: str) -> bytes:
    # macOS decomposes accents in file names; the composed form is what everyone else has.
    return unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape")


def _in_order(images: Sequence[str], rows: NDArray[np.intp], root: str) -> Iterator[tuple[bytes, int]]:
    """Yield the name of each image and its row, ascending by name.

    Paths are in order already, and so are names unless accents were composed or images lie outside the root: one look
    at all of them spares a list of a million names.
    """

    def named() -> Iterator[tuple[bytes, int]]:
        return ((_normal(shared_name(images[row], root)), row) for row in map(int, rows))

    ordered = all(before <= after for (before, _), (after, _) in pairwise(named()))
    return named() if ordered else iter(sorted(named()))


def shared_name(image: str, root: str) -> str:
    """Return the path of an image below a directory, whose path ends with a slash."""
    # Outside the root there is no path that another machine shares; the name alone is.
    return image.removeprefix(root) if image.startswith(root) else basename(image)  # noqa: PTH119 - ten times quicker than Path


def _hex(digests: NDArray[np.uint8], *, hashed: bool) -> tuple[bytes, bytes]:
    image, labels = digests
    return image.tobytes().hex().encode() if hashed else b"", labels.tobytes().hex().encode()
