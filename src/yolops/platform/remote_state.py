"""Terraform's state in a bucket with a lock, so that several people can work on one platform."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yolops.aws import AwsError
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from yolops.aws import Aws

# The one region whose buckets may not be told where they are.
FIRST_REGION = "us-east-1"
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
BACKEND = """\
# Written by `yolops init`: the state of this platform, with a lock, in a bucket that is not part of it.
terraform {{
  backend "s3" {{
    bucket       = "{bucket}"
    key          = "{project}/terraform.tfstate"
    region       = "{region}"
    encrypt      = true
    use_lockfile = true
  }}
}}
"""


def check_bucket_name(bucket: str) -> None:
    """Raise what is wrong with the name of a bucket.

    Raises:
        YolopsError: no bucket can be called that.
    """
    if not BUCKET_NAME.fullmatch(bucket):
        raise YolopsError(f'"{bucket}" is no name for a bucket', "use 3 to 63 small letters, digits and hyphens")


def backend(bucket: str, project: str, region: str) -> str:
    """Return the file that tells Terraform where its state is."""
    return BACKEND.format(bucket=bucket, project=project, region=region)


def ensure_bucket(aws: Aws, bucket: str) -> bool:
    """Make a versioned, private bucket for states unless it is there, and return whether it was made.

    Raises:
        YolopsError: the bucket is somebody else's, or AWS refuses.
    """
    try:
        aws.call("s3", "head_bucket", Bucket=bucket)
    except AwsError as error:
        if error.code in {"403", "AccessDenied"}:
            raise YolopsError(
                f"{bucket}: this bucket is somebody else's", "choose another name for --remote-state"
            ) from error
        if not error.absent:
            raise
    else:
        _check_versioned(aws, bucket)
        return False
    where = {} if aws.region == FIRST_REGION else {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
    aws.call("s3", "create_bucket", Bucket=bucket, **where)
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    aws.call("s3", "put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=closed)
    aws.call("s3", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return True


def _check_versioned(aws: Aws, bucket: str) -> None:
    if aws.call("s3", "get_bucket_versioning", Bucket=bucket).get("Status") != "Enabled":
        raise YolopsError(
            f"{bucket}: this bucket keeps no versions, so a damaged state could not be restored",
            f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled",
        )
