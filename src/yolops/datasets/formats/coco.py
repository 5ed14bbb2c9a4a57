"""COCO: `instances_*.json`, with images, annotations, categories; also Roboflow's `<split>/_annotations.coco.json`."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from yolops.datasets.annotations import Annotated, Annotations, Box, box_around, split_named
from yolops.datasets.formats.documents import image_name, number, read_json, starts_with
from yolops.datasets.formats.masks import box_around_mask
from yolops.datasets.formats.pictures import Pictures
from yolops.datasets.placing import place
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROBOFLOW = "_annotations.coco.json"
# Label Studio calls its export `result.json`.
_PATTERNS = (
    "annotations/instances_*.json",
    "instances_*.json",
    f"*/{ROBOFLOW}",
    "annotations/*.json",
    ROBOFLOW,
    "result.json",
)
# Millionths of a pixel: what they take away is less than the sixth digit of a YOLO label.
_DIGITS = 6


def is_coco(source: Path) -> bool:
    """Say whether a directory, or a `.json` file, looks like COCO."""
    return bool(_documents(source))


def read_coco(source: Path) -> Annotations:
    """Read a directory in COCO format.

    Args:
        source: the directory, or one JSON file.

    Returns:
        The annotations, their class names in the order of the category ids. Groups (`iscrowd`) are left out. An object
        without a box gets the one around its polygons or its mask.

    Raises:
        YolopsError: there are no annotations, they are malformed, or an image would lie outside the dataset.
    """
    documents = _documents(source)
    if not documents:
        raise YolopsError(f"{source}: no instances_*.json", "give the directory that holds annotations/")
    names: tuple[str, ...] | None = None
    findings: list[Finding] = []
    images: list[Annotated] = []
    pictures = Pictures(source if source.is_dir() else source.parent)
    for path in documents:
        content = _load(path)
        categories = _categories(path, content)
        names = names or tuple(categories.values())
        if names != tuple(categories.values()):
            raise YolopsError(f"{path}: other categories than {documents[0].name}", "use the same ones in every split")
        boxes, found = _boxes(path, content, categories)
        findings += found
        images += _images(path, content, boxes, pictures)
    return Annotations(names or (), tuple(images), (*findings, *pictures.findings))


def write_coco(annotations: Annotations, directory: Path) -> None:
    """Write a dataset in COCO format, a file for each split.

    Args:
        annotations: its images, with boxes inside them.
        directory: where it goes.
    """
    ids = {name: index for index, name in enumerate(annotations.names, start=1)}
    (directory / "annotations").mkdir()
    for split in sorted({item.split for item in annotations.images}):
        images: list[dict[str, Any]] = []
        objects: list[dict[str, Any]] = []
        for item in (item for item in annotations.images if item.split == split):
            place(item.image, directory / "images" / split / item.name, symbolic=False)
            size = {"width": item.size[0], "height": item.size[1]}
            images.append({"id": len(images) + 1, "file_name": item.name, **size})
            objects += (_object(box, ids[box.name], len(images)) for box in item.boxes)
        content = {
            "images": images,
            "annotations": [{"id": index, **value} for index, value in enumerate(objects, start=1)],
            "categories": [{"id": index, "name": name} for name, index in ids.items()],
        }
        path = directory / "annotations" / f"instances_{split}.json"
        path.write_text(json.dumps(content), encoding="utf-8")


def _object(box: Box, category: int, image: int) -> dict[str, Any]:
    width, height = box.right - box.left, box.bottom - box.top
    return {
        "image_id": image,
        "category_id": category,
        "bbox": [round(value, _DIGITS) for value in (box.left, box.top, width, height)],
        "area": round(width * height, _DIGITS),
        "iscrowd": 0,
        "segmentation": [],
    }


def _documents(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix == ".json" and starts_with(source, b"{") else []
    return next((found for pattern in _PATTERNS if (found := sorted(source.glob(pattern)))), [])


def _load(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list) and all(isinstance(item, dict) for item in content[key])
        for key in ("images", "annotations", "categories")
    ):
        raise YolopsError(
            f"{path}: not COCO: it lacks the lists images, annotations and categories", "give another file"
        )
    return content


def _categories(path: Path, content: dict[str, Any]) -> dict[int, str]:
    categories = {_hashable(item.get("id")): item.get("name") for item in content["categories"]}
    whole = len(categories) == len(content["categories"]) and len(set(map(str, categories.values()))) == len(categories)
    if not whole or not all(
        isinstance(key, int) and name and isinstance(name, str) for key, name in categories.items()
    ):
        raise YolopsError(
            f"{path}: categories without a number or a name, or two with the same", "give each one an id and a name"
        )
    return dict(sorted(categories.items()))


def _boxes(
    path: Path, content: dict[str, Any], categories: dict[int, str]
) -> tuple[dict[Any, list[Box]], list[Finding]]:
    boxes: dict[Any, list[Box]] = defaultdict(list)
    findings: list[Finding] = []
    for item in content["annotations"]:
        where = f"{path} (annotation {str(item.get('id'))[:40]})"
        if item.get("iscrowd"):
            what, fix = "marks a group, not an object, so it is left out", "nothing"
            findings.append(Finding(Severity.INFO, "group-left-out", where, what, fix))
            continue
        try:
            boxes[_image_of(item)].append(_box(item, categories))
        except ValueError as error:
            what = f"has no image, no known category or no box, so it is left out ({error})"
            findings.append(Finding(Severity.WARNING, "object-incomplete", where, what, "complete it"))
    return boxes, findings


def _image_of(item: dict[str, Any]) -> int | str:
    image = item.get("image_id")
    if not isinstance(image, int | str):
        raise ValueError("no image_id")
    return image


def _box(item: dict[str, Any], categories: dict[int, str]) -> Box:
    name = categories.get(_hashable(item.get("category_id")))
    if name is None:
        raise ValueError("no known category")
    bbox, outline = item.get("bbox"), item.get("segmentation")
    if isinstance(bbox, list) and len(bbox) == 4:
        left, top, width, height = map(_exact, bbox)
        if not outline or (width > 0 and height > 0):
            return Box(name, left, top, left + width, top + height)
    if isinstance(outline, dict):
        return Box(name, *box_around_mask(outline))
    if not isinstance(outline, list) or not all(isinstance(part, list) and not len(part) % 2 for part in outline):
        raise ValueError("no bbox of four numbers")
    flat = [_exact(value) for part in outline for value in part]
    if not flat:
        raise ValueError("no bbox of four numbers")
    return box_around(name, list(zip(flat[0::2], flat[1::2], strict=True)))


def _images(
    path: Path, content: dict[str, Any], boxes: dict[Any, list[Box]], pictures: Pictures
) -> Iterator[Annotated]:
    split = split_named(path.parent.name if path.name == ROBOFLOW else path.stem)
    parent = path.parent
    top = parent.parent if parent.name == "annotations" else parent
    own = path.stem.removeprefix("instances_")
    near = (parent, top / "images" / own, top / own, top / "images", top / "JPEGImages", top)
    taken: set[str] = set()
    for item in content["images"]:
        name = image_name(item.get("file_name"), str(path))
        if name in taken:
            what, fix = f"lists {name} twice; the second is left out", "list each image once"
            pictures.warn("image-listed-twice", path, what, fix)
            continue
        taken.add(name)
        image = pictures.find(name, *near)
        size = pictures.measured(image, name)
        if image and size:
            yield Annotated(image, name, split, size, tuple(boxes.get(_hashable(item.get("id")), ())))


def _exact(value: object) -> float:
    if isinstance(value, str):
        raise ValueError("text instead of a number")
    return number(value)


def _hashable(value: object) -> Any:
    return value if isinstance(value, int | str) else None
