"""A dataset as a command line names it: a data.yaml on this machine, or a version where the platform keeps them."""

from __future__ import annotations

import difflib
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yolops.cli.console import Console
    from yolops.cli.session import Session
    from yolops.datasets.versions.manifest import Manifest
    from yolops.datasets.versions.store import ObjectStore, Store

# Where datasets are kept that are pushed in local mode, and what pulls keep.
STORE, CACHE = "datasets", "cache"
S3 = "s3://"
# With so much of a version nobody needs to ask which one is meant.
_WHOLE = re.compile(r"[0-9a-f]{12,64}")


def named_as(word: str) -> str:
    """Return a dataset as a training remembers it: an absolute path, or a version as it was typed."""
    return word if is_version(word) else str(Path(word).absolute())


def pinned(word: str, version: str) -> str:
    """Return a dataset as a training remembers it that has begun: a version as the one that was the newest then."""
    from yolops.datasets.versions.catalogue import SHOWN_CHARACTERS

    return f"{word.partition('@')[0]}@{version[:SHOWN_CHARACTERS]}" if is_version(word) else word


def name_of(data: Path) -> str:
    """Return what a dataset on this machine is called in a store: as its directory. No image is read for it.

    Raises:
        YolopsError: there is no dataset, or none can be called so.
    """
    from yolops.datasets.description import read_dataset
    from yolops.datasets.versions.catalogue import check_name

    return check_name(read_dataset(data).source.parent.name)


def is_version(word: str) -> bool:
    """Whether a dataset is one in a store: what is on this machine goes first, `NAME@` is always the newest version."""
    from yolops.datasets.versions.catalogue import is_name

    if word.startswith(S3):
        return True
    return is_name(word.partition("@")[0]) and not word.endswith((".yaml", ".yml")) and not Path(word).exists()


def store_of(session: Session) -> ObjectStore:
    """Return where the datasets of the workspace's platform are kept.

    Raises:
        YolopsError: the platform is not there.
    """
    from yolops.aws import Aws
    from yolops.datasets.versions.store import bucket, directory

    platform = session.platform()
    if platform is None:
        return directory(session.workspace.create_state() / STORE)
    return bucket(Aws(platform.aws_region), platform.dataset_uri)


def located(session: Session, word: str) -> tuple[ObjectStore, str, str]:
    """Return the store, the name and the version that a person means by NAME, NAME@VERSION or an address in S3.

    Raises:
        YolopsError: it cannot be the name of a dataset, or its store is not there.
    """
    parent, name, version = _parts(word)
    return _store_at(session, parent), name, version


def find_in(store: Store, word: str) -> tuple[str, Manifest]:
    """Return the name and the version of a dataset that must be in this store.

    Raises:
        YolopsError: it is not.
    """
    parent, name, version = _parts(word)
    if parent not in {"", store.where}:
        raise YolopsError(
            f"{word}: is not in {store.where}, and jobs may read nothing else",
            f"bring it there: yolops dataset pull {word}, then yolops dataset push {name}",
        )
    return name, _found(store, name, version, word)


@contextmanager
def pulled(session: Session, console: Console, word: str) -> Iterator[tuple[Path, str]]:
    """Bring a version to this machine, unless it is here, and hand out its directory and version while it is needed.

    Raises:
        YolopsError: there is no such version, or it cannot be had whole.
    """
    from yolops.datasets.versions.cache import Cache
    from yolops.datasets.versions.pull import pull

    parent, name, which = _parts(word)

    def ask() -> tuple[ObjectStore, Manifest]:
        try:
            store = _store_at(session, parent)
        except YolopsError as error:
            raise _not_here(word, error) from error
        return store, _found(store, name, which, word)

    stored = None if _WHOLE.fullmatch(which) else ask()
    version = stored[1].version if stored else which
    cache = Cache(session.workspace.create_state() / CACHE)
    with cache.version(name, version) as target:
        if not target.exists():
            store, manifest = stored or ask()
            with console.progress("pulling files") as progress:
                kept = cache if store.where.startswith(S3) else None
                pull(store, name, manifest, target, cache=kept, progress=progress)
            if kept is None:  # a pull trims the cache that it is handed
                cache.trim()
        yield target, version


def _store_at(session: Session, parent: str) -> ObjectStore:
    from yolops.datasets.versions.store import bucket_anywhere

    return bucket_anywhere(parent) if parent else store_of(session)


def _found(store: Store, name: str, version: str, word: str) -> Manifest:
    from yolops.datasets.versions.catalogue import find_version, is_plain
    from yolops.datasets.versions.store import AbsentError

    try:
        return find_version(store, name, version)
    except YolopsError as error:
        if version or not isinstance(error, AbsentError) or not is_plain(store, name):
            raise _not_here(word, error) from error
        raise YolopsError(
            f"{store.where}/{name}: its files belong to no version",
            f"make one: yolops dataset pull {word.rstrip('@')}, then yolops dataset push {name}",
        ) from error


def _not_here(word: str, error: YolopsError) -> YolopsError:
    here = [file.parent.name for file in Path().glob("*/data.yaml")]
    near = difflib.get_close_matches(word, here, n=1)
    hint = f"did you mean the directory {near[0]}?" if near else error.hint
    return YolopsError(f"{word}: is no dataset on this machine, and {error.message}", hint)


def _parts(word: str) -> tuple[str, str, str]:
    """Return parent, name and version of a dataset in a store; the parent is empty for the platform's own store."""
    from yolops.datasets.versions.catalogue import check_name
    from yolops.datasets.versions.store import address_parts

    address, _, version = word.partition("@")
    if not address.startswith(S3):
        return "", check_name(address), version
    return *address_parts(address), version
