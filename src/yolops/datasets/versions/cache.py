"""Objects that were fetched before, on this machine's disk: the next version shares most of them with this one."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 10 * 1000**3


class Cache:
    """A directory of objects by their keys, which never holds more than so many bytes; the least used go first.

    What goes wrong with it is no error: then the store is asked.

    Args:
        directory: where; made when it is needed.
        most_bytes: how much it may hold.
    """

    def __init__(self, directory: Path, most_bytes: int = MOST_BYTES) -> None:
        self._directory = directory
        self._most_bytes = most_bytes

    def get(self, key: str) -> bytes | None:
        """Return an object, or None where it is not at hand."""
        file = self._file(key)
        with suppress(OSError):
            content = file.read_bytes()
            os.utime(file)  # used just now
            return content
        return None

    def put(self, key: str, content: memoryview) -> None:
        """Keep an object."""
        file = self._file(key)
        with suppress(OSError):  # no room, for example
            self._directory.mkdir(parents=True, exist_ok=True)
            with whole_file(file) as draft:
                draft.write_bytes(content)

    def drop(self, key: str) -> None:
        """Forget an object."""
        with suppress(OSError):
            self._file(key).unlink()

    def trim(self) -> None:
        """Remove what was used longest ago until the rest is small enough."""
        found: list[tuple[float, int, Path]] = []
        with suppress(OSError):
            for entry in os.scandir(self._directory):
                with suppress(OSError):
                    status = entry.stat()
                    found.append((status.st_mtime, status.st_size, self._directory / entry.name))
        total = sum(size for _, size, _ in found)
        for _, size, file in sorted(found):
            if total <= self._most_bytes:
                return
            with suppress(OSError):
                file.unlink()
                total -= size

    def _file(self, key: str) -> Path:
        return self._directory / key.rpartition("/")[2]
