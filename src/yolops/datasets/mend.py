"""What is safe to repair in a dataset, repaired in a copy: the dataset itself is never written to.

Images are hard-linked where the file system allows it, as in a conversion, and their bytes never change. Labels are
written anew. Safe is what changes no box that a person can have meant: spacing, line ends and byte-order marks, lines
that repeat another, and coordinates that rounding put at most 0.01 outside. Lines that ultralytics would drop an image
for are taken out only when a person asks for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.description import label_file, label_path, write_description
from yolops.datasets.examine import label_content
from yolops.datasets.labels import TOLERANCE, read_line, rows_of
from yolops.datasets.placing import named, place, whole_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yolops.datasets.description import Dataset


@dataclass(frozen=True, slots=True)
class Mended:
    """What was repaired, or would be.

    Attributes:
        images: how many images the copy has.
        files: how many label files differ from the original.
        lines: how many lines were changed or taken out, by the code of the finding.
    """

    images: int
    files: int
    lines: Mapping[str, int]


def mend(dataset: Dataset, target: Path | None, *, drop: bool = False) -> Mended:
    """Write a repaired copy of a dataset, or only say what would be repaired.

    Args:
        dataset: what `read_dataset` returned.
        target: a directory that does not exist, or is empty; None writes nothing.
        drop: also take out lines for which ultralytics would drop the image.

    Returns:
        What was repaired. Images that cannot be read are not among those of the copy.

    Raises:
        YolopsError: the target holds something, or cannot be written.
    """
    if target is None:
        return _mended(dataset, None, drop=drop)
    with whole_directory(target.absolute()) as partial:
        result = _mended(dataset, partial, drop=drop)
        write_description(partial, dataset.names, dataset.splits, dataset.pose)
    return result


def mended_labels(content: bytes, classes: int, *, drop: bool) -> tuple[bytes, Counter[str]]:
    """Return repaired label bytes, and how many lines were changed or taken out, by code.

    Args:
        content: the bytes of a label file; what is not UTF-8 is returned as it is.
        classes: how many classes the dataset has.
        drop: also take out lines for which ultralytics would drop the image.
    """
    rows = rows_of(content)
    done: Counter[str] = Counter()
    if rows is None:
        return content, done
    polygons = any(len(tokens) > 6 for _, tokens in rows)
    lines: list[str] = []
    seen: set[tuple[float, ...]] = set()
    for _, tokens in rows:
        values, problem = read_line("", tokens, polygons=polygons, classes=classes)
        if values is None:
            if drop and problem:
                done[problem.code] += 1
            else:
                lines.append(" ".join(tokens))
            continue
        written = tokens
        beyond = max(-min(values[1:]), max(values[1:]) - 1)
        if 0 < beyond <= TOLERANCE:
            done["box-slightly-outside"] += 1
            written = [tokens[0], *map(_clipped, tokens[1:], values[1:])]
        key = tuple(np.array([float(token) for token in written], np.float32).tolist())
        if key in seen:
            done["label-repeated"] += 1
            continue
        seen.add(key)
        lines.append(" ".join(written))
    return "".join(f"{line}\n" for line in lines).encode(), done


def _mended(dataset: Dataset, directory: Path | None, *, drop: bool) -> Mended:
    lines: Counter[str] = Counter()
    images = files = 0
    for split, image, name in named(dataset.splits):
        if not image.is_file():
            continue
        images += 1
        labels = label_file(image)
        link = directory / "images" / split / name if directory else None
        if link:
            place(image, link, symbolic=False)
        if labels is None:
            continue
        content = label_content(labels)
        mended, done = mended_labels(content, len(dataset.names), drop=drop)
        files += mended != content or labels.suffix != ".txt"
        lines += done
        if link:
            written = label_path(link)
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_bytes(mended)
    return Mended(images, files, MappingProxyType(dict(lines)))


def _clipped(token: str, value: float) -> str:
    return token if 0 <= value <= 1 else "0" if value < 0 else "1"
