"""How a version lies in a directory: which path each file has, and the `data.yaml` that says so.

The names of images relative to the root of the dataset are part of its fingerprint, so they stay as they are. Labels
must be inside the dataset wherever it is put, so where an image lies below no `images` directory, all get one.
"""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

from yolops.datasets.description import label_of, label_path
from yolops.datasets.fingerprint import Entry, shared_name
from yolops.datasets.versions.manifest import is_inside
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from yolops.datasets.description import Dataset

IMAGES = "images"
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Layout:
    """What a version is made from.

    Attributes:
        root: the directory in the version that its splits are relative to; empty for the version itself.
        sources: the file behind each path of the version; each image is followed by its labels, split by split.
        splits: the paths of the images of each split, in order.
    """

    root: str
    sources: Mapping[str, Path]
    splits: Mapping[str, tuple[str, ...]]


def lay_out(dataset: Dataset) -> Layout:
    """Return how a dataset lies in a version of it.

    Raises:
        YolopsError: two of its images would have one name, or a name cannot be kept.
    """
    root = f"{dataset.root}/"
    named = {split: [shared_name(image, root) for image in images.names] for split, images in dataset.splits.items()}
    has_images = all(IMAGES in name.split("/")[:-1] for names in named.values() for name in names)
    above = "" if has_images else IMAGES
    sources: dict[str, Path] = {}
    for split, images in dataset.splits.items():
        for image, name in zip(images, named[split], strict=True):
            path = posixpath.join(above, name)
            if not is_inside(path) or len(path.splitlines()) != 1:
                raise YolopsError(f"{image}: no version can hold a file of this name", "rename it")
            labels = label_path(image)
            for place, file in ((path, image), *([(labels_of(path), labels)] if labels.is_file() else [])):
                if sources.setdefault(place, file) != file:
                    raise YolopsError(
                        f"{dataset.source}: two files would be {place} in a version: {file} and {sources[place]}",
                        "set `path:` to the directory that holds all images",
                    )
    splits = {split: tuple(posixpath.join(above, name) for name in names) for split, names in named.items()}
    return Layout(above, MappingProxyType(sources), MappingProxyType(splits))


def labels_of(image: str) -> str:
    """Return the path of the labels of an image in a version."""
    return label_of(f"/{image}")[1:]


def entries(root: str, splits: Mapping[str, Sequence[str]], hashes: Mapping[str, str]) -> list[Entry]:
    """Return what the fingerprint of a version is made of.

    Args:
        root: the directory in the version that the names of images are relative to.
        splits: the paths of the images of each split.
        hashes: SHA-256 by path: of the bytes of an image, of the canonical bytes of labels.
    """
    skipped = len(root) + 1 if root else 0
    return [
        Entry(split, image[skipped:], hashes[image], hashes.get(labels_of(image), _EMPTY))
        for split, images in splits.items()
        for image in images
    ]


def description(root: str, names: Sequence[str], splits: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the files that describe a version, by their paths in it: `data.yaml`, and lists where it needs them.

    Args:
        root: the directory that the splits are relative to.
        names: the class names.
        splits: the paths of the images of each split.
    """
    files: dict[str, str] = {}
    content: dict[str, object] = {"path": root} if root else {}
    for split, images in splits.items():
        common = posixpath.commonpath([posixpath.dirname(image) for image in images]) if images else IMAGES
        others = (image for other, members in splits.items() if other != split for image in members)
        hidden = any(part.startswith(".") for image in images for part in image.split("/"))
        if hidden or any(image.startswith(f"{common}/") for image in others) or not common:
            files[f"{split}.txt"] = "".join(f"./{image}\n" for image in images)
            common = f"{split}.txt"
        content[split] = posixpath.relpath(common, root or ".")
    content["names"] = dict(enumerate(names))
    files["data.yaml"] = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return files
