"""Pascal VOC: an XML file for each image, and the lists of `ImageSets/Main/`; also Roboflow's, beside its images.

Corners are taken as they are written. VOC itself counts pixels from 1, but LabelImg and every newer tool from 0, and
half a pixel is below the accuracy of any annotation. VOC knows no order of classes; `classes.txt` says it where there
is one, a name on each line, as LabelImg writes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from yolops.datasets.annotations import Annotated, Annotations, Box, split_named
from yolops.datasets.description import SPLITS
from yolops.datasets.formats.documents import PlainBuilder, lines_of, number, parse_xml
from yolops.datasets.formats.pictures import Pictures
from yolops.datasets.placing import place
from yolops.datasets.splits import is_image
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from pathlib import Path

# An annotation of a thousand objects takes half a megabyte.
MAX_XML_BYTES = 10 * 1024 * 1024
CLASSES = "classes.txt"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where annotations and images are, each by its path without suffix, and the directory of each image's name."""

    documents: dict[str, Path]
    pictures: dict[str, tuple[Path, str]]
    directories: tuple[Path, ...]


def is_voc(source: Path) -> bool:
    """Say whether a directory looks like Pascal VOC."""
    return any(_annotation_directories(source))


def read_voc(source: Path) -> Annotations:
    """Read a directory in Pascal VOC format.

    Args:
        source: the directory that holds `Annotations`, or `train` and its like with XML files beside the images.

    Returns:
        The annotations, their class names in the order of `classes.txt`, or alphabetical. Sizes are those of the
        images, not of the XML.

    Raises:
        YolopsError: there are no annotations, or a file is no XML or declares a document type.
    """
    layout = _layout(source)
    if not layout.documents:
        raise YolopsError(f"{source / 'Annotations'}: no .xml file", "give the directory that holds Annotations/")
    splits, findings = _splits(source, sorted(layout.documents))
    pictures = Pictures(source)
    images: list[Annotated] = []
    for stem, split in splits.items():
        picture, name = layout.pictures.get(stem, (None, ""))
        document = layout.documents.get(stem)
        if document is None or picture is None:
            missing = "annotation" if picture else "image"
            where = str(document or layout.directories[0] / f"{stem}.xml")
            what = f"no {missing} of this name, so it is left out"
            findings.append(Finding(Severity.WARNING, f"{missing}-missing", where, what, "bring it back"))
        elif size := pictures.measured(picture, name):
            boxes, found = _objects(document, size)
            findings += found
            images.append(Annotated(picture, name, split, size, boxes))
    listed = lines_of(source / CLASSES) if (source / CLASSES).is_file() else []
    names = dict.fromkeys([*listed, *sorted({box.name for image in images for box in image.boxes})])
    return Annotations(tuple(names), tuple(images), (*findings, *pictures.findings))


