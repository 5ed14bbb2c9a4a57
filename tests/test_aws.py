"""What boto3 raises becomes one line that says what is wrong and one that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from yolops.aws import Aws, AwsError, aws_errors

ASK = """
import sys
from yolops.aws import Aws
from yolops.errors import YolopsError
try:
    Aws("eu-central-1").account()
except YolopsError as error:
    print(error.message, "|", error.hint)
"""


def refused(code: str, text: str = "because") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, "CreateBucket")


@pytest.mark.parametrize(
    ("error", "says", "advises"),
    [
        (refused("ExpiredToken"), "AWS s3 create_bucket: your login has expired", "aws sso login"),
        (refused("InvalidClientTokenId"), "the credentials are not valid", "aws configure"),
        (refused("AccessDenied", "not authorized to perform s3:X"), "not authorized to perform s3:X", "permission"),
        (refused("403", "Forbidden"), "AWS s3 create_bucket: not allowed (Forbidden)", "permission"),
        (refused("BucketAlreadyExists", "taken"), "taken (BucketAlreadyExists)", "mend"),
        (exceptions.NoCredentialsError(), "there are no credentials", "aws configure"),
        (exceptions.ProfileNotFound(profile="team"), "team", "AWS_PROFILE"),
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), "no answer", "network"),
        (exceptions.UnauthorizedSSOTokenError(), "your login has expired", "aws sso login"),
        (exceptions.ParamValidationError(report="x"), "x", "mend"),
    ],
)
def test_an_error_of_boto3_says_what_to_do(error: Exception, says: str, advises: str) -> None:
    with pytest.raises(AwsError) as caught, aws_errors("s3 create_bucket"):
        raise error
    assert says in caught.value.message
    assert advises in caught.value.hint


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("404", True),
        ("NoSuchBucket", True),
        ("DBInstanceNotFound", True),
        ("InvalidVpcID.NotFound", True),
        ("ParameterNotFound", True),
        ("ValidationException", True),
        ("AccessDenied", False),
        ("500", False),
    ],
)
def test_what_is_not_there_is_told_from_what_is_refused(code: str, absent: bool) -> None:
    with pytest.raises(AwsError) as caught, aws_errors("anything"):
        raise refused(code)
    assert caught.value.absent is absent


def ask(**environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    none = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **environment}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env={**kept, **none}, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_without_credentials_there_is_one_clear_error() -> None:
    said = ask(AWS_EC2_METADATA_DISABLED="true")
    assert said.startswith("AWS sts get_caller_identity: there are no credentials | log in")


def test_where_nothing_listens_the_error_says_so() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_MAX_ATTEMPTS": "1"}
    said = ask(**keys, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "no answer" in said
    assert "a rehearsal must be running" in said


def test_a_service_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AwsError, match="no-such-service"):
        Aws("eu-central-1").client("no-such-service")


def test_an_operation_without_pages_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def can_paginate(self, operation: str) -> bool:
            return False

        def list_things(self, **parameters: Any) -> dict[str, Any]:
            return parameters

    aws = Aws("eu-central-1")
    aws._clients["things"] = Client()
    assert list(aws.pages("things", "list_things", Name="x")) == [{"Name": "x"}]


def test_the_region_of_a_bucket_is_told_to_those_who_may_not_look_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(403)
            self.send_header("x-amz-bucket-region", "eu-north-1")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "MAX_ATTEMPTS": "1"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        try:
            assert Aws("us-east-1").region_of("somebodys") == "eu-north-1"
        finally:
            server.shutdown()
            thread.join()
