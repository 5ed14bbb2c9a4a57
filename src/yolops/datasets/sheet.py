"""A contact sheet: some images of a dataset with their objects drawn on them, as the trainer sees them."""

from __future__ import annotations

import colorsys
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from yolops.datasets.fingerprint import shared_name
from yolops.datasets.images import FORMATS, opened, quiet_decoding, shown_size, undecoded
from yolops.datasets.letters import font, is_drawn
from yolops.datasets.shapes import Shape, keypoints_of, shapes_of
from yolops.datasets.splits import ImagePaths
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yolops.datasets.description import Dataset

# More pictures than a person looks at, and 75 MB of pixels.
MOST_PICTURES = 100
TILE_PIXELS = 480
_GAP, _CAPTION, _LINE = 12, 20, 2
_PAPER, _INK, _EMPTY = (250, 250, 250), (30, 30, 30), (225, 225, 225)
_TEXT, _TAG = 13, 11
_Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Picked:
    """An image for the sheet: its path, the split it is in, and its objects."""

    image: str
    split: str
    shapes: tuple[Shape, ...]


def pick(dataset: Dataset, count: int, *, seed: int = 0, split: str = "", name: str = "") -> list[Picked]:
    """Choose images by chance.

    Args:
        dataset: what `read_dataset` returned.
        count: how many, at most.
        seed: the same one chooses the same images.
        split: only images of this split.
        name: only images with an object of this class: its name or number.

    Returns:
        The images with their objects; fewer than `count` if there are no more.

    Raises:
        YolopsError: there is no such split or class, or no image.
    """
    if split and split not in dataset.splits:
        raise YolopsError(f"--split {split}: not in {dataset.source}", f"give one of {', '.join(dataset.splits)}")
    number = _number(dataset, name) if name else None
    splits = {split: dataset.splits[split]} if split else dataset.splits
    of = {image: part for part, members in reversed(list(splits.items())) for image in members.names}
    images = ImagePaths(of).names
    keypoints = keypoints_of(dataset.pose)
    picked: list[Picked] = []
    for row in np.random.default_rng(seed).permutation(len(images)).tolist():
        shapes = shapes_of(images[row], keypoints)
        if number is None or any(shape.number == number for shape in shapes):
            picked.append(Picked(images[row], of[images[row]], tuple(shapes)))
            if len(picked) == count:
                break
    if not picked:
        what = f"no image{f' of {split}' if split else ''}{f' shows {name}' if name else ''}"
        raise YolopsError(f"{dataset.source}: {what}", "see what there is: yolops dataset stats")
    return picked


