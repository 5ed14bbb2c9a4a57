"""Photograph-like images: broad shapes and fine noise, so that a resized or recompressed copy still looks the same."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def scene(number: int, *, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Return an image whose content depends on the number."""
    rng = np.random.default_rng(number)
    broad = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noise = rng.integers(-8, 9, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.asarray(broad) + noise, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    """Return the bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
