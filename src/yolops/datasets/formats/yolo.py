"""YOLO format itself, to be written and, for other formats, read; and Darknet's, with its classes in a text file.

Darknet's is what CVAT calls `YOLO 1.1` (`obj.names`, `obj_train_data/`, `train.txt`), and what Label Studio and
LabelImg call `YOLO` (`classes.txt`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from yolops.datasets.annotations import Annotated, Annotations, Box, label_line, split_named
from yolops.datasets.description import label_path, read_dataset, write_description
from yolops.datasets.examine import label_content
from yolops.datasets.formats.documents import image_name, lines_of
from yolops.datasets.formats.pictures import Pictures
from yolops.datasets.labels import parse
from yolops.datasets.placing import place
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Of CVAT, and of Label Studio and LabelImg.
_NAMES = ("obj.names", "classes.txt")
_LISTS = ("train.txt", "valid.txt", "val.txt", "validation.txt", "test.txt")


def is_yolo(source: Path) -> bool:
    """Say whether a directory, or a `.yaml` file, describes a dataset in YOLO format."""
    if source.is_file():
        return source.suffix in {".yaml", ".yml"}
    return any((source / name).is_file() for name in ("data.yaml", "data.yml"))


def read_yolo(source: Path) -> Annotations:
    """Read a dataset in YOLO format; its polygons and oriented boxes become the upright boxes around them.

    Raises:
        DescriptionError: see `read_dataset`; of the splits only train has to be there.
    """
    dataset = read_dataset(source, needs=("train",))
    pictures = Pictures(dataset.root)
    images = [
        _labelled(image, _below_split(image, dataset.root), split, dataset.names, pictures)
        for split, members in dataset.splits.items()
        for image in members
    ]
    return Annotations(dataset.names, tuple(filter(None, images)), (*dataset.findings, *pictures.findings))


def is_darknet(source: Path) -> bool:
    """Say whether a directory holds a list of classes as Darknet and LabelImg have it."""
    return any((source / name).is_file() for name in _NAMES)


def read_darknet(source: Path) -> Annotations:
    """Read a directory with a list of classes, images, a label file for each, and maybe lists of the splits.

    Raises:
        YolopsError: there is no list of classes, a list cannot be read, or it names an image outside the directory.
    """
    listed = next((source / name for name in _NAMES if (source / name).is_file()), None)
    if listed is None:
        raise YolopsError(f"{source}: neither obj.names nor classes.txt", "give the directory that holds it")
    names = tuple(lines_of(listed))
    pictures = Pictures(source)
    members: dict[Path, tuple[str, str]] = {}
    for path in [source / name for name in _LISTS if (source / name).is_file()]:
        for line, entry in enumerate(lines_of(path), start=1):
            name = image_name(entry.removeprefix("data/"), f"{path}:{line}")  # where Darknet is run
            image = pictures.find(name)
            if pictures.measured(image, name) and image is not None:
                members.setdefault(image, (_below_split(image, source), split_named(path.stem)))
    if not members:
        for image in pictures.every():
            inside = image.relative_to(source)
            members[image] = (_below_split(image, source), split_named(inside.parent.as_posix()))
    images = [_labelled(image, name, split, names, pictures) for image, (name, split) in members.items()]
    return Annotations(names, tuple(filter(None, images)), tuple(pictures.findings))


def write_yolo(annotations: Annotations, directory: Path) -> None:
    """Write a dataset in YOLO format: numbers of six digits.

    Args:
        annotations: its images, with boxes inside them.
        directory: where it goes.
    """
    numbers = {name: number for number, name in enumerate(annotations.names)}
    for item in annotations.images:
        link = directory / "images" / item.split / item.name
        place(item.image, link, symbolic=False)
        labels = label_path(link)
        labels.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(label_line(box, item.size, numbers[box.name]) for box in item.boxes)
        labels.write_text(text, encoding="utf-8")
    write_description(directory, annotations.names, {image.split for image in annotations.images})


def _below_split(image: Path, root: Path) -> str:
    """Return the name of an image below the directories that only say which split it is in."""
    inside = image.relative_to(root) if image.is_relative_to(root) else PurePath(image.name)
    parts = list(inside.parts)
    while len(parts) > 1 and parts[0] in {
        "images",
        "train",
        "valid",
        "val",
        "test",
        "obj_train_data",
        "obj_valid_data",
    }:
        del parts[0]
    return "/".join(parts)


def _labelled(image: Path, name: str, split: str, names: Sequence[str], pictures: Pictures) -> Annotated | None:
    size = pictures.measured(image, name)
    if size is None:
        return None
    beside = image.with_suffix(".txt")
    path = beside if beside.is_file() else label_path(image)
    try:
        content = label_content(path)
    except OSError:
        content = b""  # a background
    labels = parse(content, where=str(path), classes=len(names), size=size)
    for finding in labels.findings:
        if finding.severity is Severity.ERROR or finding.code == "label-repeated":
            said = replace(finding, severity=Severity.WARNING, fix=f"{finding.fix}; it is left out")
            pictures.findings.append(said)
    width, height = size
    boxes = tuple(
        Box(names[int(number)], (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        for number, x, y, w, h in labels.boxes.tolist()
    )
    if labels.polygons and boxes:
        what = "polygons became the upright boxes around them"
        pictures.findings.append(Finding(Severity.INFO, "label-polygons", str(path), what, "nothing"))
    return Annotated(image, name, split, size, boxes)
