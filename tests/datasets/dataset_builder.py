"""Builds small datasets file by file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def picture(number: int = 0, *, size: tuple[int, int] = (32, 24), form: str = "PNG") -> bytes:
    """Encode an image whose content depends on the number."""
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


BOX = "0 0.5 0.5 0.2 0.2\n"


class Builder:
    """Builds a dataset: one image in train and one in val, each with one box, and whatever a test adds."""

    def __init__(self, root: Path, names: tuple[str, ...] = ("cat", "dog")) -> None:
        self.root = root
        self.yaml = root / "data.yaml"
        root.mkdir(parents=True, exist_ok=True)
        lines = ["train: images/train", "val: images/val", "names:", *(f"  - {name}" for name in names)]
        self.yaml.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.number = 0
        box = "".join(f"{index} {(index + 0.5) / len(names)} 0.5 0.2 0.2\n" for index in range(len(names)))
        self.add("train/a.png", labels=box)
        self.add("val/b.png", labels=box)

    def add(self, name: str, *, image: bytes | None = None, labels: str | bytes | None = BOX) -> Path:
        """Add an image below `images/` and its label file below `labels/` (none if `labels` is None)."""
        self.number += 1
        path = self.root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(self.number) if image is None else image)
        if labels is not None:
            self.label(name, labels)
        return path

    def label(self, name: str, labels: str | bytes) -> Path:
        path = (self.root / "labels" / name).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(labels if isinstance(labels, bytes) else labels.encode())
        return path
