"""What is not in the bucket is missed, also by a role to which S3 says "forbidden" instead of "not there"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.platform.conftest import simulation
from yolops_server.backup_store import MANIFEST, STATUS, BackupStore, NoBackupError
from yolops_server.object_versions import Version, current_versions, make_current

BUCKET, ID = "cells-of-the-store", "20260102-030405-00aa"


class Limited:
    """S3 for a role that may list some prefixes only, and read nothing that is locked.

    Attributes:
        locked: whether everything is.
        late: what somebody writes right after the next object was missed.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.locked = False
        self.late: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_object(self, **asked: str) -> Any:
        return self._refusing(self._client.get_object, **asked)

    def copy(self, *asked: Any) -> Any:
        return self._refusing(self._client.copy, *asked)

    def _refusing(self, act: Callable[..., Any], *asked: Any, **named: Any) -> Any:
        try:
            if not self.locked:
                return act(*asked, **named)
        except ClientError:
            if late := self.late:
                self.late = {}
                self._client.put_object(**late)
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "GetObject")


@pytest.fixture
def s3() -> Iterator[Limited]:
    with simulation() as aws:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=aws["AWS_ENDPOINT_URL"], **keys)
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield Limited(client)


def test_a_backup_that_is_not_there_is_missed_and_one_that_may_not_be_read_is_an_error(s3: Limited) -> None:
    store = BackupStore(s3, BUCKET, "backups/")
    assert store.read(ID, MANIFEST) is None
    with pytest.raises(NoBackupError, match=ID):
        store.manifest(ID)
    store.write(ID, MANIFEST, {"id": ID})
    assert store.manifest(ID) == {"id": ID}
    s3.locked = True
    with pytest.raises(ClientError, match="AccessDenied"):
        store.read(ID, MANIFEST)


def test_what_is_written_while_it_is_looked_for_is_read(s3: Limited) -> None:
    store = BackupStore(s3, BUCKET, "backups/")
    s3.late = {"Bucket": BUCKET, "Key": f"backups/{ID}/{STATUS}", "Body": b'{"state": "done"}'}
    assert store.read(ID, STATUS) == {"state": "done"}


def test_a_version_that_the_bucket_has_no_more_is_lost_and_one_that_may_not_be_read_is_an_error(s3: Limited) -> None:
    key = "mlflow/best.pt"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"before")
    [before] = current_versions(s3, BUCKET, key)
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"after")
    assert make_current(s3, BUCKET, before)
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"before"
    assert not make_current(s3, BUCKET, Version(key, "no-such-version", 1, "etag"))
    s3.locked = True
    with pytest.raises(ClientError, match="AccessDenied"):
        make_current(s3, BUCKET, before)
