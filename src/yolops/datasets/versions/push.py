"""Pushing: what is not in the store yet is sent, and the manifest last. So whatever ends a push, every manifest refers
to objects that are there, and the next push finds what this one has sent.

Objects that no manifest refers to yet may be removed by `prune` when they are GRACE old. A push relies on them only
while they are younger than FRESH, and takes no longer than that; the difference is more than clocks may disagree.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from yolops.datasets import labels
from yolops.datasets.fingerprint import fingerprint
from yolops.datasets.versions.catalogue import AT_ONCE, index_of, intact
from yolops.datasets.versions.layout import entries, lay_out
from yolops.datasets.versions.manifest import (
    HOME,
    Index,
    Manifest,
    Member,
    Part,
    index_key,
    object_key,
    read_manifest,
    version_key,
    write_index,
    write_manifest,
)
from yolops.datasets.versions.packs import ALONE_BYTES, Pack
from yolops.datasets.versions.sender import Sender
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping
    from pathlib import Path

    from yolops.datasets.description import Dataset
    from yolops.datasets.versions.layout import Layout
    from yolops.datasets.versions.store import Store, Stored

GRACE = timedelta(days=7)
FRESH = timedelta(days=3)
# The files of this many versions, the newest, are known; what only older ones hold is sent again.
KNOWN_VERSIONS = 10


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push.

    Attributes:
        version: the fingerprint of the dataset.
        new: whether the store did not have this version before.
        images: how many there are, by split.
        files: how many files the version has.
        bytes: their size.
        sent_objects: how many objects were sent.
        sent_bytes: their size, with the manifest and all that is ours.
    """

    version: str
    new: bool
    images: Mapping[str, int]
    files: int
    bytes: int
    sent_objects: int = 0
    sent_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for `--json`."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"images": dict(self.images)}


