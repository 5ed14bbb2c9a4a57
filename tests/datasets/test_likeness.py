"""Images that look alike are found by keys, and they are those that comparing every pair would find."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.datasets.scenes import encoded, scene
from yolops.datasets.likeness import (
    CORRELATION,
    DISTANCE,
    LEAST_CONTRAST,
    THUMBNAIL_BYTES,
    alike,
    hashes,
    thumbnail,
)


def thumbnails_of(*images: Image.Image) -> np.ndarray:
    return np.stack([np.frombuffer(thumbnail(image), np.uint8) for image in images])


def by_every_pair(thumbnails: np.ndarray) -> set[int]:
    """Return the rows that look like an earlier one."""
    marks = hashes(thumbnails)
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1)
    close = np.bitwise_count(marks[:, None] ^ marks[None]) <= DISTANCE
    sharp = thumbnails.std(axis=1) >= LEAST_CONTRAST
    found = close & (unit @ unit.T >= CORRELATION) & sharp[:, None] & sharp[None]
    return set(np.unique(np.nonzero(np.tril(found, -1))[0]).tolist())


@pytest.mark.parametrize("seed", range(5))
def test_the_images_found_are_those_that_comparing_every_pair_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    apart = rng.integers(0, 256, (400, THUMBNAIL_BYTES))
    copies = apart[rng.integers(0, 400, 400)] + rng.integers(-1, 2, (400, 1)) * rng.integers(
        0, 12, (400, THUMBNAIL_BYTES)
    )
    blank = np.full((5, THUMBNAIL_BYTES), 128)
    thumbnails = np.clip(np.concatenate([apart, copies, blank]), 0, 255).astype(np.uint8)
    partners = alike(thumbnails, np.zeros(len(thumbnails), np.intp))
    found = set(np.flatnonzero(partners >= 0).tolist())
    assert found == by_every_pair(thumbnails)
    assert len(found) > 100
    assert all(partners[row] < row for row in found)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((320, 240)),
        lambda image: Image.open(io.BytesIO(encoded(image, quality=20))),
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: image.convert("L"),
    ],
    ids=["resized", "compressed", "darkened", "gray"],
)
def test_an_image_is_recognised_after_what_happens_to_copies(change: object) -> None:
    for number in range(20):
        image = scene(number)
        assert alike(thumbnails_of(image, change(image)), np.zeros(2, np.intp)).tolist() == [-1, 0]  # type: ignore[operator]


@pytest.mark.parametrize("size", [(1280, 960), (3000, 250), (200, 4000)], ids=["large", "broad", "high"])
def test_an_image_of_which_not_every_pixel_is_looked_at_is_recognised_in_a_small_copy(size: tuple[int, int]) -> None:
    for number in range(20):
        image = scene(number, size=size)
        copy = image.resize((160, 120), Image.Resampling.BOX)
        assert alike(thumbnails_of(image, copy), np.zeros(2, np.uint8)).tolist() == [-1, 0]


def test_of_several_partners_one_in_another_split_is_told() -> None:
    image = scene(1)
    thumbnails = thumbnails_of(*(image.resize(size) for size in ((160, 120), (200, 150), (240, 180), (320, 240))))
    assert alike(thumbnails, np.array([1, 1, 0, 1])).tolist() == [2, 2, -1, 2]


def test_frames_of_one_camera_are_compared_in_bounded_time() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(40, 216, THUMBNAIL_BYTES)
    thumbnails = (frame + rng.integers(-6, 7, (20_000, THUMBNAIL_BYTES))).astype(np.uint8)
    began = time.process_time()
    partners = alike(thumbnails, np.arange(20_000) % 2)
    assert time.process_time() - began < 60
    assert (partners >= 0).mean() > 0.9
