"""The first steps of a boot need nothing but Debian's Python."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from yolops_server.fetch import unpacked
from yolops_server.instance import signed_headers

ROLE = {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "a/secret+key", "Token": "a-session-token"}


@pytest.mark.parametrize(
    ("service", "method", "url", "headers", "body"),
    [
        ("logs", "POST", "https://logs.eu-central-1.amazonaws.com/", {"x-amz-target": "Logs.PutLogEvents"}, b"{}"),
        ("s3", "GET", "https://cells.s3.eu-central-1.amazonaws.com/mlflow/server/files/0a.json.gz", {}, b""),
    ],
)
def test_a_request_is_signed_as_botocore_signs_it(
    service: str, method: str, url: str, headers: dict[str, str], body: bytes
) -> None:
    now = datetime.now(UTC)
    ours = signed_headers(ROLE, ("eu-central-1", service), method, url, headers, body, now)

    theirs = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(*ROLE.values()), service, "eu-central-1")
    request = AWSRequest(method, url, {**headers, "X-Amz-Content-SHA256": ours["x-amz-content-sha256"]}, body)
    request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    request.headers["X-Amz-Security-Token"] = ROLE["Token"]
    signature = theirs.signature(theirs.string_to_sign(request, theirs.canonical_request(request)), request)
    assert ours["authorization"].endswith(f"Signature={signature}")


def test_the_other_files_are_taken_only_if_they_are_those_that_were_named() -> None:
    text = json.dumps({"/opt/mlflow/setup": "#!/bin/bash"}).encode()
    digest = hashlib.sha256(text).hexdigest()
    assert unpacked(gzip.compress(text), digest) == {"/opt/mlflow/setup": "#!/bin/bash"}
    with pytest.raises(ValueError, match="not those that Terraform named"):
        unpacked(gzip.compress(text + b" "), digest)
