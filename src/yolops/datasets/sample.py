"""A small dataset to try things with: circles, squares and triangles that a detector learns in seconds on a CPU."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from yolops.datasets.annotations import Box, label_line
from yolops.datasets.description import SPLITS
from yolops.datasets.placing import whole_directory
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = ("circle", "square", "triangle")
MOST_SHAPES = 4
# Drawn twice as large and scaled down, so that edges are smooth.
_SCALE = 2
# Of the image's side.
_SMALLEST, _LARGEST = 0.18, 0.42
# Backgrounds are dark and shapes bright. A network of 0.4 M parameters that starts from nothing learns this in three
# epochs of 50 steps (mAP50 0.99, tried once); where both could have any colour it did not (0.15, tried once).
_DARKEST_SHAPE = 100
# Of the 441 that lie between black and white.
_LEAST_CONTRAST = 150.0


@dataclass(frozen=True, slots=True)
class _Shape:
    box: Box
    colour: tuple[int, int, int]


def write_sample(
    directory: Path, *, images: tuple[int, int, int] = (200, 50, 20), size: int = 160, seed: int = 0
) -> Path:
    """Write the sample dataset.

    Args:
        directory: where it goes. If the same sample is there already, nothing is done.
        images: how many images train, val and test get.
        size: the side of the square images, in pixels; at least 32.
        seed: what decides the content; the same seed gives the same dataset.

    Returns:
        The absolute path of its `data.yaml`.

    Raises:
        YolopsError: the directory holds something else, or a number makes no sense.
    """
    if size < 32 or min(images[:2]) < 1 or images[2] < 0 or seed < 0:
        raise YolopsError(
            f"no sample of {images} images of {size} pixels with seed {seed}",
            "train and val need one image at least, 32 pixels wide, and the seed may not be negative",
        )
    directory = directory.absolute()
    data_yaml = directory / "data.yaml"
    text = _description(images, size, seed)
    if data_yaml.is_file() and data_yaml.read_text(encoding="utf-8", errors="replace") == text:
        return data_yaml
    with whole_directory(directory) as partial:
        for split_number, (split, count) in enumerate(zip(SPLITS, images, strict=True)):
            (partial / "images" / split).mkdir(parents=True)
            (partial / "labels" / split).mkdir(parents=True)
            for number in range(count):
                # Each image has a generator of its own: more images of one split change none of another.
                rng = np.random.default_rng([seed, split_number, number])
                picture, shapes = _draw(rng, size)
                picture.save(partial / "images" / split / f"{number:04d}.jpg", quality=92)
                lines = [label_line(shape.box, (size, size), NAMES.index(shape.box.name)) for shape in shapes]
                (partial / "labels" / split / f"{number:04d}.txt").write_text("".join(lines), encoding="utf-8")
        (partial / "data.yaml").write_text(text, encoding="utf-8")
    return data_yaml


def _description(images: tuple[int, int, int], size: int, seed: int) -> str:
    lines = [f"# yolops sample: {images[0]}, {images[1]}, {images[2]} images of {size} pixels, seed {seed}"]
    lines += [f"{split}: images/{split}" for split, count in zip(SPLITS, images, strict=True) if count]
    lines += ["names:", *(f"  {number}: {name}" for number, name in enumerate(NAMES))]
    return "\n".join(lines) + "\n"


def _draw(rng: np.random.Generator, size: int) -> tuple[Image.Image, list[_Shape]]:
    background = rng.integers(0, _DARKEST_SHAPE, 3)
    shapes: list[_Shape] = []
    for _ in range(int(rng.integers(1, MOST_SHAPES + 1))):
        box = _free_place(rng, size, [shape.box for shape in shapes])
        if box:
            shapes.append(_Shape(box, _contrasting(rng, background)))
    picture = Image.new("RGB", (size * _SCALE, size * _SCALE), tuple(int(value) for value in background))
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        _draw_shape(pen, shape)
    pixels = np.asarray(picture.resize((size, size), Image.Resampling.BOX), dtype=np.float64)
    noise = rng.normal(0, rng.uniform(2, 12), pixels.shape)
    slope = np.linspace(-1, 1, size)[:, None, None] * rng.uniform(-20, 20)
    return Image.fromarray(np.clip(pixels + noise + slope, 0, 255).astype(np.uint8)), shapes


def _free_place(rng: np.random.Generator, size: int, taken: list[Box]) -> Box | None:
    for _ in range(20):
        side = float(np.round(rng.uniform(_SMALLEST, _LARGEST) * size))
        left, top = np.round(rng.uniform(1, size - side - 1, 2)).tolist()
        name = NAMES[int(rng.integers(len(NAMES)))]
        box = Box(name, left, top, left + side, top + side)
        if not any(_overlap(box, other) for other in taken):
            return box
    return None


def _overlap(one: Box, other: Box) -> bool:
    apart = one.right <= other.left or other.right <= one.left or one.bottom <= other.top or other.bottom <= one.top
    return not apart


def _contrasting(rng: np.random.Generator, background: NDArray[np.int64]) -> tuple[int, int, int]:
    while True:
        colour = rng.integers(0, 256, 3)
        if math.dist(colour.tolist(), background.tolist()) >= _LEAST_CONTRAST:
            return int(colour[0]), int(colour[1]), int(colour[2])


def _draw_shape(pen: ImageDraw.ImageDraw, shape: _Shape) -> None:
    box = shape.box
    # Pillow's right and bottom edges are drawn too.
    left, top = box.left * _SCALE, box.top * _SCALE
    right, bottom = box.right * _SCALE - 1, box.bottom * _SCALE - 1
    if box.name == "circle":
        pen.ellipse((left, top, right, bottom), fill=shape.colour)
    elif box.name == "square":
        pen.rectangle((left, top, right, bottom), fill=shape.colour)
    else:
        pen.polygon([((left + right) / 2, top), (right, bottom), (left, bottom)], fill=shape.colour)
