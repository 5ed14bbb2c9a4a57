"""Which versions there are."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from yolops.datasets.versions.manifest import HOME, index_key, read_index, read_manifest, version_key
from yolops.datasets.versions.store import AbsentError
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yolops.datasets.versions.manifest import Index, Manifest
    from yolops.datasets.versions.store import Store, Stored

# What waits for a server most of the time.
AT_ONCE = 16
# As short as a person would type it, and what is shown of one.
LEAST_CHARACTERS, SHOWN_CHARACTERS = 6, 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(name: str) -> str:
    """Return the name of a dataset if it can be one.

    Raises:
        YolopsError: it cannot.
    """
    if not is_name(name):
        raise YolopsError(
            f"{name!r} cannot be the name of a dataset",
            "letters, digits, `.`, `_` and `-`, and a letter or digit to begin with",
        )
    return name


def is_name(name: str) -> bool:
    """Whether a dataset can be called so."""
    return bool(_NAME.fullmatch(name))


def dataset_names(store: Store) -> list[str]:
    """Return the names of all datasets, with versions or without."""
    return sorted(store.children("")[0])


def is_plain(store: Store, name: str) -> bool:
    """Return whether there are files in a dataset that belong to no version."""
    below, objects = store.children(f"{name}/")
    return bool(objects or set(below) - {HOME})


def versions(store: Store, name: str) -> list[Manifest]:
    """Return the versions of a dataset, the newest first.

    Raises:
        YolopsError: a manifest is damaged.
    """
    return manifests(store, store.children(f"{name}/{HOME}/versions/")[1])


def manifests(store: Store, objects: Iterable[Stored]) -> list[Manifest]:
    """Read the manifests that were listed; the newest comes first."""
    keys = [item.key for item in objects if item.key.endswith(".json")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda key: _manifest(store, key), keys))
    kept = [manifest for manifest in found if manifest is not None]
    return sorted(kept, key=lambda manifest: (manifest.pushed, manifest.version), reverse=True)


def find_version(store: Store, name: str, which: str = "") -> Manifest:
    """Return a version of a dataset.

    Args:
        store: where it is.
        name: of the dataset.
        which: the version, or the first characters of it; empty for the newest.

    Raises:
        AbsentError: it is not there.
        YolopsError: the characters fit several.
    """
    if len(which) == 64 and (exact := _manifest(store, version_key(name, which))):
        return exact
    known = versions(store, name)
    if not known:
        raise AbsentError(f"{store.where}/{name}: there is no version", "see what there is: yolops dataset list")
    fitting = [manifest for manifest in known if manifest.version.startswith(which)]
    if which and len(which) < LEAST_CHARACTERS:
        fitting = []
    shown = ", ".join(manifest.version[:SHOWN_CHARACTERS] for manifest in known[:10])
    if not fitting:
        raise AbsentError(f"{store.where}/{name}: there is no version {which!r}", f"there is: {shown}")
    if which and len(fitting) > 1:
        raise YolopsError(f"{store.where}/{name}: there are several versions {which}...", f"there is: {shown}")
    return fitting[0]


def index_of(store: Store, name: str, manifest: Manifest) -> Index:
    """Return the index of a version.

    Raises:
        YolopsError: it is damaged, or gone.
    """
    key = index_key(name, manifest.index)
    return read_index(store.get(key), manifest.index, f"{store.where}/{key}")


def intact(name: str, index: Index, there: Mapping[str, Stored]) -> bool:
    """Say whether everything an index refers to is there, in its size."""
    keys = ((f"{name}/{HOME}/{part.key}", part.size) for part in index.objects)
    return all(key in there and there[key].size == size for key, size in keys)


def _manifest(store: Store, key: str) -> Manifest | None:
    try:
        content = store.get(key)
    except AbsentError:  # pruned since it was listed
        return None
    manifest = read_manifest(content, f"{store.where}/{key}")
    if key.rpartition("/")[2] != f"{manifest.version}.json":
        raise YolopsError(f"{store.where}/{key}: is about another version", "rename it back")
    return manifest
