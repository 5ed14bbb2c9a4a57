"""What a version is in the store: a manifest, which is small, and an index of its files. Both are written by us, and
read as if anybody could have written them.

    NAME/.yolops/versions/<version>.json      the manifest; written last, so a version is there wholly or not at all
    NAME/.yolops/index/<sha256>.json.gz       which file is where
    NAME/.yolops/packs/<sha256>.tar           small files
    NAME/.yolops/files/<sha256>               one large file
    NAME/.yolops/removed/<version>.json       the manifest of a version that was pruned, for a week
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from yolops.datasets.description import SPLITS
from yolops.datasets.splits import is_image
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
# Of an index, unpacked: about five million files. What is longer is cut off, so it is malformed.
MOST_INDEX_BYTES = 1_000_000_000
HOME = ".yolops"
# What comes of values that nobody would have written.
_MALFORMED = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)
_HASH = re.compile(r"[0-9a-f]{64}")
_OBJECT = re.compile(r"(packs/[0-9a-f]{64}\.tar|files/[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A version of a dataset.

    Attributes:
        version: the fingerprint of the dataset.
        pushed: when, with a time zone.
        names: the class names.
        images: how many there are, by split.
        files: how many files, images and labels.
        bytes: their size.
        index: the SHA-256 of the index, hexadecimal.
    """

    version: str
    pushed: datetime
    names: tuple[str, ...]
    images: Mapping[str, int]
    files: int
    bytes: int
    index: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "version": self.version,
            "pushed": self.pushed.isoformat(timespec="milliseconds"),
            "names": list(self.names),
            "images": dict(self.images),
            "files": self.files,
            "bytes": self.bytes,
            "index": self.index,
        }


class Member(NamedTuple):
    """A file of a version, and where its bytes are.

    Attributes:
        path: relative to the dataset, with forward slashes.
        sha256: of its bytes, hexadecimal.
        size: in bytes.
        object: the number of the object that holds it.
        offset: where in that object it begins.
    """

    path: str
    sha256: str
    size: int
    object: int
    offset: int


class Part(NamedTuple):
    """An object that holds files: its key below `NAME/.yolops/`, and its size in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Index:
    """The files of a version.

    Attributes:
        root: the directory in the dataset that its splits are relative to; empty for the dataset itself.
        objects: what holds the files.
        files: images and labels.
        splits: the numbers of the images of each split among `files`, in order.
    """

    root: str
    objects: tuple[Part, ...]
    files: tuple[Member, ...]
    splits: Mapping[str, tuple[int, ...]]


def version_key(name: str, version: str) -> str:
    """Return the key of a manifest."""
    return f"{name}/{HOME}/versions/{version}.json"


def removed_key(name: str, version: str) -> str:
    """Return the key of the manifest of a version that was pruned."""
    return f"{name}/{HOME}/removed/{version}.json"


def index_key(name: str, sha256: str) -> str:
    """Return the key of an index."""
    return f"{name}/{HOME}/index/{sha256}.json.gz"


def object_key(name: str, part: Part) -> str:
    """Return the key of an object that holds files."""
    return f"{name}/{HOME}/{part.key}"


def write_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest."""
    return json.dumps({"format": FORMAT, **manifest.as_dict()}, indent=1).encode() + b"\n"


def read_manifest(content: bytes | memoryview, where: str) -> Manifest:
    """Read a manifest.

    Args:
        content: its bytes.
        where: its address, for messages.

    Raises:
        YolopsError: it is damaged, or of another version of yolops.
    """
    try:
        value = _loaded(bytes(content), where)
        manifest = Manifest(
            version=_hash(value["version"]),
            pushed=datetime.fromisoformat(value["pushed"]),
            names=tuple(str(name) for name in value["names"]),
            images=MappingProxyType(
                {split: int(value["images"][split]) for split in SPLITS if split in value["images"]}
            ),
            files=int(value["files"]),
            bytes=int(value["bytes"]),
            index=_hash(value["index"]),
        )
        if manifest.pushed.tzinfo is None:
            raise ValueError("no time zone")
    except _MALFORMED as error:
        raise _damaged(where, error) from error
    return manifest


def write_index(index: Index) -> bytes:
    """Return the bytes of an index, the same for the same content."""
    content = {
        "format": FORMAT,
        "root": index.root,
        "objects": index.objects,
        "files": index.files,
        "splits": dict(index.splits),
    }
    # The default level would take longer than sending what it saves: hashes cannot be compressed.
    return gzip.compress(json.dumps(content, separators=(",", ":")).encode(), compresslevel=1, mtime=0)


def read_index(content: bytes | memoryview, sha256: str, where: str) -> Index:
    """Read an index.

    Args:
        content: its bytes.
        sha256: of them, as the manifest says.
        where: its address, for messages.

    Raises:
        YolopsError: it is damaged, or of another version of yolops.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(where, "its content is not what was pushed")
    try:
        with gzip.open(io.BytesIO(content)) as file:
            value = _loaded(file.read(MOST_INDEX_BYTES), where)
        objects = tuple(_part(*item) for item in value["objects"])
        files = tuple(_member(objects, *item) for item in value["files"])
        splits = {split: tuple(map(int, value["splits"][split])) for split in SPLITS if split in value["splits"]}
        if len({member.path for member in files}) < len(files):
            raise ValueError("two files have one path")
        for number in (number for numbers in splits.values() for number in numbers):
            if number < 0 or not is_image(files[number].path):
                raise ValueError("a split names a file that is no image")
        root = "" if value["root"] == "" else _inside(value["root"])
    except (*_MALFORMED, OSError, EOFError, zlib.error) as error:
        raise _damaged(where, error) from error
    return Index(root, objects, files, MappingProxyType(splits))


def _loaded(content: bytes, where: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(content)
    if value["format"] != FORMAT:
        raise YolopsError(f"{where}: of format {value['format']!r}, which this yolops does not know", "update yolops")
    return value


def _part(key: str, size: int) -> Part:
    if not _OBJECT.fullmatch(key) or int(size) < 0:
        raise ValueError(f"no object: {key[:80]!r}")
    return Part(key, int(size))


def _member(objects: tuple[Part, ...], path: str, sha256: str, size: int, number: int, offset: int) -> Member:
    size, number, offset = int(size), int(number), int(offset)
    if size < 0 or offset < 0 or number < 0 or offset + size > objects[number].size:
        raise ValueError(f"{path[:80]!r} lies outside its object")
    return Member(_inside(path), _hash(sha256), size, number, offset)


def _hash(value: str) -> str:
    if not _HASH.fullmatch(value):
        raise ValueError(f"no SHA-256: {value[:80]!r}")
    return value


def _inside(path: str) -> str:
    if not is_inside(path):
        raise ValueError(f"{path[:80]!r} is not a path inside the dataset")
    return path


def is_inside(path: str) -> bool:
    """Say whether a relative path with forward slashes stays inside the directory it is joined to."""
    pure = PurePosixPath(path)
    plain = path and pure.as_posix() == path and not pure.is_absolute() and not set(path) & {"\0", "\\"}
    return bool(plain) and ".." not in pure.parts and path != "."


def _damaged(where: str, why: object) -> YolopsError:
    return YolopsError(
        f"{where}: damaged ({why})", "push the dataset again, or bring back the former version of this object"
    )
