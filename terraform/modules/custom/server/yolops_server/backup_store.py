"""Where backups are kept: `backups/<id>/` in the bucket, so that every server finds them.

Training jobs may read and write what is below the server's own prefix, so backups are not: who could read one would
have the hashes of all passwords, and who could write one could be an administrator once it is restored.

The manifest is written last: a backup is there wholly, or not at all. Beside it lies how far its making is.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yolops_server.settings import Settings

PREFIX = "backups/"
ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
MANIFEST, STATUS, DATABASE, ARTIFACTS = "manifest.json", "status.json", "database.jsonl.gz", "artifacts.jsonl.gz"
# Ten thousand parts are the most (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html): 160 GB.
PART_BYTES = 16 * 1024 * 1024


class NoBackupError(Exception):
    """There is no such backup, or not the whole of it."""


def new_id() -> str:
    """Return an ID that sorts by time (UTC)."""
    return f"{now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class Upload:
    """Sends one object in parts while it is written, so that no more than a part is ever in memory."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client = client
        self._place = {"Bucket": bucket, "Key": key}
        self._upload = self._place | {"UploadId": client.create_multipart_upload(**self._place)["UploadId"]}
        self._waiting = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The hash of what was written."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Take more of the object."""
        self._hash.update(data)
        self.size += len(data)
        self._waiting += data
        if len(self._waiting) >= PART_BYTES:
            self._send()
        return len(data)

    def finish(self) -> None:
        """Make the object of what was written."""
        if self._waiting or not self._parts:
            self._send()
        self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": self._parts})

    def abort(self) -> None:
        """Forget what was written."""
        self._client.abort_multipart_upload(**self._upload)

    def flush(self) -> None:
        """Do nothing: a part has a size that S3 demands."""

    def _send(self) -> None:
        number = len(self._parts) + 1
        sent = self._client.upload_part(**self._upload, PartNumber=number, Body=bytes(self._waiting))
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self._waiting.clear()


class _Hashed:
    """Reads a stream and knows the hash of it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(None if size < 0 else size)
        self.hash.update(data)
        return data


class BackupStore:
    """The backups of one platform.

    Args:
        client: of S3.
        bucket: the bucket.
        prefix: what lies before the IDs, ending in a slash.
    """

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def ids(self) -> list[str]:
        """Return the IDs, the newest first."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        keys = (item["Key"][len(self._prefix) :] for page in pages for item in page.get("Contents", []))
        return sorted({name for name in (key.split("/")[0] for key in keys) if ID.fullmatch(name)}, reverse=True)

    def manifest(self, backup: str) -> dict[str, Any]:
        """Return what a backup says of itself.

        Raises:
            NoBackupError: there is none.
        """
        if ID.fullmatch(backup) and (found := self.read(backup, MANIFEST)):
            return found
        raise NoBackupError(f"there is no whole backup {backup!r}")

    def has(self, backup: str, name: str) -> bool:
        """Return whether a part of a backup is there."""
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._key(backup, name), MaxKeys=1)
        return bool(listed.get("KeyCount"))

    def read(self, backup: str, name: str) -> dict[str, Any] | None:
        """Return a small part of a backup; None if it is not there."""
        place = {"Bucket": self._bucket, "Key": self._key(backup, name)}
        try:
            found = self._client.get_object(**place)
        except self._client.exceptions.ClientError:
            # S3 need not say "not there": to a role that may list some prefixes only it may say "forbidden".
            if not self.has(backup, name):
                return None
            found = self._client.get_object(**place)  # it may have come just now
        return cast("dict[str, Any]", json.load(found["Body"]))

    def write(self, backup: str, name: str, content: dict[str, Any]) -> None:
        """Write a small part of a backup."""
        body = json.dumps(content).encode()
        self._client.put_object(
            Bucket=self._bucket, Key=self._key(backup, name), Body=body, ContentType="application/json"
        )

    def write_lines(self, backup: str, name: str, lines: Iterable[str]) -> dict[str, Any]:
        """Write a large part of a backup, compressed on the way; return its size in bytes and its hash."""
        upload = Upload(self._client, self._bucket, self._key(backup, name))
        try:
            with gzip.GzipFile(fileobj=cast("BinaryIO", upload), mode="wb", compresslevel=5, mtime=0) as packed:
                for line in lines:
                    packed.write(line.encode() + b"\n")
            upload.finish()
        except BaseException:
            upload.abort()
            raise
        return {"size": upload.size, "sha256": upload.sha256}

    @contextmanager
    def lines(self, backup: str, name: str, sha256: str) -> Iterator[Iterator[str]]:
        """Yield the lines of a large part; when all were read, they were those that were written.

        Raises:
            ValueError: they were not.
        """
        stream = _Hashed(self._client.get_object(Bucket=self._bucket, Key=self._key(backup, name))["Body"])
        with gzip.GzipFile(fileobj=cast("BinaryIO", stream)) as packed:
            yield (line.decode() for line in packed)
            while stream.read(PART_BYTES):
                pass
        if stream.hash.hexdigest() != sha256:
            raise ValueError(f"{name} of backup {backup} is not what was written; nothing was changed")

    def remove(self, backup: str) -> None:
        """Forget a backup, the manifest first."""
        for name in (MANIFEST, DATABASE, ARTIFACTS, STATUS):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(backup, name))

    def _key(self, backup: str, name: str) -> str:
        return f"{self._prefix}{backup}/{name}"


def store_of(settings: Settings, client: Any = None) -> BackupStore:
    """Return where the backups of a platform are kept."""
    import boto3

    client = client or boto3.client("s3", region_name=settings.region)
    return BackupStore(client, settings.bucket, PREFIX)
