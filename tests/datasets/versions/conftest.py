"""Buckets of a simulated S3, and directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.platform.conftest import REGION, simulated_aws  # noqa: F401 - a fixture
from yolops.aws import Aws
from yolops.datasets.versions.store import ObjectStore, bucket, directory

BUCKET = "cells-datasets"


@pytest.fixture(scope="module")
def s3(simulated_aws: dict[str, str]) -> dict[str, str]:  # noqa: F811
    """A simulated S3 with a bucket in it, and the environment in which a process talks to it."""
    place = {"LocationConstraint": REGION}
    Aws(REGION).call("s3", "create_bucket", Bucket=BUCKET, CreateBucketConfiguration=place)
    return simulated_aws


@pytest.fixture(params=["bucket", "directory"])
def store(request: pytest.FixtureRequest, s3: dict[str, str], tmp_path: Path) -> ObjectStore:
    """An empty place to push to: one of a bucket, and one of this machine."""
    if request.param == "directory":
        return directory(tmp_path / "store")
    return bucket(Aws(REGION), f"s3://{BUCKET}/{tmp_path.name}")
