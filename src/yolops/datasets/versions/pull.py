"""Pulling: a version, or some of its splits, into a new directory. Every file is compared with its hash, and the whole
with the fingerprint; the directory appears when all of it is there. What ended early is gone on with.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from yolops.datasets.fingerprint import fingerprint
from yolops.datasets.placing import refuse_occupied, whole_directory
from yolops.datasets.versions.catalogue import AT_ONCE, SHOWN_CHARACTERS, index_of
from yolops.datasets.versions.fetcher import Fetcher, canonical_hash
from yolops.datasets.versions.layout import description, entries, labels_of
from yolops.datasets.versions.manifest import HOME, is_inside
from yolops.datasets.versions.requests import plan
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from yolops.datasets.versions.cache import Cache
    from yolops.datasets.versions.manifest import Index, Manifest, Member
    from yolops.datasets.versions.store import Store, Stored

    Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What became of a pull.

    Attributes:
        directory: where it is.
        version: the fingerprint; empty for files that belong to no version.
        files: how many were put there.
        bytes: their size.
        fetched_bytes: how much of it came from the store; the rest was on this machine.
    """

    directory: Path
    version: str
    files: int
    bytes: int
    fetched_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for `--json`."""
        return asdict(self) | {"directory": str(self.directory), "version": self.version or None}


def pull(
    store: Store,
    name: str,
    manifest: Manifest,
    target: Path,
    *,
    splits: Sequence[str] = (),
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> Pulled:
    """Get a version of a dataset.

    Args:
        store: where it is.
        name: of the dataset.
        manifest: of the version.
        target: the directory to make.
        splits: only these; all of them if there are none.
        cache: what was fetched before.
        progress: called in this thread every now and then with how many files are there, and of how many.

    Raises:
        YolopsError: `target` holds something, there is no such split or no room, or an object is not what was pushed.
    """
    index = index_of(store, name, manifest)
    chosen = _chosen(index, splits, f"{store.where}/{name}")
    wanted = _files(index, chosen)
    tag = "-".join((manifest.version[:SHOWN_CHARACTERS], *chosen))
    with _gone_on_with(target, tag) as directory:
        hashes = _at_hand(directory, wanted)
        missing = [member for member in wanted if member.path not in hashes]
        _require_room(directory, sum(member.size for member in missing))
        fetcher = Fetcher(store, name, directory, cache)
        _make_directories(directory, (member.path for member in missing))
        hashes |= fetcher.fetch(plan(index, missing), progress, len(hashes), len(wanted))
        for path, text in description(index.root, manifest.names, chosen).items():
            (directory / path).write_text(text, encoding="utf-8", errors="surrogateescape")
        if len(chosen) == len(index.splits):
            _prove(manifest, index, chosen, hashes, f"{store.where}/{name}")
    if cache:
        cache.trim()
    return Pulled(target, manifest.version, len(wanted), sum(member.size for member in wanted), fetcher.fetched_bytes)


def pull_plain(store: Store, name: str, target: Path, progress: Progress | None = None) -> Pulled:
    """Get files that belong to no version, as `aws s3 sync` put them there.

    Args:
        store: where they are.
        name: the prefix they have in common.
        target: the directory to make.
        progress: called in this thread every now and then with how many files are there, and of how many.

    Raises:
        YolopsError: `target` holds something, there is no file, or one does not arrive whole.
    """
    where = f"{store.where}/{name}"
    start = len(name) + 1
    found = {item.key[start:]: item for item in store.below(f"{name}/") if not item.key.endswith("/")}
    files = {path: item for path, item in found.items() if path.split("/")[0] != HOME}
    if not files:
        raise YolopsError(f"{where}: there is nothing", "see what there is: yolops dataset list")
    if unsafe := next((path for path in files if not is_inside(path)), None):
        raise YolopsError(f"{where}: {unsafe[:80]!r} is no path inside a directory", "rename that object")
    total = sum(item.size for item in files.values())
    with whole_directory(target) as directory, ThreadPoolExecutor(AT_ONCE) as pool:
        _require_room(directory, total)
        _make_directories(directory, files)
        jobs = [pool.submit(_fetch_plain, store, item, directory / path) for path, item in files.items()]
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                if progress:
                    progress(done, len(files))
        finally:
            pool.shutdown(cancel_futures=True)
    return Pulled(target, "", len(files), total, total)


def _fetch_plain(store: Store, item: Stored, path: Path) -> None:
    content = store.get(item.key)
    if len(content) != item.size:
        raise YolopsError(f"{store.where}/{item.key}: {len(content)} bytes arrived of {item.size}", "pull it again")
    path.write_bytes(content)


def _chosen(index: Index, splits: Sequence[str], where: str) -> dict[str, tuple[str, ...]]:
    for split in splits:
        if split not in index.splits:
            raise YolopsError(f"{where}: there is no split {split!r}", f"there is: {', '.join(index.splits)}")
    return {
        split: tuple(index.files[number].path for number in numbers)
        for split, numbers in index.splits.items()
        if not splits or split in splits
    }


def _files(index: Index, chosen: Mapping[str, tuple[str, ...]]) -> list[Member]:
    """Return the images of some splits, and their labels."""
    images = {image for members in chosen.values() for image in members}
    paths = images | {labels_of(image) for image in images}
    return [member for member in index.files if member.path in paths]


@contextmanager
def _gone_on_with(target: Path, tag: str) -> Iterator[Path]:
    """Hand out a directory beside `target` that takes its place at the end, and is found again after an early one.

    Raises:
        YolopsError: `target` holds something, somebody else is at it, or the disk is full or cannot be written.
    """
    refuse_occupied(target)
    directory = target.parent / f".{target.name}.{tag}.partial"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            refuse_occupied(target)  # another pull may have ended just now
            yield directory
            refuse_occupied(target)
            directory.rename(target)
        finally:
            os.close(descriptor)
    except BlockingIOError as error:
        raise YolopsError(f"{target}: another process is pulling it", "wait for it, or stop it") from error
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        hint = "make room, then type the command again: it goes on" if full else "check the path and its permissions"
        raise YolopsError(f"{error.filename or target}: {error.strerror or error}", hint) from error


def _require_room(directory: Path, size: int) -> None:
    free = shutil.disk_usage(directory).free
    if size > free:
        raise YolopsError(
            f"{directory.parent}: {size / 1e9:.1f} GB are to come, and there is room for {free / 1e9:.1f} GB",
            "make room, or pull a single split with --split",
        )


def _make_directories(directory: Path, paths: Iterable[str]) -> None:
    for parent in {path.rpartition("/")[0] for path in paths}:
        (directory / parent).mkdir(parents=True, exist_ok=True)


def _at_hand(directory: Path, wanted: Iterable[Member]) -> dict[str, str]:
    """Return the canonical hashes of what an earlier pull has left, by path."""
    if not any(directory.iterdir()):
        return {}
    found: dict[str, str] = {}
    for member in wanted:
        try:
            content = (directory / member.path).read_bytes()
        except FileNotFoundError:
            continue
        if hashlib.sha256(content).hexdigest() == member.sha256:
            found[member.path] = canonical_hash(member, memoryview(content))
    return found


def _prove(
    manifest: Manifest, index: Index, splits: Mapping[str, tuple[str, ...]], hashes: Mapping[str, str], where: str
) -> None:
    if fingerprint(manifest.names, entries(index.root, splits, hashes)) != manifest.version:
        raise YolopsError(
            f"{where}: what is stored as version {manifest.version[:SHOWN_CHARACTERS]} is another dataset",
            "pull another version, and remove this one: yolops dataset prune",
        )
