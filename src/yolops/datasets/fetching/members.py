"""Which members of an archive may be unpacked, and where: what is no plain file with a plain name is refused.

What is refused and why: absolute names, `..` and drive letters write elsewhere; names with control or formatting
letters show something else than they are; two names that differ in case only, or a file that is also a directory,
overwrite each other on some machines; an archive in an archive hides all of it once more.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from yolops.datasets.splits import IMAGE_SUFFIXES

# All that a dataset is made of. The rest stays packed: programs, notebooks, weights, caches that ultralytics unpickles.
KEPT_SUFFIXES = IMAGE_SUFFIXES | frozenset(
    [".csv", ".json", ".jsonl", ".md", ".names", ".txt", ".xml", ".yaml", ".yml"]
)
_ARCHIVE_SUFFIXES = frozenset(
    [".7z", ".bz2", ".gz", ".lzma", ".rar", ".tar", ".tbz2", ".tgz", ".txz", ".xz", ".zip", ".zst"]
)
_LONGEST_NAME, _LONGEST_PATH, _DEEPEST = 255, 1024, 20
_DRIVE = re.compile(r"[A-Za-z]:")


class RefusedError(Exception):
    """An archive is not unpacked; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may come out of an archive.

    Attributes:
        files: members, directories included.
        bytes: all of their bytes.
        ratio: how many times as large as the archive they may be, once they are more than `free_of_ratio`.
        free_of_ratio: bytes that may come out of any archive: labels and drawings pack well.
    """

    files: int = 1_000_000
    bytes: int = 2 * 1024**4
    ratio: int = 100
    free_of_ratio: int = 256 * 1024**2

    def most(self, packed: int) -> int:
        """Return how many bytes may come out of an archive of `packed` bytes."""
        return min(self.bytes, max(self.free_of_ratio, self.ratio * packed))


@dataclass(slots=True)
class Members:
    """What was met in one archive so far.

    Attributes:
        limits: how much may come out of it.
        packed: how many bytes the archive has.
        files: how many members there were.
        left_out: how many members stay packed, by suffix.
    """

    limits: Limits
    packed: int
    files: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    _known: dict[str, tuple[str, bool]] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _bytes: int = 0

    def place(self, name: str, *, directory: bool, size: int) -> PurePosixPath | None:
        """Return where a member goes below the target; None if it is left out.

        Args:
            name: its name as it stands in the archive.
            directory: whether it is a directory.
            size: how many bytes it says it has.

        Raises:
            RefusedError: it must not be unpacked, and so nothing of the archive.
        """
        self.files += 1
        if self.files > self.limits.files:
            raise RefusedError(f"more than {self.limits.files:,} files")
        if size < 0:
            raise RefusedError(f"{name[:80]!r} has a negative size")
        self._bytes += size
        if self._bytes > self.limits.most(self.packed):
            raise RefusedError(f"more than {self.limits.most(self.packed):,} bytes come out of {self.packed:,}")
        parts = _parts(name)
        if not parts:
            return None
        self._remember(parts, directory=directory)
        path = PurePosixPath(*parts)
        if directory:
            return None
        suffix = path.suffix.lower()
        if suffix in _ARCHIVE_SUFFIXES:
            raise RefusedError(f"{name[:80]!r} is an archive in the archive")
        if suffix not in KEPT_SUFFIXES or any(part.startswith(".") or part == "__MACOSX" for part in parts):
            self.left_out[suffix or path.name[:20]] += 1
            return None
        return path

    def _remember(self, parts: tuple[str, ...], *, directory: bool) -> None:
        for depth in range(1, len(parts) + 1):
            name = "/".join(parts[:depth])
            is_directory = directory or depth < len(parts)
            # What macOS and Windows take for the same name.
            key = unicodedata.normalize("NFC", name).casefold()
            known, was_directory = self._known.setdefault(key, (name, is_directory))
            if known == name and was_directory != is_directory:
                raise RefusedError(f"{name[:80]!r} is a file and a directory")
            if known != name:
                raise RefusedError(f"{name[:80]!r} and {known[:80]!r} are one name on some machines")
        if not directory and name in self._names:
            raise RefusedError(f"{name[:80]!r} is there twice")
        self._names.add(name)


def _parts(name: str) -> tuple[str, ...]:
    shown = repr(name[:80])
    if any(unicodedata.category(letter)[0] == "C" or letter in "\\\u2028\u2029" for letter in name):
        raise RefusedError(f"{shown} has letters that no name of a file should have")
    if name.startswith("/") or _DRIVE.match(name):
        raise RefusedError(f"{shown} is an absolute name")
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        raise RefusedError(f"{shown} leads out of the archive")
    if (
        len(parts) > _DEEPEST
        or len(name.encode()) > _LONGEST_PATH
        or any(len(part.encode()) > _LONGEST_NAME for part in parts)
    ):
        raise RefusedError(f"{shown}... is too long or too deep")
    return parts
