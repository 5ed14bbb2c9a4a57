"""What goes between S3 and a training job: channels and code in, checkpoints both ways, model and output out."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from yolops.aws import aws_errors
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yolops.aws import Aws


class JobFailed(Exception):
    """A job cannot go on; the text is what AWS calls the reason of a failure."""


def place_of(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI.

    Raises:
        JobFailed: it is none.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise JobFailed(f"ClientError: {uri} is not an S3 URI")
    return bucket, key


def download_channel(aws: Aws, uri: str, target: Path) -> None:
    """Download a channel in File mode: everything that begins with its URI.

    Raises:
        JobFailed: there is nothing.
    """
    if not _download(aws, uri, target):
        raise JobFailed(
            f'ClientError: Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source'
        )


def download_code(aws: Aws, uri: str, target: Path) -> None:
    """Unpack the archive of a script into the directory it runs in.

    Raises:
        JobFailed: it is not there, or no archive.
    """
    packed = target.with_name("sourcedir.tar.gz")
    try:
        with aws_errors(f"s3 download {uri}"):
            aws.client("s3").download_file(*place_of(uri), str(packed))
        with tarfile.open(packed) as archive:
            archive.extractall(target, filter="data")
    except (YolopsError, tarfile.TarError) as error:
        raise JobFailed(f"AlgorithmError: framework error: {uri}: {error}") from error
    finally:
        packed.unlink(missing_ok=True)


def upload_archive(aws: Aws, source: Path, uri: str) -> None:
    """Upload what a directory holds as one `.tar.gz`."""
    packed = source.with_name(f"{source.name}.tar.gz")
    with tarfile.open(packed, "w:gz") as archive:
        for path in sorted(source.iterdir()):
            archive.add(path, path.name)
    with aws_errors(f"s3 upload {uri}"):
        aws.client("s3").upload_file(str(packed), *place_of(uri))
    packed.unlink()


class Checkpoints:
    """The checkpoints of a job, copied to S3 while it runs and back before it starts again.

    Args:
        aws: where S3 is.
        uri: where they are kept.
        directory: where the job writes them.
    """

    def __init__(self, aws: Aws, uri: str, directory: Path) -> None:
        self._aws = aws
        self._uri = uri.rstrip("/")
        self._directory = directory
        self._known: dict[str, tuple[int, int]] = {}

    def restore(self) -> None:
        """Download what earlier instances of the job have left."""
        _download(self._aws, f"{self._uri}/", self._directory)
        self._known = {name: seen for name, _, seen in self._files()}

    def send(self) -> None:
        """Upload what is new or has changed; what is deleted stays in S3."""
        bucket, prefix = place_of(self._uri)
        for name, path, seen in self._files():
            if self._known.get(name) == seen:
                continue
            try:
                with path.open("rb") as stream, aws_errors(f"s3 upload {name}"):
                    self._aws.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=stream.read())
            except FileNotFoundError:
                continue  # renamed meanwhile
            self._known[name] = seen

    def _files(self) -> Iterator[tuple[str, Path, tuple[int, int]]]:
        for place, _, names in os.walk(self._directory):
            for path in (Path(place) / name for name in sorted(names)):
                try:
                    about = path.stat()
                except FileNotFoundError:
                    continue
                if path.is_file():
                    yield path.relative_to(self._directory).as_posix(), path, (about.st_mtime_ns, about.st_size)


def _download(aws: Aws, uri: str, target: Path) -> int:
    """Download what begins with a URI and return how much that was.

    Raises:
        JobFailed: the bucket cannot be read, or a name would lead out of the directory.
    """
    bucket, prefix = place_of(uri)
    count = 0
    try:
        for page in aws.pages("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                key = str(item["Key"])
                if key.endswith("/"):
                    continue
                path = target / _below(prefix, key)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as stream:
                    shutil.copyfileobj(aws.call("s3", "get_object", Bucket=bucket, Key=key)["Body"], stream)
                count += 1
    except YolopsError as error:
        raise JobFailed(f"ClientError: Data download failed:{error}") from error
    return count


def _below(prefix: str, key: str) -> PurePosixPath:
    """Return the name of an object in its channel: what follows the last directory that the prefix names whole."""
    whole = len(prefix) if prefix.endswith("/") or not prefix else prefix.rfind("/") + 1
    whole = len(prefix) + 1 if key.startswith(f"{prefix}/") else whole
    name = PurePosixPath(key[whole:])
    if name.is_absolute() or ".." in name.parts:
        raise JobFailed(f"ClientError: Data download failed:{key} is not a name that a file can have")
    return name