def write_voc(annotations: Annotations, directory: Path) -> None:
    """Write a dataset in Pascal VOC format: corners in whole pixels, as VOC has them.

    Args:
        annotations: its images, with boxes inside them.
        directory: where it goes.

    Raises:
        YolopsError: two images would get one name, or a class name cannot be written in XML.
    """
    for name in annotations.names:
        if not name.isprintable() or name != name.strip():
            raise YolopsError(f"the class name {name!r} cannot be written in Pascal VOC", "rename the class")
    lists: dict[str, list[str]] = {split: [] for split in SPLITS}
    for item in annotations.images:
        name = item.name.replace("/", "_")
        stem = name.rpartition(".")[0]
        document = directory / "Annotations" / f"{stem}.xml"
        if document.exists():  # VOC has one directory for all splits
            name, stem = f"{item.split}_{name}", f"{item.split}_{stem}"
            document = document.with_name(f"{stem}.xml")
        if document.exists():
            raise YolopsError(f"{item.image}: another image is called {stem} too", "rename one of them")
        place(item.image, directory / "JPEGImages" / name, symbolic=False)
        document.parent.mkdir(exist_ok=True)
        document.write_bytes(_document(name, item))
        lists[item.split].append(stem)
    sets = directory / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    for split, stems in lists.items():
        if stems:
            (sets / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")
    (directory / CLASSES).write_text("".join(f"{name}\n" for name in annotations.names), encoding="utf-8")


def _annotation_directories(source: Path) -> list[Path]:
    for name in ("Annotations", "annotations"):
        if next((source / name).glob("**/*.xml"), None):
            return [source / name]
    if (source / "Annotations").is_dir():
        return [source / "Annotations"]
    children = sorted(path for path in source.glob("*") if path.name in {"train", "valid", "val", "test"})
    return [path for path in children if next(path.glob("*.xml"), None)]


def _layout(source: Path) -> _Layout:
    directories = _annotation_directories(source)
    documents: dict[str, Path] = {}
    pictures: dict[str, tuple[Path, str]] = {}
    for directory in directories:
        beside = directory.name.lower() != "annotations"
        own = f"{directory.name}/" if beside else ""
        places = [directory] if beside else [source / "JPEGImages", source / "images", directory]
        images = next((path for path in places if path.is_dir()), directory)
        for path in sorted(directory.glob("**/*.xml")):
            documents[own + path.relative_to(directory).with_suffix("").as_posix()] = path
        for path in sorted(filter(lambda path: is_image(path.name), images.glob("**/*"))):
            name = path.relative_to(images)
            pictures[own + name.with_suffix("").as_posix()] = path, name.as_posix()
    return _Layout(documents, pictures, tuple(directories))


def _lists(source: Path) -> Path:
    return source / "ImageSets" / "Main"


def _has_list(source: Path, split: str) -> bool:
    return (_lists(source) / f"{split}.txt").is_file()


def _splits(source: Path, stems: list[str]) -> tuple[dict[str, str], list[Finding]]:
    lists = {split: split for split in SPLITS if _has_list(source, split)}
    if "train" not in lists:
        if not _has_list(source, "trainval"):
            listed = {stem for split in lists for stem in _listed(source, split)}
            # Roboflow's splits are directories.
            rest = {stem: split_named(stem.rpartition("/")[0]) for stem in stems if stem not in listed}
            return _assigned(source, lists) | rest, []
        lists["trainval"] = "train"
    splits = _assigned(source, lists)
    findings = []
    unlisted = [stem for stem in stems if stem not in splits]
    if unlisted:
        what = f"{len(unlisted)} annotated images are in no list and are left out, for example {unlisted[0]}"
        findings.append(Finding(Severity.WARNING, "image-unlisted", str(_lists(source)), what, "add them to a list"))
    return splits, findings


def _assigned(source: Path, lists: dict[str, str]) -> dict[str, str]:
    splits: dict[str, str] = {}
    # From the one that must stay clean: an image in two lists is tested on, not trained on.
    for name in sorted(lists, key=["test", "val", "train", "trainval"].index):
        for stem in _listed(source, name):
            splits.setdefault(stem, lists[name])
    return splits


def _listed(source: Path, split: str) -> list[str]:
    return [line.split()[0] for line in lines_of(_lists(source) / f"{split}.txt")]


def _objects(path: Path, size: tuple[int, int]) -> tuple[tuple[Box, ...], list[Finding]]:
    root: ET.Element = parse_xml(path, PlainBuilder(), most_bytes=MAX_XML_BYTES)
    findings: list[Finding] = []
    written = (root.findtext("size/width", "").strip(), root.findtext("size/height", "").strip())
    if any(written) and written != (str(size[0]), str(size[1])):
        what = f"says {written[0][:20]}x{written[1][:20]}, but the image has {size[0]}x{size[1]}, which is used"
        fix = "look at some of its boxes: they may be of another version of the image"
        findings.append(Finding(Severity.WARNING, "size-differs", str(path), what, fix))
    boxes: list[Box] = []
    for index, element in enumerate(root.iter("object"), start=1):
        name = element.findtext("name", "").strip()
        try:
            corners = [number(element.findtext(f"bndbox/{key}", "")) for key in _CORNERS]
        except ValueError:
            name = ""
        if not name:
            what = f"object {index} has no name or no box, so it is left out"
            findings.append(Finding(Severity.WARNING, "object-incomplete", str(path), what, "complete it"))
            continue
        boxes.append(Box(name, *corners))
    return tuple(boxes), findings


def _document(name: str, item: Annotated) -> bytes:
    root = ET.Element("annotation")
    ET.SubElement(root, "folder").text = "JPEGImages"
    ET.SubElement(root, "filename").text = name
    size = ET.SubElement(root, "size")
    for key, value in zip(("width", "height", "depth"), (*item.size, 3), strict=True):
        ET.SubElement(size, key).text = str(value)
    ET.SubElement(root, "segmented").text = "0"
    for box in item.boxes:
        element = ET.SubElement(root, "object")
        for key, text in (("name", box.name), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            ET.SubElement(element, key).text = text
        frame = ET.SubElement(element, "bndbox")
        # Not round(), which rounds halves to even: a side of a pixel stays one.
        left, top, right, bottom = (math.floor(corner + 0.5) for corner in (box.left, box.top, box.right, box.bottom))
        for key, corner in zip(_CORNERS, (left, top, max(right, left + 1), max(bottom, top + 1)), strict=True):
            ET.SubElement(frame, key).text = str(corner)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
