"""COCO: `instances_*.json`, with images, annotations, categories; also Roboflow's `<split>/_annotations.coco.json`."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from yolops.datasets.annotations import Annotated, Annotations, Box, image_size, with_val
from yolops.datasets.splits import is_image
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

ROBOFLOW = "_annotations.coco.json"


def is_coco(source: Path) -> bool:
    """Say whether a directory, or a `.json` file, looks like COCO."""
    return bool(_documents(source))


def read_coco(source: Path, *, seed: int = 0) -> Annotations:
    """Read a directory in COCO format.

    Args:
        source: the directory, or one JSON file.
        seed: what decides which images go to val where no file says it.

    Returns:
        The annotations, their class names in the order of the category ids. Groups (`iscrowd`) are left out.

    Raises:
        YolopsError: there are no annotations, they are malformed, or an image would lie outside the dataset.
    """
    documents = _documents(source)
    if not documents:
        raise YolopsError(f"{source}: no instances_*.json", "give the directory that holds annotations/")
    names: tuple[str, ...] | None = None
    findings: list[Finding] = []
    images: list[Annotated] = []
    for path in documents:
        content = _load(path)
        categories = _categories(path, content)
        names = names or tuple(categories.values())
        if names != tuple(categories.values()):
            raise YolopsError(f"{path}: other categories than {documents[0].name}", "use the same ones in every split")
        boxes, found = _boxes(path, content, categories)
        findings += found
        images += _images(path, content, boxes, findings)
    if not any(image.split == "val" for image in images):
        what = f"no file for val, so a fifth of train was taken (seed {seed})"
        findings.append(Finding(Severity.INFO, "val-chosen", str(source), what, "add instances_val.json"))
        images = list(with_val(images, seed))
    return Annotations(names or (), tuple(images), tuple(findings))


def _documents(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix == ".json" else []
    for pattern in ("annotations/instances_*.json", "instances_*.json", f"*/{ROBOFLOW}", "annotations/*.json"):
        found = sorted(source.glob(pattern))
        if found:
            return found
    return []


def _split(path: Path) -> str:
    words = path.parent.name if path.name == ROBOFLOW else path.stem
    return next((split for split in ("train", "val", "test") if split in words.lower()), "train")


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise YolopsError(f"{path}: not JSON ({error})", "fetch it again") from error
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list) and all(isinstance(item, dict) for item in content[key])
        for key in ("images", "annotations", "categories")
    ):
        raise YolopsError(
            f"{path}: not COCO: it lacks the lists images, annotations and categories", "give another file"
        )
    return content


def _categories(path: Path, content: dict[str, Any]) -> dict[int, str]:
    categories = {item.get("id"): item.get("name") for item in content["categories"]}
    if not categories or not all(isinstance(key, int) and isinstance(name, str) for key, name in categories.items()):
        raise YolopsError(f"{path}: a category without a number or a name", "give each one an id and a name")
    return dict(sorted(categories.items()))


def _boxes(
    path: Path, content: dict[str, Any], categories: dict[int, str]
) -> tuple[dict[Any, list[Box]], list[Finding]]:
    boxes: dict[Any, list[Box]] = defaultdict(list)
    findings: list[Finding] = []
    for item in content["annotations"]:
        where = f"{path} (annotation {item.get('id')})"
        if item.get("iscrowd"):
            what, fix = "marks a group, not an object, so it is left out", "nothing"
            findings.append(Finding(Severity.INFO, "group-left-out", where, what, fix))
            continue
        name, bbox, image = categories.get(_hashable(item.get("category_id"))), item.get("bbox"), item.get("image_id")
        numbers = isinstance(bbox, list) and len(bbox) == 4 and all(_is_number(value) for value in bbox)
        if name is None or not numbers or not isinstance(image, int | str):
            what, fix = "has no image, no known category or no box, so it is left out", "complete it"
            findings.append(Finding(Severity.WARNING, "object-incomplete", where, what, fix))
            continue
        x, y, width, height = map(float, item["bbox"])
        boxes[image].append(Box(name, x, y, x + width, y + height))
    return boxes, findings


def _images(
    path: Path, content: dict[str, Any], boxes: dict[Any, list[Box]], findings: list[Finding]
) -> Iterator[Annotated]:
    split = _split(path)
    taken: set[str] = set()
    for item in content["images"]:
        name = _safe_name(path, item.get("file_name"))
        if name in taken:
            what, fix = f"lists {name} twice; the second is left out", "list each image once"
            findings.append(Finding(Severity.WARNING, "image-listed-twice", str(path), what, fix))
            continue
        taken.add(name)
        image = _find(path, name)
        try:
            size = image_size(image)
        except OSError as error:
            what, fix = f"cannot be read ({error.strerror or error}), so it is left out", "bring it back"
            findings.append(Finding(Severity.WARNING, "image-unreadable", str(image), what, fix))
            continue
        yield Annotated(image, name, split, size, tuple(boxes.get(_hashable(item.get("id")), ())))


def _safe_name(path: Path, name: object) -> str:
    """Return a file name that stays inside the dataset, for reading as for writing."""
    if isinstance(name, str) and is_image(name) and not set(name) & {"\\", "\0", ":"}:
        pure = PurePosixPath(name)
        if not pure.is_absolute() and ".." not in pure.parts:
            return pure.as_posix()
    raise YolopsError(
        f"{path}: the file name {str(name)[:80]!r} is not that of an image inside the dataset", "correct `file_name`"
    )


def _find(document: Path, name: str) -> Path:
    parent = document.parent
    top = parent.parent if parent.name == "annotations" else parent
    own = document.stem.removeprefix("instances_")
    places = (parent, top / "images" / own, top / own, top / "images", top / "JPEGImages", top)
    return next((place / name for place in places if (place / name).is_file()), top / name)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _hashable(value: object) -> Any:
    return value if isinstance(value, int | str) else None
