"""A CSV file with a box in each line, as TensorFlow has it: `filename,width,height,class,xmin,ymin,xmax,ymax`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.datasets.annotations import Annotated, Annotations, Box, split_named
from yolops.datasets.formats.documents import image_name, number
from yolops.datasets.formats.pictures import Pictures
from yolops.datasets.labels import TOLERANCE
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from pathlib import Path

ROBOFLOW = "_annotations.csv"
_COLUMNS = {
    "image": ("filename", "file_name", "image", "image_path", "path"),
    "label": ("class", "label", "class_name", "name"),
    "left": ("xmin", "x_min", "x1", "left"),
    "top": ("ymin", "y_min", "y1", "top"),
    "right": ("xmax", "x_max", "x2", "right"),
    "bottom": ("ymax", "y_max", "y2", "bottom"),
    "split": ("split", "subset", "set"),
}
_CORNERS = ("left", "top", "right", "bottom")
_NEEDED = ("image", "label", *_CORNERS)
_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class _Row:
    """A line: what it says of an image, and the corners of an object; none for a background."""

    line: int
    image: str
    split: str
    label: str
    corners: tuple[float, ...]


def is_csv(source: Path) -> bool:
    """Say whether a directory holds, or is, a `.csv` file of boxes."""
    return bool(_documents(source))


def read_csv(source: Path) -> Annotations:
    """Read CSV files of boxes.

    Args:
        source: the file, or the directory that holds it, or one for each split, and the images.

    Returns:
        The annotations, their class names in alphabetical order. Corners are pixels; where none in a file is above 1
        they are fractions of the image. A line without class and corners is a background.

    Raises:
        YolopsError: no file has the columns, one is malformed, or an image would lie outside the dataset.
    """
    documents = _documents(source)
    if not documents:
        what = f"{source}: no .csv file with a column for the image, the class and each corner"
        raise YolopsError(what, "call the columns filename, class, xmin, ymin, xmax, ymax")
    pictures = Pictures(source if source.is_dir() else source.parent)
    images: list[Annotated] = []
    for path, header in documents.items():
        images += _images(path, _rows(path, *header, pictures), pictures)
    names = sorted({box.name for image in images for box in image.boxes})
    return Annotations(tuple(names), tuple(images), tuple(pictures.findings))


def _documents(source: Path) -> dict[Path, tuple[str, dict[str, int]]]:
    """Return the files of boxes, with the separator of each, and which column is what."""
    if source.is_dir():
        found = [path for pattern in ("*.csv", "annotations/*.csv", f"*/{ROBOFLOW}") for path in source.glob(pattern)]
    else:
        found = [source] if source.suffix == ".csv" else []
    return {path: header for path in sorted(found) if (header := _header(path))}


def _header(path: Path) -> tuple[str, dict[str, int]] | None:
    """Return the separator, and which column is what; None if the first line does not name what is needed."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            line = file.readline(10_000)
    except OSError:
        return None
    for separator in _SEPARATORS:
        names = [name.strip().strip('"').casefold() for name in line.split(separator)]
        columns = {
            what: names.index(known)
            for what, all_known in _COLUMNS.items()
            for known in [next((name for name in all_known if name in names), "")]
            if known
        }
        if all(what in columns for what in _NEEDED):
            return separator, columns
    return None


def _rows(path: Path, separator: str, columns: dict[str, int], pictures: Pictures) -> list[_Row]:
    rows: list[_Row] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, delimiter=separator, strict=True)
            next(lines)
            for cells in filter(None, lines):
                where = f"{path}:{lines.line_num}"
                try:
                    rows.append(_row(cells, columns, where, lines.line_num))
                except ValueError as error:
                    what, fix = f"is left out ({error})", "give an image, a class and four corners"
                    pictures.warn("object-incomplete", where, what, fix)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise YolopsError(f"{path}: not a CSV file ({error})", "save it as CSV, UTF-8") from error
    return rows


def _row(cells: list[str], columns: dict[str, int], where: str, line: int) -> _Row:
    texts = {what: cells[column].strip() if column < len(cells) else "" for what, column in columns.items()}
    image = image_name(texts["image"], where)
    label, written = texts["label"], [texts[corner] for corner in _CORNERS]
    corners = () if not label and not any(written) else tuple(map(number, written))
    if corners and not label:
        raise ValueError("no class")
    return _Row(line, image, texts.get("split", ""), label, corners)


def _images(path: Path, rows: list[_Row], pictures: Pictures) -> list[Annotated]:
    own = path.parent.name if path.name == ROBOFLOW else path.stem
    # A box in pixels of which all corners are below this is smaller than a pixel.
    fractions = all(corner <= 1 + TOLERANCE for row in rows for corner in row.corners)
    images: list[Annotated] = []
    near = (path.parent, path.parent / "images", path.parent / own, path.parent / "images" / own)
    for name, lines in _by_image(rows).items():
        image = pictures.find(name, *near)
        size = pictures.measured(image, name)
        if image is None or size is None:
            continue
        scale = (*size, *size) if fractions else (1, 1, 1, 1)
        boxes = [
            Box(row.label, *(corner * side for corner, side in zip(row.corners, scale, strict=True)))
            for row in lines
            if row.corners
        ]
        images.append(Annotated(image, name, split_named(lines[0].split or own), size, tuple(boxes)))
    return images


def _by_image(rows: list[_Row]) -> dict[str, list[_Row]]:
    images: dict[str, list[_Row]] = {}
    for row in rows:
        images.setdefault(row.image, []).append(row)
    return images
