"""Pascal VOC: `Annotations/*.xml`, `JPEGImages/`, and the lists of `ImageSets/Main/`.

Corners are taken as they are written. VOC itself counts pixels from 1, but LabelImg and every newer tool from 0, and
half a pixel is below the accuracy of any annotation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from yolops.datasets.annotations import Annotated, Annotations, Box, image_size, with_val
from yolops.datasets.splits import is_image
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from pathlib import Path

# An annotation of a thousand objects takes half a megabyte.
MAX_XML_BYTES = 10 * 1024 * 1024


def is_voc(source: Path) -> bool:
    """Say whether a directory looks like Pascal VOC."""
    return (source / "Annotations").is_dir()


def read_voc(source: Path, *, seed: int = 0) -> Annotations:
    """Read a directory in Pascal VOC format.

    Args:
        source: the directory that holds `Annotations`.
        seed: what decides which images go to val where no list says it.

    Returns:
        The annotations, their class names in alphabetical order. Sizes are those of the images, not of the XML.

    Raises:
        YolopsError: there are no annotations, or a file is no XML or declares a document type.
    """
    documents = {path.stem: path for path in sorted((source / "Annotations").glob("*.xml"))}
    if not documents:
        raise YolopsError(f"{source / 'Annotations'}: no .xml file", "give the directory that holds Annotations/")
    directory = source / "JPEGImages"
    pictures = {path.stem: path for path in sorted(directory.glob("*")) if is_image(path.name)}
    splits, findings = _splits(source, sorted(documents))
    images: list[Annotated] = []
    for stem, split in splits.items():
        picture = pictures.get(stem)
        if stem not in documents or picture is None:
            missing = "annotation" if picture else "image"
            where = str(source / "Annotations" / f"{stem}.xml")
            what = f"no {missing} of this name, so it is left out"
            findings.append(Finding(Severity.WARNING, f"{missing}-missing", where, what, "bring it back"))
            continue
        try:
            size = image_size(picture)
        except OSError as error:
            what, fix = f"cannot be read ({error}), so it is left out", "fetch it again"
            findings.append(Finding(Severity.WARNING, "image-unreadable", str(picture), what, fix))
            continue
        boxes, found = _objects(documents[stem], size)
        findings += found
        images.append(Annotated(picture, picture.name, split, size, boxes))
    names = tuple(sorted({box.name for image in images for box in image.boxes}))
    if not _has_list(source, "val"):
        what = f"no list for val, so a fifth of train was taken (seed {seed})"
        findings.append(Finding(Severity.INFO, "val-chosen", str(source), what, "write ImageSets/Main/val.txt"))
        images = list(with_val(images, seed))
    return Annotations(names, tuple(images), tuple(findings))


def _has_list(source: Path, split: str) -> bool:
    return (source / "ImageSets" / "Main" / f"{split}.txt").is_file()


def _splits(source: Path, stems: list[str]) -> tuple[dict[str, str], list[Finding]]:
    lists = {split: split for split in ("train", "val", "test") if _has_list(source, split)}
    if "train" not in lists:
        if not _has_list(source, "trainval"):
            listed = {stem for split in lists for stem in _listed(source, split)}
            return _assigned(source, lists) | {stem: "train" for stem in stems if stem not in listed}, []
        lists["trainval"] = "train"
    splits = _assigned(source, lists)
    findings = []
    unlisted = [stem for stem in stems if stem not in splits]
    if unlisted:
        what = f"{len(unlisted)} annotated images are in no list and are left out, for example {unlisted[0]}"
        where = str(source / "ImageSets" / "Main")
        findings.append(Finding(Severity.WARNING, "image-unlisted", where, what, "add them to a list"))
    return splits, findings


def _assigned(source: Path, lists: dict[str, str]) -> dict[str, str]:
    splits: dict[str, str] = {}
    # From the one that must stay clean: an image in two lists is tested on, not trained on.
    for name in sorted(lists, key=["test", "val", "train", "trainval"].index):
        for stem in _listed(source, name):
            splits.setdefault(stem, lists[name])
    return splits


def _listed(source: Path, split: str) -> list[str]:
    path = source / "ImageSets" / "Main" / f"{split}.txt"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise YolopsError(f"{path}: cannot be read as a list", "write one image name per line, UTF-8") from error
    return [line.split()[0] for line in lines if line.strip()]


class _PlainBuilder(ET.TreeBuilder):
    """Refuses a document type, and with it every entity that could expand or read a file."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002 - expat's signature
        raise ValueError("it declares a document type")


def _parse(path: Path) -> ET.Element:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_XML_BYTES + 1)
        if len(content) > MAX_XML_BYTES:
            raise ValueError(f"it is larger than {MAX_XML_BYTES} bytes")
        parser = ET.XMLParser(target=_PlainBuilder())  # noqa: S314 - refuses document types, so no entity can expand
        parser.feed(content)
        root: ET.Element = parser.close()
    except (OSError, ET.ParseError, ValueError, LookupError) as error:
        raise YolopsError(f"{path}: not an annotation ({error})", "fetch it again or take it out") from error
    return root


def _objects(path: Path, size: tuple[int, int]) -> tuple[tuple[Box, ...], list[Finding]]:
    root = _parse(path)
    findings: list[Finding] = []
    written = (root.findtext("size/width", "").strip(), root.findtext("size/height", "").strip())
    if any(written) and written != (str(size[0]), str(size[1])):
        what = f"says {written[0]}x{written[1]}, but the image has {size[0]}x{size[1]}, which is used"
        fix = "look at some of its boxes: they may be of another version of the image"
        findings.append(Finding(Severity.WARNING, "size-differs", str(path), what, fix))
    boxes: list[Box] = []
    for number, element in enumerate(root.iter("object"), start=1):
        name = element.findtext("name", "").strip()
        try:
            corners = [float(element.findtext(f"bndbox/{key}", "")) for key in ("xmin", "ymin", "xmax", "ymax")]
        except ValueError:
            name = ""
        if not name:
            what = f"object {number} has no name or no box, so it is left out"
            findings.append(Finding(Severity.WARNING, "object-incomplete", str(path), what, "complete it"))
            continue
        boxes.append(Box(name, *corners))
    return tuple(boxes), findings
