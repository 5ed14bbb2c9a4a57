"""A store in memory, which can grow old, fail from some call on, or let something happen before one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from yolops.datasets.versions.store import AbsentError, Stored


class Died(Exception):
    """The process that used the store is no more."""


class MemoryStore:
    """Keeps what it is told, as a bucket would."""

    where = "memory:"

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.written: list[str] = []
        self.fetched_bytes = 0
        self.calls = 0
        self.dies_at: int | None = None
        self.before: Callable[[int], None] = lambda call: None
        self._lock = threading.RLock()

    def age(self, by: timedelta) -> None:
        """Let time go by."""
        with self._lock:
            self.objects = {key: (content, at - by) for key, (content, at) in self.objects.items()}

    def put(self, key: str, content: bytes | bytearray | memoryview, *, only_new: bool = False) -> bool:
        self._call()
        with self._lock:
            if only_new and key in self.objects:
                return False
            self.objects[key] = (bytes(content), datetime.now(UTC))
            self.written.append(key)
            return True

    def get(self, key: str, start: int = 0, end: int | None = None) -> memoryview:
        self._call()
        with self._lock:
            if key not in self.objects:
                raise AbsentError(f"{key}: is not there")
            content = self.objects[key][0][start:end]
            self.fetched_bytes += len(content)
            return memoryview(content)

    def below(self, prefix: str) -> Iterator[Stored]:
        self._call()
        with self._lock:
            return iter([self._stored(key) for key in sorted(self.objects) if key.startswith(prefix)])

    def children(self, prefix: str) -> tuple[list[str], list[Stored]]:
        self._call()
        with self._lock:
            rests = [key[len(prefix) :] for key in sorted(self.objects) if key.startswith(prefix)]
            names = list(dict.fromkeys(rest.split("/")[0] for rest in rests if "/" in rest))
            return names, [self._stored(prefix + rest) for rest in rests if "/" not in rest]

    def delete(self, keys: Sequence[str]) -> None:
        self._call()
        with self._lock:
            for key in keys:
                self.objects.pop(key, None)

    def _stored(self, key: str) -> Stored:
        content, at = self.objects[key]
        return Stored(key, len(content), at)

    def _call(self) -> None:
        with self._lock:
            self.calls += 1
            call = self.calls
        if self.dies_at is not None and call >= self.dies_at:
            raise Died
        self.before(call)
