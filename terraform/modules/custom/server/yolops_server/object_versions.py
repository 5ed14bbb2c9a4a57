"""Which versions of the artifacts are current, and making those of a backup current again.

The bucket keeps what is overwritten or deleted for 90 days (`forget-old-versions` of the module storage). So a backup
need not copy artifacts, it names them; and a restore copies within S3.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Version:
    """One version of an object.

    Attributes:
        key: where it is in the bucket.
        version: its ID.
        size: in bytes.
        etag: of its content.
    """

    key: str
    version: str
    size: int
    etag: str

    def line(self) -> str:
        """Return it as `read_versions` takes it."""
        return json.dumps(astuple(self), separators=(",", ":"))


def read_versions(lines: Iterable[str]) -> Iterator[Version]:
    """Return the versions that are written in lines."""
    return (Version(*json.loads(line)) for line in lines)


def current_versions(client: Any, bucket: str, prefix: str) -> Iterator[Version]:
    """Yield the current version of each object below a prefix, by key."""
    for item in _versions(client, bucket, prefix):
        if item["IsLatest"]:
            yield Version(item["Key"], item["VersionId"], item["Size"], item["ETag"])


def not_current(wanted: Iterable[Version], current: Iterable[Version]) -> Iterator[Version]:
    """Yield what is wanted and was deleted or overwritten; both come by key, and neither is kept in memory."""
    others = iter(current)
    other = next(others, None)
    for one in wanted:
        # S3 sorts by the bytes of UTF-8, which is the order of characters.
        while other is not None and other.key < one.key:
            other = next(others, None)
        same = other is not None and other.key == one.key
        if not (same and other and (other.version == one.version or (other.etag, other.size) == (one.etag, one.size))):
            yield one


def make_current(client: Any, bucket: str, version: Version) -> bool:
    """Make a version the current one; return whether the bucket still had it."""
    source = {"Bucket": bucket, "Key": version.key, "VersionId": version.version}
    try:
        # In parts where it is larger than the 5 GB that S3 copies at once.
        client.copy(source, bucket, version.key)
    except client.exceptions.ClientError:
        # S3 need not say "not there": to a role that may list some prefixes only it may say "forbidden".
        if any(item["VersionId"] == version.version for item in _versions(client, bucket, version.key)):
            raise
        return False
    return True


def _versions(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Versions", [])