def contact_sheet(dataset: Dataset, picked: Sequence[Picked]) -> Image.Image:
    """Draw images side by side, each with its objects, its name and its size, and below them the classes.

    One image is open at a time, JPEG is decoded to about the size of its place, and what Pillow finds too large is not
    decoded at all: the sheet says so.
    """
    columns = math.ceil(math.sqrt(len(picked)))
    rows = math.ceil(len(picked) / columns)
    width = columns * (TILE_PIXELS + _GAP) + _GAP
    counted = Counter(shape.number for item in picked for shape in item.shapes)
    legend = list(_legend(dataset.names, counted, width))
    below = rows * (TILE_PIXELS + _CAPTION + _GAP) + _GAP
    height = below + (legend[-1][1] + _CAPTION + _GAP if legend else 0)
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for index, item in enumerate(picked):
        left = _GAP + index % columns * (TILE_PIXELS + _GAP)
        top = _GAP + index // columns * (TILE_PIXELS + _CAPTION + _GAP)
        tile, said = _tile(item, dataset.names)
        corner = (left + (TILE_PIXELS - tile.width) // 2, top + (TILE_PIXELS - tile.height) // 2)
        pen.rectangle((left, top, left + TILE_PIXELS - 1, top + TILE_PIXELS - 1), fill=_EMPTY)
        sheet.paste(tile, corner)
        name = shared_name(item.image, f"{dataset.root}/")
        pen.text((left, top + TILE_PIXELS + 3), _shortened(f"{item.split}  {name}", said), _INK, font(_TEXT))
    for left, top, number, text in legend:
        pen.rectangle((left, below + top, left + _TEXT, below + top + _TEXT), fill=colour_of(number))
        pen.text((left + _TEXT + 6, below + top - 1), text, _INK, font(_TEXT))
    return sheet


def colour_of(number: int) -> tuple[int, int, int]:
    """Return the colour of a class: neighbours are far apart on the wheel, and every second round is darker."""
    hue = (0.97 + number * 0.618034) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 1.0 if number // 8 % 2 == 0 else 0.7)
    return round(red * 255), round(green * 255), round(blue * 255)


def shown(path: str, most: int) -> tuple[Image.Image, tuple[int, int]]:
    """Return an image as the trainer sees it, no side longer than `most` pixels, and its full size.

    Raises:
        Exception: of whatever kind the decoder found fitting; also for an image with too many pixels.
    """
    with quiet_decoding(), opened(path) as file, Image.open(file, formats=FORMATS) as image:
        size = shown_size(image)
        # Twice as large, so that reducing the rest is smooth.
        image.draft("RGB", (2 * most, 2 * most))
        turned = image.getexif()  # conversions lose it
        if image.mode.startswith("I;16"):
            small = image.point(lambda value: value / 256).convert("L")
        else:
            # Before it is reduced: what is transparent is shown by the trainer, and must not fade.
            small = image if image.mode in {"L", "RGB"} else image.convert("RGB")
        small.thumbnail((most, most))
        if image.format != "TIFF":  # which Pillow turns on its own
            small.getexif().update(turned)
            small = ImageOps.exif_transpose(small)
        return small.convert("RGB"), size


def _tile(item: Picked, names: Sequence[str]) -> tuple[Image.Image, str]:
    try:
        tile, size = shown(item.image, TILE_PIXELS)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on broken data, and the sheet shows the others
        tile = Image.new("RGB", (TILE_PIXELS, TILE_PIXELS), _EMPTY)
        reason = undecoded(error, item.image).what
        ImageDraw.Draw(tile).text((_GAP, TILE_PIXELS // 2), reason[:70], _INK, font(_TEXT))
        return tile, ""
    if (times := TILE_PIXELS // max(tile.size)) > 1:
        tile = tile.resize((tile.width * times, tile.height * times), Image.Resampling.NEAREST)
    _fill(tile, item.shapes)
    pen = ImageDraw.Draw(tile)
    for shape in item.shapes:
        shape.draw(pen, tile.size, colour_of(shape.number), _LINE)
    taken: list[_Rectangle] = []
    for shape in item.shapes:
        _tag(pen, shape, _name(names, shape.number), tile.size, taken)
    return tile, f"{size[0]}x{size[1]}"


def _fill(tile: Image.Image, shapes: Sequence[Shape]) -> None:
    """Tint what polygons outline; boxes hold too much else."""
    polygons = [shape for shape in shapes if len(shape.outline) > 4]
    if not polygons:
        return
    pen = ImageDraw.Draw(tile, "RGBA")
    for shape in polygons:
        corners = [(x * tile.width, y * tile.height) for x, y in shape.outline]
        pen.polygon(corners, fill=(*colour_of(shape.number), 70))


def _tag(
    pen: ImageDraw.ImageDraw,
    shape: Shape,
    name: str,
    size: tuple[int, int],
    taken: list[_Rectangle],
) -> None:
    """Write the name of an object on it where no other name is; of a crowd the colours tell."""
    across, down = pen.textlength(name, font(_TAG)) + 4, _TAG + 3
    xs, ys = [x * size[0] for x, _ in shape.outline], [y * size[1] for _, y in shape.outline]
    left = max(0.0, min(*xs, size[0] - across))
    for top in (min(ys) - down, min(ys), max(ys) - down, max(ys)):
        place = (left, top, left + across, top + down)
        free = all(
            place[2] <= other[0] or place[0] >= other[2] or place[3] <= other[1] or place[1] >= other[3]
            for other in taken
        )
        if free and 0 <= top <= size[1] - down:
            colour = colour_of(shape.number)
            pen.rectangle(place, fill=colour)
            red, green, blue = colour
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 140  # ITU-R BT.601
            pen.text((left + 2, top), name, (255, 255, 255) if dark else (0, 0, 0), font(_TAG))
            taken.append(place)
            return


def _legend(names: Sequence[str], counted: Counter[int], width: int) -> Iterator[tuple[int, int, int, str]]:
    """Yield where each class is named, from the left and the top, its number and what to say."""
    left, top = _GAP, 0
    for number, count in sorted(counted.items()):
        text = f"{_name(names, number)}  {count}"
        wide = _TEXT + 6 + round(font(_TEXT).getlength(text)) + 2 * _GAP
        if left > _GAP and left + wide > width:
            left, top = _GAP, top + _CAPTION
        yield left, top, number, text
        left += wide


def _name(names: Sequence[str], number: int) -> str:
    name = names[number][:40] if number < len(names) else ""
    return name if name and all(map(is_drawn, name)) else f"class {number}"


def _shortened(text: str, behind: str) -> str:
    text = "".join(letter if is_drawn(letter) else "?" for letter in text)
    start, kept = text[:8], text[8:]
    while kept and font(_TEXT).getlength(f"{text}  {behind}") > TILE_PIXELS:
        kept = kept[4:]
        text = f"{start}...{kept}"
    return f"{text}  {behind}"


def _number(dataset: Dataset, name: str) -> int:
    if name in dataset.names:
        return dataset.names.index(name)
    if name.isdecimal() and int(name) < len(dataset.names):
        return int(name)
    some = ", ".join(dataset.names[:10]) + (", ..." if len(dataset.names) > 10 else "")
    raise YolopsError(f"--class {name}: no class of {dataset.source}", f"give one of {some}")
