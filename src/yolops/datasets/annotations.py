"""What other formats say, in the one form that all of them can be brought to: images, and boxes in pixels."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from yolops.datasets.images import FORMATS, opened, shown_size
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A side shorter than this is a slip of the mouse, or a box that lay outside the image.
LEAST_SIDE = 1.0
# Of an image set without lists, what goes to val.
VAL_SHARE = 0.2
# Rounding moves a side by less than this many pixels; nobody needs to hear of it.
_ROUNDING = 0.01
# Not within a word: `latest.json` is of no split. `trainval` is what VOC calls both together.
_SPLITS = re.compile(r"(?<![a-z])(?:mini)?(train|val|test)(?:ing|val|id|idation)?(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Box:
    """An object: its class by name, and its corners in pixels from the top left of the image."""

    name: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Annotated:
    """An image and its objects.

    Attributes:
        image: the path of the image.
        name: where it goes below `images/<split>`: a relative path with forward slashes.
        split: `train`, `val` or `test`.
        size: width and height in pixels, from the image itself.
        boxes: its objects; none for a background.
    """

    image: Path
    name: str
    split: str
    size: tuple[int, int]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Annotations:
    """A whole dataset in another format: its class names in order, its images, and what was odd about it."""

    names: tuple[str, ...]
    images: tuple[Annotated, ...]
    findings: tuple[Finding, ...]


def clipped(box: Box, size: tuple[int, int]) -> Box | None:
    """Cut a box to the image; nothing if less than a pixel of it is left.

    Args:
        box: the box, in pixels.
        size: width and height of the image, in pixels.
    """
    corners = (box.left, box.top, box.right, box.bottom)
    if not all(map(math.isfinite, corners)):
        return None
    width, height = size
    left, right = max(box.left, 0.0), min(box.right, float(width))
    top, bottom = max(box.top, 0.0), min(box.bottom, float(height))
    if min(right - left, bottom - top) < LEAST_SIDE - _ROUNDING:
        return None
    return Box(box.name, left, top, right, bottom)


def cut(image: Annotated) -> tuple[Annotated, list[Finding]]:
    """Cut all boxes of an image to it, and say which were cut and which are left out."""
    boxes: list[Box] = []
    findings: list[Finding] = []
    for box in image.boxes:
        inside = clipped(box, image.size)
        if inside is None:
            what, fix = f"a box of {box.name} has no area inside the image and is left out", "correct it"
            findings.append(Finding(Severity.WARNING, "box-left-out", str(image.image), what, fix))
            continue
        moved = (box.left - inside.left, box.top - inside.top, box.right - inside.right, box.bottom - inside.bottom)
        if max(map(abs, moved)) > _ROUNDING:
            what, fix = f"a box of {box.name} reached beyond the image and was cut", "nothing"
            findings.append(Finding(Severity.INFO, "box-clipped", str(image.image), what, fix))
        boxes.append(inside)
    return replace(image, boxes=tuple(boxes)), findings


def box_around(name: str, points: Sequence[tuple[float, float]]) -> Box:
    """Return the upright box around points, in pixels; there is at least one."""
    xs, ys = zip(*points, strict=True)
    return Box(name, min(xs), min(ys), max(xs), max(ys))


def box_around_turned(name: str, box: Box, degrees: float, pivot: tuple[float, float]) -> Box:
    """Return the upright box around one that is turned clockwise about a point, in pixels."""
    if not degrees:
        return Box(name, box.left, box.top, box.right, box.bottom)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(x - pivot[0], y - pivot[1]) for x in (box.left, box.right) for y in (box.top, box.bottom)]
    turned = [(pivot[0] + x * cosine - y * sine, pivot[1] + x * sine + y * cosine) for x, y in corners]
    return box_around(name, turned)


def box_around_ellipse(name: str, centre: tuple[float, float], radii: tuple[float, float], degrees: float) -> Box:
    """Return the upright box around an ellipse that is turned about its centre, in pixels."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across, down = math.hypot(radii[0] * cosine, radii[1] * sine), math.hypot(radii[0] * sine, radii[1] * cosine)
    return Box(name, centre[0] - across, centre[1] - down, centre[0] + across, centre[1] + down)


def split_named(text: str) -> str:
    """Return the split that a name such as `instances_val2017` or `valid` speaks of; `train` if none."""
    found = _SPLITS.search(text)
    return found[1].lower() if found else "train"


def label_line(box: Box, size: tuple[int, int], number: int) -> str:
    """Write a box as a line of a YOLO label file.

    Args:
        box: the box, in pixels, inside the image.
        size: width and height of the image, in pixels.
        number: the class.
    """
    width, height = size
    values = (
        (box.left + box.right) / 2 / width,
        (box.top + box.bottom) / 2 / height,
        (box.right - box.left) / width,
        (box.bottom - box.top) / height,
    )
    return " ".join([str(number), *(f"{value:.6f}" for value in values)]) + "\n"


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height of an image in pixels as it is shown, from its header.

    Raises:
        OSError: it is no image that can be read.
    """
    try:
        with opened(path) as file, Image.open(file, formats=FORMATS) as image:
            return shown_size(image)
    except OSError:
        raise
    except Exception as error:  # decoders raise anything on broken data
        raise OSError(f"damaged ({error})") from error


def chosen_for_val(count: int) -> frozenset[int]:
    """Choose which of `count` images go to val: a fifth, at least one of two, at random but always the same."""
    share = min(max(1, round(count * VAL_SHARE)), count - 1) if count > 1 else 0
    return frozenset(np.random.default_rng(0).permutation(count)[:share].tolist())


def with_val(images: Sequence[Annotated]) -> tuple[Annotated, ...]:
    """Move a fifth of train to val."""
    train = [index for index, image in enumerate(images) if image.split == "train"]
    moved = {train[chosen] for chosen in chosen_for_val(len(train))}
    return tuple(replace(image, split="val") if index in moved else image for index, image in enumerate(images))
