"""Label Studio's JSON: a list of tasks, each with an image and what was drawn on it, in percent of the image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from yolops.datasets.annotations import Annotated, Annotations, Box, box_around, box_around_ellipse, box_around_turned
from yolops.datasets.formats.documents import image_name, number, read_json, starts_with
from yolops.datasets.formats.pictures import Pictures
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from pathlib import Path

# What Label Studio puts in front of the name of an uploaded file.
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
# How a result carries coordinates, whether its labels are called `rectanglelabels` or only `labels`.
_RECTANGLE, _ELLIPSE = {"x", "y", "width", "height"}, {"x", "y", "radiusX", "radiusY"}


def is_label_studio(source: Path) -> bool:
    """Say whether a directory, or a `.json` file, looks like Label Studio's."""
    return bool(_documents(source))


def read_label_studio(source: Path) -> Annotations:
    """Read Label Studio's JSON export.

    Args:
        source: the file, or the directory that holds it and the images.

    Returns:
        The annotations, their class names in alphabetical order. Turned boxes, polygons and ellipses become the upright
        box around them. Of several annotations of a task the one marked as ground truth is taken, or the first.

    Raises:
        YolopsError: it is not such a file, holds brush masks, or an image would lie outside the dataset.
    """
    documents = _documents(source)
    if not documents:
        raise YolopsError(f"{source}: no .json file with a list of tasks", "export as JSON from Label Studio")
    pictures = Pictures(source if source.is_dir() else source.parent)
    images: dict[Path, Annotated] = {}
    for path in documents:
        for index, task in enumerate(_tasks(path), start=1):
            where = f"{path} (task {str(task.get('id', index))[:40]})"
            name = _name(task, where)
            image = _find(pictures, name)
            size = pictures.measured(image, name)
            if image is None or size is None:
                continue
            if image in images:
                what = f"annotates {name} again, and is left out"
                pictures.warn("image-listed-twice", where, what, "keep one task for each image")
                continue
            boxes = tuple(_boxes(task, size, where, pictures))
            images[image] = Annotated(image, image.name, "train", size, boxes)
    names = sorted({box.name for item in images.values() for box in item.boxes})
    return Annotations(tuple(names), tuple(images.values()), tuple(pictures.findings))


def _documents(source: Path) -> list[Path]:
    found = sorted(source.glob("*.json")) if source.is_dir() else [source] if source.suffix == ".json" else []
    return [path for path in found if starts_with(path, b"[")]


def _tasks(path: Path) -> list[dict[str, Any]]:
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(task.get("annotations"), list)
        for task in tasks
    ):
        what = f"{path}: not Label Studio's JSON: a task needs data and annotations"
        raise YolopsError(what, "export as JSON, not as JSON-MIN or CSV")
    return tasks


def _name(task: dict[str, Any], where: str) -> str:
    """Return the name of a task's image: the last part of its address, whichever way Label Studio got it."""
    for value in task["data"].values():
        if not isinstance(value, str):
            continue
        try:
            address = urlsplit(value)
        except ValueError:
            continue
        local = parse_qs(address.query).get("d", [""])[0]  # /data/local-files/?d=photos/a.jpg
        name = local or unquote(address.path)
        try:
            return image_name(name.rpartition("/")[2], where)
        except YolopsError:
            continue
    raise YolopsError(f"{where}: no address of an image", "export a project whose tasks are images")


def _find(pictures: Pictures, name: str) -> Path | None:
    near = ("images", "upload")
    for candidate in (name, _UPLOAD.sub("", name)):
        if found := pictures.find(candidate, *(pictures.root / place for place in near)):
            return found
    return None


def _boxes(task: dict[str, Any], size: tuple[int, int], where: str, pictures: Pictures) -> list[Box]:
    made = [item for item in task["annotations"] if isinstance(item, dict) and not item.get("was_cancelled")]
    if not made:
        what = "nobody has annotated this task, so its image counts as background"
        pictures.warn("image-unlabelled", where, what, "annotate it")
        return []
    chosen = next((item for item in made if item.get("ground_truth")), made[0])
    if len(made) > 1:
        what = f"{len(made)} annotations, of which one is taken"
        pictures.warn("annotated-twice", where, what, "mark one as ground truth")
    results = chosen.get("result")
    boxes: list[Box] = []
    for result in results if isinstance(results, list) else []:
        if not isinstance(result, dict):
            continue
        kind, value = str(result.get("type")), result.get("value")
        if kind in {"brushlabels", "brush"}:
            what = f"{where}: a brush mask (RLE), which is not read"
            raise YolopsError(what, "export the project as COCO with masks, or draw boxes")
        if not isinstance(value, dict) or kind in {"choices", "textarea", "rating", "relation"}:
            continue  # says something about the image, not where an object is
        try:
            boxes += _drawn(kind, value, size)
        except ValueError as error:
            what = f"a {kind[:40]} is left out ({error})"
            pictures.warn("object-incomplete", where, what, "draw a box, a polygon or an ellipse, and give it a label")
    return boxes


def _drawn(kind: str, value: dict[str, Any], size: tuple[int, int]) -> list[Box]:
    """Return the boxes of one shape: as many as it has labels."""
    labels = value.get(kind)
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label for label in labels):
        raise ValueError("it has no label")
    across, down = size[0] / 100, size[1] / 100
    degrees = number(value.get("rotation", 0))

    def read(*keys: str) -> list[float]:
        return [number(value[key]) * (across if key in {"x", "width", "radiusX"} else down) for key in keys]

    if value.keys() >= _RECTANGLE:
        x, y, width, height = read("x", "y", "width", "height")
        # Label Studio turns a rectangle about its upper left corner.
        return [box_around_turned(label, Box(label, x, y, x + width, y + height), degrees, (x, y)) for label in labels]
    if value.keys() >= _ELLIPSE:
        x, y, radius, other = read("x", "y", "radiusX", "radiusY")
        return [box_around_ellipse(label, (x, y), (radius, other), degrees) for label in labels]
    points = value.get("points")
    if not isinstance(points, list) or not points:
        raise ValueError("it is no box, polygon or ellipse")
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("a point needs x and y")
    corners = [(number(x) * across, number(y) * down) for x, y in points]
    return [box_around(label, corners) for label in labels]
