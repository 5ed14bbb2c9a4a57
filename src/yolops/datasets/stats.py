"""What a dataset is made of, in numbers: images, objects, classes, sizes, places, and what is there twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from yolops.datasets.all_images import Images
from yolops.datasets.description import SPLITS
from yolops.datasets.examine import HAS_LABEL_FILE
from yolops.datasets.families import Families, join_alike, join_equal
from yolops.datasets.images import Level
from yolops.datasets.tally import BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from yolops.datasets.description import Dataset
    from yolops.datasets.examine import Content

# COCO's classes of size (pycocotools `Params.areaRng`), here of the box, in pixels of the image as it is shown.
AREAS = ("small", "medium", "large")
_LIMITS = (32**2, 96**2)
# The image is cut into so many rows and columns, and the centres in each field are counted.
FIELDS = 3
# Of the sizes that images have, so many are named.
MOST_SIZES = 5


@dataclass(frozen=True, slots=True)
class SplitStats:
    """What is in one split.

    Attributes:
        images: all images.
        background: those without an object.
        unlabelled: those of them without a label file.
        objects: all objects.
        per_image: how many objects an image has: mean, median and most.
        areas: small, medium and large objects.
    """

    images: int
    background: int
    unlabelled: int
    objects: int
    per_image: tuple[float, float, int]
    areas: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ClassStats:
    """What there is of one class.

    Attributes:
        name: its name.
        objects: how many there are in each split, in the order of the splits.
        images: how many images show it.
        areas: small, medium and large objects.
    """

    name: str
    objects: tuple[int, ...]
    images: int
    areas: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Twice:
    """What is there twice.

    Attributes:
        equal: how many images have the bytes of another before them.
        alike: how many others look nearly like one before them.
        between_splits: how many images are there again in another split, equal or nearly.
    """

    equal: int
    alike: int
    between_splits: int


@dataclass(frozen=True, slots=True)
class Stats:
    """What a dataset is made of.

    Attributes:
        source: the description that was read.
        splits: what is in each split.
        classes: what there is of each class, in the order of the names.
        images: how many different images there are in all splits.
        unreadable: how many have no size that could be read; their objects are not counted.
        formats: how many images there are of each format, the most frequent first.
        widths, heights: the least, the median and the most, in pixels as trainers show images.
        sizes: the most frequent sizes and how many images have them.
        centres: shape (FIELDS, FIELDS), by rows from the top: how many objects have their centre in each field.
        twice: what is there twice; None where no image was read whole.
    """

    source: Path
    splits: Mapping[str, SplitStats]
    classes: tuple[ClassStats, ...]
    images: int
    unreadable: int
    formats: Mapping[str, int]
    widths: tuple[int, int, int]
    heights: tuple[int, int, int]
    sizes: tuple[tuple[int, int, int], ...]
    centres: tuple[tuple[int, ...], ...]
    twice: Twice | None

    def as_dict(self) -> dict[str, Any]:
        """Return them as plain values, for `--json`."""
        return {
            "data": str(self.source),
            "splits": {split: asdict(stats) for split, stats in self.splits.items()},
            "classes": [asdict(stats) for stats in self.classes],
            "images": self.images,
            "unreadable": self.unreadable,
            "formats": dict(self.formats),
            "widths": self.widths,
            "heights": self.heights,
            "sizes": self.sizes,
            "centres": self.centres,
            "twice": asdict(self.twice) if self.twice else None,
        }


def stats_of(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None, *, level: Level = Level.DEFAULT
) -> Stats:
    """Count what is in a dataset. Reads each file once, as the check does; changes none.

    Args:
        dataset: what `read_dataset` returned.
        progress: called with how many images are done, and of how many.
        level: how closely images are looked at; `QUICK` finds nothing that is there twice.

    Raises:
        YolopsError: a process that reads images was ended from outside.
    """
    images = Images(dataset, level)
    whole = _Counted.nothing(len(images.paths), len(dataset.names))
    images.read(_count, whole.add, progress)
    known = whole.sizes[whole.sizes.min(axis=1) > 0]
    return Stats(
        source=dataset.source,
        splits=MappingProxyType({split: _in_split(split, images, whole) for split in dataset.splits}),
        classes=tuple(_in_classes(dataset, whole)),
        images=len(images.paths),
        unreadable=len(images.paths) - len(known),
        formats=MappingProxyType(dict(whole.forms.most_common())),
        widths=_range(known[:, 0]),
        heights=_range(known[:, 1]),
        sizes=_most_frequent(known),
        centres=tuple(map(tuple, whole.centres.tolist())),
        twice=_twice(images) if level is not Level.QUICK else None,
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """What some images come to: of each image, and of all of them.

    Attributes:
        sizes: shape (n, 2): width and height of each image, zeros if not known.
        objects: shape (n,): of each image.
        areas: shape (splits, classes, 3): objects.
        all_areas: shape (classes, 3): objects, those of an image in two splits once.
        shown: shape (classes,): images that show the class.
        centres: as in `Stats`.
        forms: how many images there are of each format.
    """

    sizes: NDArray[np.int64]
    objects: NDArray[np.int64]
    areas: NDArray[np.int64]
    all_areas: NDArray[np.int64]
    shown: NDArray[np.int64]
    centres: NDArray[np.int64]
    forms: Counter[str]

    @classmethod
    def nothing(cls, images: int, classes: int) -> _Counted:
        """Return room for all images, of which none is counted."""
        return cls(
            sizes=np.zeros((images, 2), np.int64),
            objects=np.zeros(images, np.int64),
            areas=np.zeros((len(SPLITS), classes, len(AREAS)), np.int64),
            all_areas=np.zeros((classes, len(AREAS)), np.int64),
            shown=np.zeros(classes, np.int64),
            centres=np.zeros((FIELDS, FIELDS), np.int64),
            forms=Counter(),
        )

    def add(self, first: int, part: _Counted) -> None:
        """Add what a portion came to, whose first image is in this row."""
        rows = slice(first, first + len(part.sizes))
        self.sizes[rows], self.objects[rows] = part.sizes, part.objects
        for name in ("areas", "all_areas", "shown", "centres"):
            whole = getattr(self, name)
            whole += getattr(part, name)
        self.forms.update(part.forms)


def _count(content: Content) -> _Counted:
    classes = content.classes
    sizes = np.array([seen.size for seen in content.looked], np.int64).reshape(-1, 2)
    counted = sizes[content.owner].min(axis=1) > 0
    boxes, owner = content.boxes[counted], content.owner[counted]
    number = boxes[:, 0].astype(np.int64)
    pixels = (boxes[:, 3:] * sizes[owner]).prod(axis=1)
    kind = number * len(AREAS) + np.searchsorted(_LIMITS, pixels, side="right")
    splits = content.membership[owner]
    areas = [np.bincount(kind[(splits & bit) > 0], minlength=classes * len(AREAS)) for bit in BITS.values()]
    column, row = np.clip((boxes[:, 1:3] * FIELDS).astype(np.int64), 0, FIELDS - 1).T
    return _Counted(
        sizes,
        np.bincount(owner, minlength=len(sizes)),
        np.reshape(areas, (len(BITS), classes, len(AREAS))),
        np.bincount(kind, minlength=classes * len(AREAS)).reshape(classes, len(AREAS)),
        np.bincount(np.unique(owner * classes + number) % classes, minlength=classes),
        np.bincount(row * FIELDS + column, minlength=FIELDS**2).reshape(FIELDS, FIELDS),
        Counter(seen.form for seen in content.looked if seen.form),
    )


def _in_split(split: str, images: Images, counted: _Counted) -> SplitStats:
    inside = (images.membership & BITS[split]) > 0
    objects = counted.objects[inside]
    per_image = (float(objects.mean()), float(np.median(objects)), int(objects.max())) if len(objects) else (0, 0, 0)
    return SplitStats(
        images=len(objects),
        background=int((objects == 0).sum()),
        unlabelled=int(((images.flags[inside] & HAS_LABEL_FILE) == 0).sum()),
        objects=int(objects.sum()),
        per_image=per_image,
        areas=_three(counted.areas[SPLITS.index(split)].sum(axis=0)),
    )


def _in_classes(dataset: Dataset, counted: _Counted) -> Iterator[ClassStats]:
    chosen = [SPLITS.index(split) for split in dataset.splits]
    for number, name in enumerate(dataset.names):
        objects = tuple(counted.areas[chosen, number].sum(axis=1).tolist())
        yield ClassStats(name, objects, int(counted.shown[number]), _three(counted.all_areas[number]))


def _twice(images: Images) -> Twice:
    families = Families(len(images.paths))
    join_equal(families, images.digests[:, 0], images.hashed)
    different = len(np.unique(families.labels))
    join_alike(families, images.thumbnails)
    kinds = len(np.unique(families.labels))
    together = np.zeros(len(images.paths), np.uint8)
    np.bitwise_or.at(together, families.labels, images.membership)
    between = int((np.bitwise_count(together[families.labels]) > 1).sum())
    return Twice(len(images.paths) - different, different - kinds, between)


def _most_frequent(sizes: NDArray[np.int64]) -> tuple[tuple[int, int, int], ...]:
    """Return width, height and number of images of the most frequent sizes."""
    pairs, times = np.unique(sizes, axis=0, return_counts=True)
    most = np.argsort(-times, kind="stable")[:MOST_SIZES]
    return tuple((int(pairs[row, 0]), int(pairs[row, 1]), int(times[row])) for row in most)


def _three(values: NDArray[np.int64]) -> tuple[int, int, int]:
    small, medium, large = values.tolist()
    return small, medium, large


def _range(values: NDArray[np.int64]) -> tuple[int, int, int]:
    return (int(values.min()), int(np.median(values)), int(values.max())) if len(values) else (0, 0, 0)
