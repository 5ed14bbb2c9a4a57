"""Unpack a zip or tar archive that somebody else made, in bounded time and memory, and only below one new directory.

Links and devices are refused, no mode or owner is taken over, and every file is created anew: so there is nothing in
the directory through which a later member could be written elsewhere.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from contextlib import closing
from typing import IO, TYPE_CHECKING, Protocol

from yolops.datasets.fetching.members import Limits, Members, RefusedError
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path, PurePosixPath

_CHUNK = 1024 * 1024
# The directory of a zip is read at once; a million entries with names of 60 letters take 130 MB.
_MOST_DIRECTORY = 160 * 1024**2
_ZIP_ENTRY = b"PK\x01\x02"
# What one entry of a tar may say about the next is read at once, and what it says about all next is copied for each.
_ABOUT_NEXT = {
    tarfile.GNUTYPE_LONGLINK,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.XHDTYPE,
}
_MOST_HEADER, _MOST_GLOBAL, _MOST_GLOBALS = 64 * 1024, 4096, 8
# `xz -9` needs 65 MiB; a file may ask for 4 GiB.
_XZ_MEMORY = 128 * 1024**2
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_HINT = "see who made it; it is not unpacked"


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = ..., /) -> bytes:
        """Read at most so many bytes; none at the end."""


def unpack(
    archive: Path, target: Path, *, limits: Limits | None = None, progress: Callable[[int, int], None] | None = None
) -> Counter[str]:
    """Unpack an archive.

    Args:
        archive: a zip, or a tar that is plain or packed by gzip, bzip2 or xz; told by its content.
        target: an empty directory.
        limits: how much may come out of it.
        progress: called with how many bytes of the archive are read, and of how many.

    Returns:
        How many members were left out, by suffix.

    Raises:
        YolopsError: the archive is hostile, damaged, or of another kind; what is in the target then is worth nothing.
    """
    packed = archive.stat().st_size
    members = Members(limits or Limits(), packed)
    try:
        with archive.open("rb") as file:
            start = file.read(512)
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            _unzip(archive, target, members, progress)
        else:
            _untar(archive, start, target, members, progress)
    except RefusedError as error:
        raise YolopsError(f"{archive}: {error}", _HINT) from error
    except OSError as error:
        if error.filename is not None or error.errno is not None:  # of this machine, not of the archive
            raise
        raise _damaged(archive, error) from error
    except YolopsError:
        raise
    except Exception as error:  # readers raise anything on broken archives
        raise _damaged(archive, error) from error
    return members.left_out


def _damaged(archive: Path, error: Exception) -> YolopsError:
    what = str(error)[:100] or type(error).__name__
    return YolopsError(f"{archive}: damaged or cut off ({what})", "fetch it again")


def _unzip(archive: Path, target: Path, members: Members, progress: Callable[[int, int], None] | None) -> None:
    with _ZipBytes(archive) as file, zipfile.ZipFile(file) as opened:
        entries = opened.infolist()
        # All of them before anything is written.
        places = [_zip_place(entry, members) for entry in entries]
        done = 0
        for entry, place in zip(entries, places, strict=True):
            done += entry.compress_size
            if place:
                with opened.open(entry) as source:
                    _write(source, target / place, entry.file_size)
            if progress:
                progress(min(done, members.packed), members.packed)


class _ZipBytes(io.BufferedReader):
    """A file that refuses to be read in one piece where `zipfile` would read a directory of any size."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_DIRECTORY:
            raise RefusedError(f"a directory of {size:,} bytes")
        content = super().read(size)
        if len(content) > _CHUNK and content.count(_ZIP_ENTRY) > Limits().files:
            raise RefusedError("more entries than a dataset has files")
        return content