def push(
    store: Store,
    name: str,
    dataset: Dataset,
    *,
    version: str = "",
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Pushed:
    """Put a version of a dataset into a store.

    Args:
        store: where to.
        name: what the dataset is called there.
        dataset: the dataset, checked.
        version: the fingerprint that the check found; empty if it was not checked.
        dry_run: send nothing; the result says what would be sent.
        progress: called in this thread after every file with how many are done, and of how many.

    Raises:
        YolopsError: a file cannot be read or has changed since the check, or the store refuses.
    """
    began = datetime.now(UTC)
    there = {item.key: item for item in store.below(f"{name}/{HOME}/")}
    whole, places = _known(store, name, there, version)
    if version in whole:
        found = whole[version]
        return Pushed(version, new=False, images=found.images, files=found.files, bytes=found.bytes)
    layout = lay_out(dataset)
    fresh = {key: item.size for key, item in there.items() if began - item.modified < FRESH}
    with Sender(store, name, fresh, dry_run=dry_run) as sender:
        hashes = _send_files(layout, places, sender, progress)
    manifest, content = _manifest(dataset, layout, hashes, places)
    if version and manifest.version != version:
        raise YolopsError(f"{dataset.source}: the dataset was changed while it was pushed", "push it again")
    new = manifest.version not in whole
    if new and not dry_run:
        if datetime.now(UTC) - began > FRESH:
            raise YolopsError(f"{store.where}/{name}: the push took longer than {FRESH.days} days", "push it again")
        new = _seal(store, name, manifest, content, there)
    own = (content, write_manifest(manifest)) if new else ()
    sent = (sender.objects + len(own), sender.bytes + sum(map(len, own)))
    return Pushed(manifest.version, new, manifest.images, manifest.files, manifest.bytes, *sent)


def _seal(store: Store, name: str, manifest: Manifest, index: bytes, there: Container[str]) -> bool:
    """Write index and manifest, in this order; return False where another push has written the manifest already."""
    store.put(index_key(name, manifest.index), index)
    key = version_key(name, manifest.version)
    # One whose objects are gone is replaced: nobody can pull it.
    return store.put(key, write_manifest(manifest), only_new=key not in there)


def _manifest(
    dataset: Dataset, layout: Layout, hashes: Mapping[str, _Hashes], places: Mapping[str, _Place]
) -> tuple[Manifest, bytes]:
    """Return the manifest of a version, and the bytes of its index."""
    index = _index(layout, hashes, places)
    content = write_index(index)
    canonical = {path: found.canonical for path, found in hashes.items()}
    manifest = Manifest(
        version=fingerprint(dataset.names, entries(layout.root, layout.splits, canonical)),
        pushed=datetime.now(UTC),
        names=dataset.names,
        images=MappingProxyType({split: len(images) for split, images in layout.splits.items()}),
        files=len(index.files),
        bytes=sum(member.size for member in index.files),
        index=hashlib.sha256(content).hexdigest(),
    )
    return manifest, content


class _Place(NamedTuple):
    part: Part
    offset: int


class _Hashes(NamedTuple):
    sha256: str
    size: int
    # What the fingerprint takes of a label file; of an image the same as sha256.
    canonical: str


def _known(
    store: Store, name: str, there: Mapping[str, Stored], version: str
) -> tuple[dict[str, Manifest], dict[str, _Place]]:
    """Return versions that are whole, and where the contents are that need not be sent, by their SHA-256."""
    listed = [item for key, item in there.items() if key.startswith(f"{name}/{HOME}/versions/")]
    by_age = sorted(listed, key=lambda item: item.modified, reverse=True)
    own = (item for item in by_age[KNOWN_VERSIONS:] if item.key == version_key(name, version))
    newest = [*by_age[:KNOWN_VERSIONS], *own]
    whole: dict[str, Manifest] = {}
    places: dict[str, _Place] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(lambda item: _readable(store, name, item.key), newest):
            if found is None:
                continue
            manifest, index = found
            if intact(name, index, there):
                whole[manifest.version] = manifest
            for member in index.files:
                part = index.objects[member.object]
                stored = there.get(object_key(name, part))
                if stored and stored.size == part.size:
                    places.setdefault(member.sha256, _Place(part, member.offset))
    return whole, places


def _readable(store: Store, name: str, key: str) -> tuple[Manifest, Index] | None:
    try:
        manifest = read_manifest(store.get(key), f"{store.where}/{key}")
        return manifest, index_of(store, name, manifest)
    except YolopsError:  # nobody can pull it; pushing it again mends it
        return None


@dataclass
class _Packing:
    """The pack that is being filled, and where in it each content is."""

    pack: Pack = field(default_factory=Pack)
    offsets: dict[str, int] = field(default_factory=dict)

    def send(self, places: dict[str, _Place], sender: Sender) -> None:
        if self.offsets:
            content = self.pack.close()
            part = Part(f"packs/{hashlib.sha256(content).hexdigest()}.tar", len(content))
            sender.send(part, content)
            places.update({sha256: _Place(part, offset) for sha256, offset in self.offsets.items()})


def _send_files(
    layout: Layout, places: dict[str, _Place], sender: Sender, progress: Callable[[int, int], None] | None
) -> dict[str, _Hashes]:
    """Send every content that has no place yet, give it one, and return what each path holds."""
    images = {image for members in layout.splits.values() for image in members}
    hashes: dict[str, _Hashes] = {}
    packing = _Packing()
    for done, (path, source) in enumerate(layout.sources.items(), start=1):
        content = _read(source)
        sha256 = hashlib.sha256(content).hexdigest()
        canonical = sha256 if path in images else hashlib.sha256(labels.canonical(content)).hexdigest()
        hashes[path] = _Hashes(sha256, len(content), canonical)
        if sha256 in places or sha256 in packing.offsets:
            pass
        elif len(content) >= ALONE_BYTES:
            part = Part(f"files/{sha256}", len(content))
            sender.send(part, content)
            places[sha256] = _Place(part, 0)
        else:
            packing.offsets[sha256] = packing.pack.add(path, content)
            if packing.pack.is_full:
                packing.send(places, sender)
                packing = _Packing()
        if progress:
            progress(done, len(layout.sources))
    packing.send(places, sender)
    return hashes


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise YolopsError(f"{source}: cannot be read ({error.strerror})", "check it, then push again") from error


def _index(layout: Layout, hashes: Mapping[str, _Hashes], places: Mapping[str, _Place]) -> Index:
    numbers: dict[Part, int] = {}
    files = []
    for path, found in hashes.items():
        place = places[found.sha256]
        number = numbers.setdefault(place.part, len(numbers))
        files.append(Member(path, found.sha256, found.size, number, place.offset))
    position = {member.path: number for number, member in enumerate(files)}
    splits = {split: tuple(position[image] for image in images) for split, images in layout.splits.items()}
    return Index(layout.root, tuple(numbers), tuple(files), MappingProxyType(splits))
