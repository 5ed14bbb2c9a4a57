"""What runs in a job: this yolops and the lock of its packages, in one archive whose bytes depend on nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUIREMENTS = "requirements.txt"
# What a job never imports: the configuration that a wheel brings along, and what Python makes.
NOT_SENT = frozenset({"terraform", "requirements", "__pycache__"})


def code_archive(source: Path, lock: Path) -> bytes:
    """Return a tar of a package and its lock; the same files give the same bytes on every machine.

    Uncompressed: two releases of zlib compress the same to different bytes.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, path in (*_files(source), (REQUIREMENTS, lock)):
            about = tarfile.TarInfo(name)
            about.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(about, content)
    return stream.getvalue()


def key_of(archive: bytes) -> str:
    """Return the key of an archive in the platform's bucket: its hash, so that it is sent once."""
    return f"jobs/code/{hashlib.sha256(archive).hexdigest()}.tar"


def script_archive(name: str, text: str) -> bytes:
    """Return a script as SageMaker's training toolkit takes it: a `.tar.gz`, here with nothing compressed."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        about = tarfile.TarInfo(name)
        about.size, about.mode = len(text), 0o755
        archive.addfile(about, io.BytesIO(text.encode("ascii")))
    return gzip.compress(stream.getvalue(), compresslevel=0, mtime=0)


def script_key(archive: bytes) -> str:
    """Return the key of a script in the platform's bucket: its hash."""
    return f"jobs/scripts/{hashlib.sha256(archive).hexdigest()}.tar.gz"


def model_prefix(file: Path) -> str:
    """Return the prefix of the file to start from: its hash."""
    return f"jobs/models/{hashlib.sha256(file.read_bytes()).hexdigest()[:32]}/"


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(source.rglob("*")):
        parts = path.relative_to(source).parts
        if path.is_file() and not NOT_SENT.intersection(parts):
            yield "/".join((source.name, *parts)), path
