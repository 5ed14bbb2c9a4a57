"""Pruning: versions that nobody wants any more, and what interrupted pushes have left behind.

Nothing that a manifest refers to is removed, nor anything that a push at work may rely on: objects go when nothing has
referred to them for GRACE (see `push`). So a version that is pruned leaves its manifest under `removed/`, and its
objects go with a later prune.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from yolops.datasets.versions.catalogue import AT_ONCE, index_of, manifests, versions
from yolops.datasets.versions.manifest import HOME, index_key, object_key, removed_key, version_key, write_manifest
from yolops.datasets.versions.push import GRACE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from yolops.datasets.versions.manifest import Manifest
    from yolops.datasets.versions.store import Store, Stored

# S3 takes as many in one call.
DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Pruning:
    """What would be removed from a dataset.

    Attributes:
        name: of the dataset.
        versions: versions that would go.
        garbage: objects that nothing refers to.
    """

    name: str
    versions: tuple[Manifest, ...]
    garbage: tuple[Stored, ...]

    @property
    def garbage_bytes(self) -> int:
        """The size of the garbage."""
        return sum(item.size for item in self.garbage)

    def as_dict(self) -> dict[str, Any]:
        """Return what would be removed as plain values, for `--json`."""
        return {
            "dataset": self.name,
            "versions": [manifest.as_dict() for manifest in self.versions],
            "garbage_objects": len(self.garbage),
            "garbage_bytes": self.garbage_bytes,
        }


def plan_pruning(
    store: Store, name: str, *, now: datetime, keep: int | None = None, older_than: timedelta | None = None
) -> Pruning:
    """Return what would be removed from a dataset; removes nothing.

    Args:
        store: where it is.
        name: of the dataset.
        now: the time.
        keep: how many of the newest versions stay; all if neither this nor `older_than` is given.
        older_than: versions that were pushed later stay.

    Raises:
        YolopsError: a manifest or index is damaged, so that nobody can tell what it refers to.
    """
    # In this order: a version that another prune removes meanwhile is seen here or there.
    known = versions(store, name)
    there = list(store.below(f"{name}/{HOME}/"))
    unwanted = _unwanted(known, now, keep, older_than)
    removed = [item for item in there if item.key.startswith(f"{name}/{HOME}/removed/") and now - item.modified < GRACE]
    referred = _referred(store, name, [*known, *manifests(store, removed)])
    garbage = (
        item
        for item in there
        if item.key not in referred
        and now - item.modified >= GRACE
        and not item.key.startswith(f"{name}/{HOME}/versions/")
    )
    return Pruning(name, tuple(unwanted), tuple(garbage))


def prune(store: Store, pruning: Pruning) -> None:
    """Remove what was planned.

    Raises:
        YolopsError: the store refuses; what was not removed is found again.
    """
    for manifest in pruning.versions:
        # In this order: there is no moment in which nothing refers to the objects.
        store.put(removed_key(pruning.name, manifest.version), write_manifest(manifest))
        store.delete([version_key(pruning.name, manifest.version)])
    for first in range(0, len(pruning.garbage), DELETED_AT_ONCE):
        store.delete([item.key for item in pruning.garbage[first : first + DELETED_AT_ONCE]])


def _unwanted(
    known: Sequence[Manifest], now: datetime, keep: int | None, older_than: timedelta | None
) -> list[Manifest]:
    if keep is None and older_than is None:
        return []
    return [
        manifest
        for manifest in known[keep or 0 :]
        if now - manifest.pushed >= (older_than if older_than is not None else timedelta())
    ]


def _referred(store: Store, name: str, known: Sequence[Manifest]) -> set[str]:
    keys = {index_key(name, manifest.index) for manifest in known}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for index in pool.map(lambda manifest: index_of(store, name, manifest), known):
            keys |= {object_key(name, part) for part in index.objects}
    return keys
