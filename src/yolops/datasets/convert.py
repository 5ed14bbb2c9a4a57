"""Bring a dataset from another format into YOLO format, or out of it. The images' bytes stay as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from yolops.datasets.annotations import Annotated, Annotations, cut, with_val
from yolops.datasets.description import SPLITS
from yolops.datasets.formats import Source, Target
from yolops.datasets.formats.coco import is_coco, read_coco, write_coco
from yolops.datasets.formats.csv_boxes import is_csv, read_csv
from yolops.datasets.formats.cvat import is_cvat, read_cvat
from yolops.datasets.formats.label_studio import is_label_studio, read_label_studio
from yolops.datasets.formats.voc import is_voc, read_voc, write_voc
from yolops.datasets.formats.yolo import is_darknet, is_yolo, read_darknet, read_yolo, write_yolo
from yolops.datasets.placing import whole_directory
from yolops.datasets.report import Counts
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


_READERS: Mapping[Source, tuple[Callable[[Path], bool], Callable[[Path], Annotations]]] = MappingProxyType(
    {
        Source.YOLO: (is_yolo, read_yolo),
        Source.VOC: (is_voc, read_voc),
        Source.COCO: (is_coco, read_coco),
        Source.CVAT: (is_cvat, read_cvat),
        Source.LABEL_STUDIO: (is_label_studio, read_label_studio),
        Source.CSV: (is_csv, read_csv),
        Source.DARKNET: (is_darknet, read_darknet),
    }
)
_WRITERS: Mapping[Target, Callable[[Annotations, Path], None]] = MappingProxyType(
    {Target.YOLO: write_yolo, Target.VOC: write_voc, Target.COCO: write_coco}
)


@dataclass(frozen=True, slots=True)
class Converted:
    """A dataset that was brought into another format.

    Attributes:
        source_format: what it was recognised as, or said to be.
        data: the absolute path of it: `data.yaml`, or the directory in the other formats.
        names: the class names in order.
        counts: what is in each split.
        findings: what was odd, and what was left out.
    """

    source_format: Source
    data: Path
    names: tuple[str, ...]
    counts: Mapping[str, Counts]
    findings: tuple[Finding, ...]


def convert(source: Path, target: Path, *, source_format: Source | None = None, to: Target = Target.YOLO) -> Converted:
    """Convert a dataset.

    Images are hard-linked where the file system allows it, else copied. Boxes are cut to the image; those with less
    than a pixel left are left out.

    Args:
        source: the dataset: a directory, or a file that describes it and lies beside the images.
        target: where the dataset goes: a directory that does not exist, or is empty.
        source_format: which format it has; without it, that is recognised.
        to: the format to write.

    Returns:
        What was written.

    Raises:
        YolopsError: the format is not recognised, the annotations are malformed, or the target exists.
    """
    source, target = source.absolute(), target.absolute()
    found = source_format or _needed(source)
    annotations = _READERS[found][1](source)
    if not annotations.images:
        raise YolopsError(f"{source}: no annotated image could be read", "see that the images lie beside annotations")
    findings = list(annotations.findings)
    if to is Target.YOLO and not any(image.split == "val" for image in annotations.images):
        what = "nothing says what belongs to val, so a fifth of train was taken"
        findings.append(Finding(Severity.INFO, "val-chosen", str(source), what, "name the images of val in the source"))
        annotations = replace(annotations, images=with_val(annotations.images))
    images = []
    for item in annotations.images:
        image, said = cut(item)
        images.append(image)
        findings += said
    annotations = replace(annotations, images=tuple(images))
    _refuse_clashes(annotations)
    with whole_directory(target) as partial:
        _WRITERS[to](annotations, partial)
    data = target / "data.yaml" if to is Target.YOLO else target
    return Converted(found, data, annotations.names, MappingProxyType(_counts(annotations)), tuple(findings))


def recognise(source: Path) -> Source | None:
    """Return which format a directory or a file has; None for none that is known."""
    return next((name for name, (recognises, _) in _READERS.items() if recognises(source)), None)


def _needed(source: Path) -> Source:
    if not source.exists():
        raise YolopsError(f"{source}: does not exist", "give the directory of the annotations")
    found = recognise(source)
    if found is None:
        what = f"{source}: in none of the formats {', '.join(_READERS)}"
        raise YolopsError(
            what, "it needs Annotations/*.xml, annotations/instances_*.json, ...; --from says which it is"
        )
    return found


def _refuse_clashes(annotations: Annotations) -> None:
    first: dict[tuple[str, str], Path] = {}
    for item in annotations.images:
        other = first.setdefault((item.split, item.name.rpartition(".")[0]), item.image)
        if other != item.image:
            what = f"{item.image}: would share its labels with {other}"
            raise YolopsError(what, "give one of the two images another name, in the annotations too")


def _counts(annotations: Annotations) -> dict[str, Counts]:
    counts: dict[str, Counts] = {}
    for split in SPLITS:
        images: list[Annotated] = [image for image in annotations.images if image.split == split]
        if not images:
            continue
        classes = Counter(box.name for image in images for box in image.boxes)
        labelled = sum(1 for image in images if image.boxes)
        counts[split] = Counts.of(len(images), labelled, (classes[name] for name in annotations.names))
    return counts
