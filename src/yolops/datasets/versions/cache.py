"""What was pulled before, on this machine's disk: objects, most of which the next version shares with this one, and the
versions that trainings were told to take.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from yolops.datasets.versions.catalogue import SHOWN_CHARACTERS
from yolops.errors import YolopsError
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 10 * 1000**3


class Cache:
    """A directory of objects by their keys and of versions, which holds so many bytes; the least used go first.

    What goes wrong with an object is no error: then the store is asked.

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

    @contextmanager
    def version(self, name: str, version: str) -> Iterator[Path]:
        """Hand out the directory in which a version is, or shall be; it is not removed before the block ends.

        Raises:
            YolopsError: its place cannot be written.
        """
        place = self._directory / version[:SHOWN_CHARACTERS]
        try:
            descriptor = _held(place)
        except OSError as error:
            raise YolopsError(f"{place}: {error.strerror}", "check the permissions of the directory above") from error
        try:
            yield place / name
        finally:
            os.close(descriptor)

    def trim(self) -> None:
        """Remove what was used longest ago until the rest is small enough; nothing that is in use now."""
        found: list[tuple[float, int, Path]] = []
        with suppress(OSError):
            for path in self._directory.iterdir():
                with suppress(OSError):
                    found.append((path.stat().st_mtime, _size(path), path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._most_bytes:
                return
            with suppress(OSError):  # in use, for example
                _remove(path)
                total -= size

    def _file(self, key: str) -> Path:
        return self._directory / key.rpartition("/")[2]


def _held(place: Path) -> int:
    """Make a directory if need be, and return a descriptor that keeps `_remove` from it until it is closed."""
    while True:
        place.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # removed just now
            descriptor = os.open(place, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            with suppress(FileNotFoundError):
                os.utime(place)
                if os.path.samestat(os.fstat(descriptor), place.stat()):
                    return descriptor
            os.close(descriptor)


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size