def _zip_place(entry: zipfile.ZipInfo, members: Members) -> PurePosixPath | None:
    # `filename` ends at the first NUL.
    name = entry.orig_filename
    if entry.flag_bits & _ENCRYPTED:
        raise RefusedError(f"{name[:80]!r} is encrypted")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise RefusedError(f"{name[:80]!r} is a link or a device")
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise RefusedError(f"{name[:80]!r} is packed by an unusual method")
    return members.place(name, directory=name.endswith("/") or kind == stat.S_IFDIR, size=entry.file_size)


def _untar(
    archive: Path, start: bytes, target: Path, members: Members, progress: Callable[[int, int], None] | None
) -> None:
    header = _header_class()
    with archive.open("rb") as file:
        stream = _Bounded(_unpacked(file, start, archive), members.limits.most(members.packed))
        # As a stream: it is read once from the beginning to the end, and never sought in; tarfile's types ask for that.
        with closing(tarfile.open(fileobj=stream, mode="r|", tarinfo=header)) as opened:  # type: ignore[call-overload]
            while entry := opened.next():
                opened.members = []  # they are kept otherwise
                place = _tar_place(entry, members)
                if place and (source := opened.extractfile(entry)):
                    _write(source, target / place, entry.size)
                if progress:
                    progress(min(file.tell(), members.packed), members.packed)
        if not header.ended:  # which tarfile takes for an end
            raise EOFError("it has no end")
        while stream.read(_CHUNK):  # up to the checksum of what packed it
            pass


def _tar_place(entry: tarfile.TarInfo, members: Members) -> PurePosixPath | None:
    if not (entry.isreg() or entry.isdir()) or entry.issparse():
        raise RefusedError(f"{entry.name[:80]!r} is a link, a device or a file with holes")
    return members.place(entry.name, directory=entry.isdir(), size=entry.size)


class _Header(tarfile.TarInfo):
    """An entry of a tar; `ended` says whether the block that ends an archive was met."""

    ended = False
    globals = 0


def _header_class() -> type[_Header]:
    class Header(_Header):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Header:
            cls.ended = len(buf) == tarfile.BLOCKSIZE and not any(buf)
            entry = super().frombuf(buf, encoding, errors)
            shared = entry.type == tarfile.XGLTYPE
            cls.globals += shared
            most = _MOST_GLOBAL if shared else _MOST_HEADER
            about_next = entry.type in _ABOUT_NEXT
            if (about_next and entry.size > most) or cls.globals > _MOST_GLOBALS:
                raise RefusedError("a header larger than any name")
            return entry

    return Header


class _Bounded:
    """Bytes of which no more than so many can be read."""

    def __init__(self, source: Readable, most: int) -> None:
        self._source = source
        self._left = self._most = most

    def read(self, size: int = -1, /) -> bytes:
        content = self._source.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise RefusedError(f"more than {self._most:,} bytes come out of it")
        return content


def _unpacked(file: IO[bytes], start: bytes, archive: Path) -> Readable:
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start.startswith(b"\xfd7zXZ\0"):
        return _Xz(file)
    if start[257:262] == b"ustar":
        return file
    kind = "Zstandard" if start.startswith(b"\x28\xb5\x2f\xfd") else "of another kind"
    raise YolopsError(f"{archive}: neither zip nor tar, but {kind}", "give a .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz")


class _Xz:
    """What `lzma.LZMAFile` is, with a bound on the memory that a file may ask for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._open = self._new()
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        while True:
            if self._open.eof:  # another stream may follow, behind zeros
                self._rest = self._open.unused_data.lstrip(b"\0") or self._file.read(_CHUNK)
                if not self._rest:
                    return b""
                self._open = self._new()
            elif self._open.needs_input:
                self._rest = self._file.read(_CHUNK)
                if not self._rest:
                    raise EOFError("it has no end")
            rest, self._rest = self._rest, b""
            if content := self._open.decompress(rest, size):
                return content

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _write(source: Readable, path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        written = 0
        while content := source.read(_CHUNK):
            written += file.write(content)
    if written != size:
        raise EOFError(f"{path.name[:80]} has {written} bytes instead of {size}")
