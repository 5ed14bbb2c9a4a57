"""The checkpoints of a training job: one archive for each epoch, with all that another instance needs to go on.

An archive is a tar of files of the run's directory: the last and the best checkpoint, the trainer's state, tables,
plots, and the spool, so that what MLflow had not got by then is sent by the next instance. Its last member counts the
others and holds their hashes: an archive that was cut off, or that S3 has only a part of, has none or another one, and
the one before is taken. There are two places, used in turn: SageMaker deletes nothing in S3 of what is deleted here.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
from operator import itemgetter
from typing import TYPE_CHECKING, Any, BinaryIO

from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yolops.training.run_directory import RunDirectory

PLACES = ("checkpoint-0.tar", "checkpoint-1.tar")
SUMMARY = "checkpoint.json"
# Of an archive, in which its summary is whole: some fifty names and hashes, padded to records of tar.
TAIL_BYTES = 64 * 1024
# In this order: what progress says was sent must be among the records that are read behind it.
SPOOL = ("run.json", "progress.json", "rejected.jsonl", "records.jsonl")


class Checkpoints:
    """The archives of one job.

    Args:
        directory: what SageMaker keeps in S3.
        work: where archives are written and unpacked; on the same file system if that can be.
    """

    def __init__(self, directory: Path, work: Path) -> None:
        self._directory = directory
        self._work = work

    def keep(self, run: RunDirectory, epoch: int) -> None:
        """Write the archive of a run whose `epoch`, counted from 1, is done.

        Raises:
            OSError: it cannot be written; those that were there before are whole.
        """
        target = self._directory / PLACES[epoch % len(PLACES)]
        written = self._work / target.name
        hashes: dict[str, str] = {}
        with tarfile.open(written, "w") as archive:
            for path in _files(run):
                name = path.relative_to(run.path).as_posix()
                with path.open("rb") as stream:  # progress.json may be replaced meanwhile
                    hashes[name] = hashlib.file_digest(stream, "sha256").hexdigest()
                    _add(archive, name, stream)
            _add(archive, SUMMARY, io.BytesIO(json.dumps({"epoch": epoch, "sha256": hashes}).encode()))
        _move(written, target)

    def restore(self, target: Path) -> int:
        """Unpack the newest archive that is whole into `target`, which is not there yet.

        Returns:
            The epoch that it was written behind, counted from 1; 0 where there is none.
        """
        summaries = ((_summary(path), path) for path in (self._directory / name for name in PLACES))
        found = [(summary["epoch"], summary["sha256"], path) for summary, path in summaries if summary is not None]
        for epoch, hashes, archive in sorted(found, key=itemgetter(0), reverse=True):
            partial = self._work / f"{target.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            if _unpack(archive, partial, hashes):
                partial.rename(target)
                return int(epoch)
        return 0


def epoch_at_end(tail: bytes) -> int:
    """Return the epoch that an archive was written behind, out of its last `TAIL_BYTES`; 0 where it was cut off."""
    start = tail.rfind(f"{SUMMARY}\0".encode())
    if start < 0:
        return 0
    try:
        with tarfile.open(fileobj=io.BytesIO(tail[start:]), mode="r:") as archive:
            summary = _read_summary(archive)
    except (tarfile.TarError, KeyError, ValueError, EOFError):
        return 0
    return 0 if summary is None else int(summary["epoch"])


def _files(run: RunDirectory) -> Iterator[Path]:
    yield from (path for path in sorted(run.path.iterdir()) if path.is_file())
    yield from sorted((run.path / "weights").glob("*.pt"))
    yield from (path for name in SPOOL if (path := run.spool.directory / name).exists())


def _add(archive: tarfile.TarFile, name: str, stream: BinaryIO) -> None:
    about = tarfile.TarInfo(name)
    about.size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    archive.addfile(about, stream)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _move(written: Path, target: Path) -> None:
    try:
        written.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Where the directory is a file system of its own, a part may be copied to S3; its missing summary tells.
        with whole_file(target) as draft:
            shutil.copyfile(written, draft)
        written.unlink()


def _summary(path: Path) -> dict[str, Any] | None:
    """Return the last member of an archive; None where it is missing or no summary."""
    try:
        with tarfile.open(path, "r:") as archive:
            return _read_summary(archive)
    except (OSError, tarfile.TarError, KeyError, ValueError, EOFError):
        return None


def _read_summary(archive: tarfile.TarFile) -> dict[str, Any] | None:
    stream = archive.extractfile(SUMMARY)
    value = json.load(stream) if stream is not None else None
    is_one = isinstance(value, dict) and isinstance(value.get("epoch"), int) and isinstance(value.get("sha256"), dict)
    return value if is_one else None


def _unpack(path: Path, target: Path, hashes: dict[str, str]) -> bool:
    """Unpack an archive into a new directory; return whether its files have these hashes."""
    try:
        with tarfile.open(path, "r:") as archive:
            archive.extractall(target, filter="data")
        unpacked = {
            found.relative_to(target).as_posix(): _digest(found)
            for found in target.rglob("*")
            if found.is_file() and found.name != SUMMARY
        }
        (target / SUMMARY).unlink()
    except (OSError, tarfile.TarError, EOFError):
        return False
    return unpacked == hashes
