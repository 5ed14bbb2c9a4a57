"""Bring a dataset from another format into YOLO format. The images' bytes stay as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import yaml

from yolops.datasets.annotations import Annotated, Annotations, clipped, label_line
from yolops.datasets.coco import is_coco, read_coco
from yolops.datasets.description import SPLITS, label_path
from yolops.datasets.placing import place, whole_directory
from yolops.datasets.report import Counts
from yolops.datasets.voc import is_voc, read_voc
from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Format = Literal["auto", "voc", "coco"]


@dataclass(frozen=True, slots=True)
class Converted:
    """A dataset that was brought into YOLO format.

    Attributes:
        data_yaml: the absolute path of its description.
        counts: what is in each split.
        findings: what was odd, and what was left out.
    """

    data_yaml: Path
    counts: Mapping[str, Counts]
    findings: tuple[Finding, ...]


def convert(source: Path, target: Path, *, format: Format = "auto", seed: int = 0) -> Converted:  # noqa: A002 - its name
    """Convert a dataset to YOLO format.

    Images are hard-linked into `images/<split>/` where the file system allows it, else copied. Boxes are cut to the
    image; those with less than a pixel left are left out.

    Args:
        source: the directory in Pascal VOC or COCO format.
        target: where the dataset goes: a directory that does not exist, or is empty.
        format: which format it is, or `auto`.
        seed: what decides which images go to val where the source does not say it.

    Returns:
        What was written.

    Raises:
        YolopsError: the format is not recognised, the annotations are malformed, or the target exists.
    """
    source, target = source.absolute(), target.absolute()
    annotations = _read(source, format, seed)
    if not annotations.images:
        raise YolopsError(f"{source}: no annotated image could be read", "see that the images lie beside annotations")
    findings = list(annotations.findings)
    numbers = {name: number for number, name in enumerate(annotations.names)}
    totals: dict[str, Counter[int]] = {}
    labelled: Counter[str] = Counter()
    images: Counter[str] = Counter()
    with whole_directory(target) as partial:
        for item in annotations.images:
            classes, found = _write(item, partial, numbers)
            findings += found
            totals.setdefault(item.split, Counter()).update(classes)
            labelled[item.split] += bool(classes)
            images[item.split] += 1
        _describe(annotations, partial)
    counts = {
        split: Counts(
            images=images[split],
            labelled=labelled[split],
            background=images[split] - labelled[split],
            boxes=totals[split].total(),
            per_class=tuple(totals[split][number] for number in range(len(numbers))),
        )
        for split in SPLITS
        if split in images
    }
    return Converted(target / "data.yaml", MappingProxyType(counts), tuple(findings))


def _read(source: Path, wanted: Format, seed: int) -> Annotations:
    if not source.exists():
        raise YolopsError(f"{source}: does not exist", "give the directory of the annotations")
    if wanted == "voc" or (wanted == "auto" and is_voc(source)):
        return read_voc(source, seed=seed)
    if wanted == "coco" or is_coco(source):
        return read_coco(source, seed=seed)
    raise YolopsError(
        f"{source}: neither Pascal VOC nor COCO",
        "it needs Annotations/*.xml, or annotations/instances_*.json; --format says which one it is",
    )


def _write(item: Annotated, directory: Path, numbers: Mapping[str, int]) -> tuple[list[int], list[Finding]]:
    link = directory / "images" / item.split / item.name
    place(item.image, link, symbolic=False)
    lines: list[str] = []
    classes: list[int] = []
    findings: list[Finding] = []
    for box in item.boxes:
        inside = clipped(box, item.size)
        if inside is None:
            what, fix = f"a box of {box.name} has no area inside the image and is left out", "correct it"
            findings.append(Finding(Severity.WARNING, "box-left-out", str(item.image), what, fix))
            continue
        if inside != box:
            what, fix = f"a box of {box.name} reached beyond the image and was cut", "nothing"
            findings.append(Finding(Severity.INFO, "box-clipped", str(item.image), what, fix))
        classes.append(numbers[box.name])
        lines.append(label_line(inside, item.size, numbers[box.name]))
    labels = label_path(link)
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text("".join(lines), encoding="utf-8")
    return classes, findings


def _describe(annotations: Annotations, directory: Path) -> None:
    present = {image.split for image in annotations.images}
    content = {
        **{split: f"images/{split}" for split in SPLITS if split in present},
        "names": dict(enumerate(annotations.names)),
    }
    # No `path`: without one, ultralytics and we start from the yaml itself, so that the directory can be moved.
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (directory / "data.yaml").write_text(text, encoding="utf-8")
