"""Datasets to push: bytes that no decoder ever sees, so that many and large ones are made in no time."""

from __future__ import annotations

import random
from pathlib import Path

from yolops.datasets.description import Dataset, read_dataset

# Three of these fill a pack; four million bytes more and each would travel alone.
BIG = 3_000_000
ALONE = 4_200_000


def photographs(root: Path, sizes: list[int], *, seed: int = 0) -> Dataset:
    """Write a dataset of images of these sizes, every fourth in val, each with labels but the first."""
    chance = random.Random(seed)
    for number, size in enumerate(sizes):
        photograph(root, number, chance.randbytes(size))
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n", encoding="utf-8")
    return read_dataset(root)


def photograph(root: Path, number: int, content: bytes) -> None:
    """Write one image and its labels, in the place of what was there."""
    name = f"{'val' if number % 4 == 1 else 'train'}/{number:04d}"
    image, labels = root / f"images/{name}.jpg", root / f"labels/{name}.txt"
    for file in (image, labels):
        file.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(content)
    if number:
        labels.write_text(f"1 0.5 0.5 0.{number:04d}1 0.2\r\n", encoding="utf-8")
