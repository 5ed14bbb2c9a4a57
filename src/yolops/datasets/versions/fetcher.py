"""Fetches objects from a store, several at a time, and writes the files in them, each compared with its hash."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from yolops.datasets import labels
from yolops.datasets.versions.catalogue import AT_ONCE
from yolops.datasets.versions.manifest import object_key
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from yolops.datasets.versions.cache import Cache
    from yolops.datasets.versions.manifest import Member
    from yolops.datasets.versions.requests import Request
    from yolops.datasets.versions.store import Store

    Progress = Callable[[int, int], None]

# A request is held in memory: of larger ones there are only two at a time.
LARGE_BYTES = 32 * 1024 * 1024


class Fetcher:
    """Carries requests out, several at a time, and writes the files.

    Args:
        store: where the objects are.
        name: of the dataset.
        directory: where the files go.
        cache: objects that need not be fetched.
    """

    def __init__(self, store: Store, name: str, directory: Path, cache: Cache | None) -> None:
        self._store, self._name, self._directory, self._cache = store, name, directory, cache
        self.fetched_bytes = 0

    def fetch(self, requests: Sequence[Request], progress: Progress | None, done: int, total: int) -> dict[str, str]:
        """Carry the requests out and return the canonical hash of each file, by path."""
        hashes: dict[str, str] = {}
        for large, threads in ((False, AT_ONCE), (True, 2)):
            chosen = [request for request in requests if (request.size > LARGE_BYTES) is large]
            pool = ThreadPoolExecutor(threads, thread_name_prefix="dataset-pull")
            try:
                for job in as_completed([pool.submit(self._carry_out, request) for request in chosen]):
                    written, fetched = job.result()
                    hashes |= written
                    self.fetched_bytes += fetched
                    if progress:
                        progress(done + len(hashes), total)
            finally:
                pool.shutdown(cancel_futures=True)
        return hashes

    def _carry_out(self, request: Request) -> tuple[dict[str, str], int]:
        key = object_key(self._name, request.part)
        kept = self._cache.get(key) if self._cache else None
        if kept is not None and self._cache:
            try:
                return self._write(request, memoryview(kept), 0, key), 0
            except _WrongContentError:
                self._cache.drop(key)
        content = self._store.get(key, request.start, request.end)
        written = self._write(request, content, request.start, key)
        if self._cache and request.end is None:
            self._cache.put(key, content)
        return written, len(content)

    def _write(self, request: Request, content: memoryview, start: int, key: str) -> dict[str, str]:
        hashes: dict[str, str] = {}
        for member in request.members:
            begin = member.offset - start
            part = content[begin : begin + member.size]
            if hashlib.sha256(part).hexdigest() != member.sha256:
                raise _WrongContentError(
                    f"{self._store.where}/{key}: not what was pushed ({member.path})",
                    "delete that object, or bring back its former version; then push the dataset again",
                )
            (self._directory / member.path).write_bytes(part)
            hashes[member.path] = canonical_hash(member, part)
        return hashes


class _WrongContentError(YolopsError):
    """An object holds other bytes than were pushed."""


def canonical_hash(member: Member, content: memoryview) -> str:
    """Return what the fingerprint takes of a file: of labels the hash of their canonical bytes."""
    if not member.path.endswith(".txt"):  # an image
        return member.sha256
    return hashlib.sha256(labels.canonical(bytes(content))).hexdigest()
