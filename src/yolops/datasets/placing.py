"""How files get to where they belong: a directory appears whole or not at all, a user's file is never written to."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


@contextmanager
def whole_directory(target: Path) -> Iterator[Path]:
    """Hand out a new directory beside `target` that takes its place when the block ends without an error.

    Raises:
        YolopsError: `target` exists and is not an empty directory, or the place cannot be written.
    """
    refuse_occupied(target)
    partial = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
    try:
        partial.mkdir(parents=True)
        yield partial
        refuse_occupied(target)  # somebody else may have been quicker
        partial.rename(target)
    except OSError as error:
        raise YolopsError(
            f"{error.filename or target}: {error.strerror or error}", "check the paths, their permissions and the disk"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def place(source: Path, target: Path, *, symbolic: bool) -> None:
    """Make `target` show the content of `source`: by a link where the file system has them, else by a copy.

    Args:
        source: an existing file, absolute.
        target: where no file is yet; directories are made.
        symbolic: a symbolic link; otherwise a hard one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if symbolic:
            target.symlink_to(source)
        else:
            target.hardlink_to(source.resolve())
    except FileExistsError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def named(splits: Mapping[str, Iterable[Path]]) -> Iterator[tuple[str, Path, str]]:
    """Yield split, image, and a name that no other image of the split has, in whatever case and with any suffix."""
    for split, members in splits.items():
        taken: set[str] = set()
        for number, image in enumerate(members):
            stem = image.stem if image.stem.lower() not in taken else f"{image.stem}-{number:06d}"
            taken.add(stem.lower())
            yield split, image, f"{stem}{image.suffix}"


def refuse_occupied(target: Path) -> None:
    """Refuse a place where something is already; an empty directory is nothing.

    Raises:
        YolopsError: `target` exists and is not an empty directory.
    """
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir() or any(target.iterdir()):
        raise YolopsError(f"{target}: exists already", "give a directory that does not exist yet")
