"""Sends objects to a store, several at a time, and no more of them at once than memory should hold."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from yolops.datasets.versions.catalogue import AT_ONCE
from yolops.datasets.versions.manifest import object_key

if TYPE_CHECKING:
    from typing import Self

    from yolops.datasets.versions.manifest import Part
    from yolops.datasets.versions.store import Store

# Of what waits to be sent; a single larger file waits alone.
MOST_BYTES = 64 * 1024 * 1024


class Sender:
    """Sends objects; at its end all are there, unless an error ended it.

    Args:
        store: where to.
        name: of the dataset.
        fresh: the sizes of objects that are there, by key, and will stay for longer than this push.
        dry_run: only count.

    Attributes:
        objects: how many were sent.
        bytes: their size.
    """

    def __init__(self, store: Store, name: str, fresh: dict[str, int], *, dry_run: bool) -> None:
        self._store, self._name, self._fresh, self._dry_run = store, name, fresh, dry_run
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="dataset-push")
        self._pending: dict[Future[bool], int] = {}
        self.objects = 0
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            while self._pending and kind is None:
                self._wait()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def send(self, part: Part, content: bytes | bytearray) -> None:
        """Send an object unless it is there; wait if much is on its way already.

        Raises:
            YolopsError: the store refused this one, or one before.
        """
        key = object_key(self._name, part)
        if self._fresh.get(key) == part.size:
            return
        self._fresh[key] = part.size
        self.objects += 1
        self.bytes += part.size
        if self._dry_run:
            return
        while self._pending and sum(self._pending.values()) + part.size > MOST_BYTES:
            self._wait()
        self._pending[self._pool.submit(self._store.put, key, content)] = part.size

    def _wait(self) -> None:
        for future in wait(self._pending, return_when=FIRST_COMPLETED).done:
            del self._pending[future]
            future.result()
