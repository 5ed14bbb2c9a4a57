"""CVAT's own XML, "CVAT for images 1.1": `annotations.xml`, and `images/` where they were exported too.

It is read as a stream: a project of many tasks is one file of some hundred megabytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yolops.datasets.annotations import (
    Annotated,
    Annotations,
    Box,
    box_around,
    box_around_ellipse,
    box_around_turned,
    split_named,
)
from yolops.datasets.formats.documents import PlainTarget, image_name, number, parse_xml, starts_with
from yolops.datasets.formats.pictures import Pictures
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "annotations.xml"
# A hundred thousand images with twenty objects each.
MAX_XML_BYTES = 1024 * 1024 * 1024
_LABEL = ["label", "name"]
# What has no box of its own: lines and single points, a cuboid's projection, a skeleton.
_WITHOUT_BOX = frozenset(("polyline", "points", "cuboid", "skeleton"))
_SHAPES = frozenset(("box", "polygon", "ellipse", "mask")) | _WITHOUT_BOX


def is_cvat(source: Path) -> bool:
    """Say whether a directory, or an `.xml` file, looks like CVAT's."""
    path = _document(source)
    if not path.is_file() or not starts_with(path, b"<"):
        return False
    with path.open("rb") as file:
        return b"<annotations>" in file.read(1024)


def read_cvat(source: Path) -> Annotations:
    """Read CVAT's XML for images.

    Args:
        source: the file, or the directory that holds it as `annotations.xml`.

    Returns:
        The annotations, their class names in CVAT's order. Turned boxes, polygons, ellipses and masks become the
        upright box around them; lines, points, cuboids and skeletons are left out.

    Raises:
        YolopsError: it is not such a file, is of a video, or an image would lie outside the dataset.
    """
    path = _document(source)
    seen = parse_xml(path, _Target(path), most_bytes=MAX_XML_BYTES)
    pictures = Pictures(path.parent)
    images = []
    for attributes, boxes in seen.images:
        name = image_name(attributes.get("name"), str(path))
        subset = attributes.get("subset", "")
        # A project's images lie in a directory for each subset.
        inside = image_name(f"{subset}/{name}", str(path)) if subset else name
        image = pictures.find(inside, path.parent / "images") or pictures.find(name, path.parent / "images")
        size = pictures.measured(image, name)
        if image is None or size is None:
            continue
        written = (attributes.get("width", ""), attributes.get("height", ""))
        if written != (str(size[0]), str(size[1])):
            what = f"is {size[0]}x{size[1]}, but CVAT saw {written[0][:20]}x{written[1][:20]}"
            fix = "look at some of its boxes: they may be of another version of the image"
            pictures.warn("size-differs", image, what, fix)
        images.append(Annotated(image, name, split_named(subset), size, tuple(boxes)))
    used = {box.name for image in images for box in image.boxes}
    names = dict.fromkeys([*seen.names, *sorted(used)])
    return Annotations(tuple(names), tuple(images), (*seen.findings, *pictures.findings))


class _Target(PlainTarget):
    """Takes from a stream of XML the labels, and the images with their boxes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[str] = []
        self._text: list[str] = []
        self.names: list[str] = []
        self.images: list[tuple[Mapping[str, str], list[Box]]] = []
        self.findings: list[Finding] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not self._open and tag != "annotations":
            raise ValueError(f"it begins with {tag[:40]}, not with annotations")
        if tag == "track":
            what = f"{self._path}: CVAT for video, whose tracks are not images"
            raise YolopsError(what, "export the task as `CVAT for images 1.1`")
        if tag == "image" and len(self._open) == 1:
            self.images.append((attributes, []))
        elif len(self._open) == 2 and self._open[1] == "image" and tag in _SHAPES:
            self._add(tag, attributes)
        self._open.append(tag)
        self._text.clear()

    def data(self, text: str) -> None:
        if self._open[-2:] == _LABEL:
            self._text.append(text)

    def end(self, _tag: str) -> None:
        name = "".join(self._text).strip()
        if self._open[-2:] == _LABEL and name:
            self.names.append(name)
        self._open.pop()

    def close(self) -> _Target:
        return self

    def _add(self, tag: str, attributes: Mapping[str, str]) -> None:
        image, boxes = self.images[-1]
        where, name = f"{self._path} ({image.get('name', '')[:200]})", attributes.get("label", "").strip()
        if tag in _WITHOUT_BOX:
            what = f"a {tag} of {name[:80]} has no box and is left out"
            self.findings.append(Finding(Severity.WARNING, "object-left-out", where, what, "draw a box in CVAT"))
            return
        try:
            if not name:
                raise ValueError("no label")
            boxes.append(_box(tag, name, attributes))
        except ValueError as error:
            what = f"a {tag} without a label or with a coordinate that is none is left out ({error})"
            self.findings.append(Finding(Severity.WARNING, "object-incomplete", where, what, "complete it"))


def _box(tag: str, name: str, attributes: Mapping[str, str]) -> Box:
    def values(*keys: str) -> list[float]:
        return [number(attributes.get(key, "")) for key in keys]

    degrees = number(attributes.get("rotation", 0))
    if tag == "polygon":
        pairs = [pair.split(",") for pair in attributes.get("points", "").split(";")]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("points are not pairs")
        return box_around(name, [(number(x), number(y)) for x, y in pairs])
    if tag == "ellipse":
        x, y, across, down = values("cx", "cy", "rx", "ry")
        return box_around_ellipse(name, (x, y), (across, down), degrees)
    if tag == "mask":
        left, top, width, height = values("left", "top", "width", "height")
        return Box(name, left, top, left + width, top + height)
    box = Box(name, *values("xtl", "ytl", "xbr", "ybr"))
    return box_around_turned(name, box, degrees, ((box.left + box.right) / 2, (box.top + box.bottom) / 2))


def _document(source: Path) -> Path:
    return source / NAME if source.is_dir() else source
