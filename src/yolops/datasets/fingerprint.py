"""The content of a dataset in one number: the same on every machine, in every directory, at any time."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    total = hashlib.sha256(FORM)
    total.update(json.dumps(list(names)).encode() + b"\n")
    for fields in sorted(_fields(entry) for entry in entries):
        # No path holds a NUL, and the hashes have one length: two different datasets never give the same bytes.
        total.update(b"\0".join(fields) + b"\n")
    return total.hexdigest()


def digest(of: str) -> str:
    """Return the start of a fingerprint that MLflow takes as the digest of a dataset."""
    return of[:DIGEST_CHARACTERS]


def _fields(entry: Entry) -> tuple[bytes, ...]:
    # macOS decomposes accents in file names; the composed form is what everyone else has.
    name = unicodedata.normalize("NFC", entry.name).encode("utf-8", "surrogateescape")
    return entry.split.encode(), name, entry.image.encode(), entry.labels.encode()
