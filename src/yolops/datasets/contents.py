"""What only shows when all files of a dataset are looked at together: leaks, gaps, files that belong to nothing."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from yolops.datasets.description import label_path
from yolops.datasets.splits import is_image
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from yolops.datasets.description import Dataset
    from yolops.datasets.examine import Examined

# LabelImg and its like write the class names into the directory of the labels.
NOT_LABELS = frozenset({"classes.txt", "notes.txt", "readme.txt"})


def about_contents(dataset: Dataset, examined: Mapping[Path, Examined]) -> Iterator[Finding]:
    """Say what is wrong with a dataset as a whole.

    Args:
        dataset: the dataset.
        examined: what is known of each of its images.
    """
    for split in dataset.splits:
        yield from _about_split(dataset, split, examined)
    yield from _unseen_classes(dataset, examined)
    yield from _leaks(dataset, examined)
    yield from _shared_labels(dataset)
    yield from _about_label_directories(dataset)


def _about_split(dataset: Dataset, split: str, examined: Mapping[Path, Examined]) -> Iterator[Finding]:
    where = f"{dataset.source} ({split})"
    members = dataset.splits[split]
    if not members:
        worst = Severity.WARNING if split == "test" else Severity.ERROR
        yield Finding(worst, "split-empty", where, "no image in this split", "correct the path of the split")
        return
    if not any(any(examined[image].per_class) for image in members):
        worst = Severity.ERROR if split == "train" else Severity.WARNING
        what = "no image of this split has a box"
        fix = f"put the labels where they are looked for: {label_path(members[0])}"
        yield Finding(worst, "split-without-labels", where, what, fix)
    missing = [image for image in members if not examined[image].has_label_file]
    for image in missing:
        what = f"no label file ({label_path(image)}), so it counts as background"
        fix = "nothing, if it shows no object; an empty label file says so"
        yield Finding(Severity.INFO, "label-missing", str(image), what, fix)
    if missing:
        what = f"{len(missing)} of {len(members)} images have no label file and count as background"
        fix = f"make sure that they show no object, for example {missing[0]}"
        yield Finding(Severity.WARNING, "labels-missing", where, what, fix)


def _unseen_classes(dataset: Dataset, examined: Mapping[Path, Examined]) -> Iterator[Finding]:
    seen = {
        number
        for image in dataset.splits.get("train", ())
        for number, count in enumerate(examined[image].per_class)
        if count
    }
    if not seen:  # said already, of the whole split
        return
    for number, name in enumerate(dataset.names):
        if number not in seen:
            what = f"class {number} ({name}) has no box in train, so it cannot be learnt"
            fix = "label some, or take the class out of `names`"
            yield Finding(Severity.WARNING, "class-without-boxes", str(dataset.source), what, fix)


def _leaks(dataset: Dataset, examined: Mapping[Path, Examined]) -> Iterator[Finding]:
    first: dict[str, tuple[str, Path]] = {}
    for split, members in dataset.splits.items():
        for image in members:
            content = examined[image].image_hash
            if not content:
                continue
            other, twin = first.setdefault(content, (split, image))
            if other != split:
                what = f"the same image is in {other} ({twin}), so the scores of {split} are too good"
                yield Finding(Severity.WARNING, "image-leaks", str(image), what, "keep it in one split only")
            elif twin != image:
                what = f"the same image as {twin}"
                yield Finding(Severity.INFO, "image-repeated", str(image), what, "keep one of them")


def _shared_labels(dataset: Dataset) -> Iterator[Finding]:
    owner: dict[Path, Path] = {}
    for image in sorted({image for members in dataset.splits.values() for image in members}):
        first = owner.setdefault(label_path(image), image)
        if first != image:
            what = f"shares its label file with {first.name}"
            yield Finding(Severity.WARNING, "label-shared", str(image), what, "give one of them another name")


def _about_label_directories(dataset: Dataset) -> Iterator[Finding]:
    image_directories: dict[Path, set[Path]] = defaultdict(set)
    for members in dataset.splits.values():
        for image in members:
            image_directories[label_path(image).parent].add(image.parent)
    for directory, sources in sorted(image_directories.items()):
        cache = directory.with_suffix(".cache")
        if cache.exists():
            what = "a cache that ultralytics would unpickle, which can run code; yolops leaves it unread"
            fix = "nothing; delete it if the data came from somebody else"
            yield Finding(Severity.INFO, "cache-ignored", str(cache), what, fix)
        # Labels beside their images: any other .txt there may be a list or a readme.
        if directory not in sources and directory.is_dir():
            yield from _orphans(directory, sources)


def _orphans(directory: Path, sources: set[Path]) -> Iterator[Finding]:
    stems = {os.path.splitext(name)[0] for source in sources for name in _names(source) if is_image(name)}  # noqa: PTH122
    for name in sorted(_names(directory)):
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        if suffix.lower() != ".txt" or name.startswith(".") or name.lower() in NOT_LABELS:
            continue
        if suffix != ".txt":
            what, fix = "not read because its suffix is not `.txt`", "rename it"
            yield Finding(Severity.WARNING, "label-suffix", str(directory / name), what, fix)
        elif stem not in stems:
            what, fix = "labels of an image that is not there", "bring the image back, or delete the labels"
            yield Finding(Severity.WARNING, "label-without-image", str(directory / name), what, fix)


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 - names are all that is needed
    except OSError:  # the images of a list may be gone; that is said of each of them
        return []
