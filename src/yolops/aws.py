"""Talking to AWS: nobody else builds a session or a client, or sees an exception of boto3.

Region and retries are decided here; credentials and endpoints come from boto3's own chain (environment, profile, role),
so that whatever makes `aws` work makes this work, and the rehearsal needs nothing but its environment.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT_PATIENCE_S = 10
READ_PATIENCE_S = 60
# For one object of many megabytes, on a slow line that several share.
TRANSFER_PATIENCE_S = 600
# A proxy answers with a whole page.
MOST_TEXT = 300
LOGIN = "log in (aws sso login, aws configure, or AWS_PROFILE), then try again"
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
INVALID = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}
# What is asked by HEAD is refused without a word.
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
_REGION = "x-amz-bucket-region"
# Every service has its own word for what is not there.
ABSENT = re.compile(r"NotFound|NoSuch|NotExist|^404$|^Validation(Error|Exception)$|^ResourceNotFound|DoesNotExist")


class AwsError(YolopsError):
    """AWS refused, or cannot be reached.

    Args:
        message: what was asked and what AWS said.
        hint: what to do about it.
        code: AWS's own name of the error; "" if there was no answer.
    """

    def __init__(self, message: str, hint: str, code: str = "") -> None:
        super().__init__(message, hint)
        self.code = code

    @property
    def absent(self) -> bool:
        """Whether AWS said that what was asked for is not there."""
        return ABSENT.search(self.code) is not None


class Aws:
    """AWS in one region.

    Args:
        region: its name.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._one_at_a_time = threading.Lock()  # a client may be shared by threads, a session may not

    def client(self, service: str) -> Any:
        """Return boto3's client of a service; what it raises is translated only inside `aws_errors`.

        Raises:
            YolopsError: boto3 is not installed, or the service or region does not exist.
        """
        with self._one_at_a_time:
            if service not in self._clients:
                boto3, config = _boto3()
                with aws_errors(f"{service} in {self.region}"):
                    # One session for all: each reads the descriptions of the services anew.
                    self._session = self._session or boto3.session.Session(region_name=self.region)
                    self._clients[service] = self._session.client(service, config=config)
            return self._clients[service]

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        """Ask one thing, such as `call("s3", "head_bucket", Bucket=name)`, and return the answer.

        Raises:
            AwsError: AWS refused, or cannot be reached.
        """
        client = self.client(service)
        with aws_errors(f"{service} {operation}"):
            return getattr(client, operation)(**parameters)

    def pages(self, service: str, operation: str, **parameters: Any) -> Iterator[Any]:
        """Yield every page of an answer, or the one there is when the operation has no pages.

        Raises:
            AwsError: AWS refused, or cannot be reached.
        """
        client = self.client(service)
        if not client.can_paginate(operation):
            yield self.call(service, operation, **parameters)
            return
        with aws_errors(f"{service} {operation}"):
            yield from client.get_paginator(operation).paginate(**parameters)

    def signed(self, service: str, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request with its signature (Signature Version 4) among them.

        Raises:
            AwsError: there are no credentials.
        """
        boto3, _ = _boto3()
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        with aws_errors(f"credentials for {service}"):
            self._session = self._session or boto3.session.Session(region_name=self.region)
            request = AWSRequest(method, url, dict(headers), body)
            SigV4Auth(self._session.get_credentials(), service, self.region).add_auth(request)
        return dict(request.headers.items())

    def bucket(self, name: str, prefix: str = "") -> Any:
        """Return obstore's store of a bucket, for many objects at a time; what it raises is translated by its user.

        Credentials, endpoint and certificates are those that boto3 finds.

        Args:
            name: of the bucket.
            prefix: what all keys have in common.

        Raises:
            YolopsError: there are no credentials, or boto3 is not installed.
        """
        client = self.client("s3")
        from botocore.exceptions import NoCredentialsError
        from obstore.auth.boto3 import Boto3CredentialProvider
        from obstore.store import S3Store

        with aws_errors(f"s3 {name}"):
            if self._session.get_credentials() is None:
                raise NoCredentialsError
            # botocore hands out none with less than ten minutes to live.
            provider = Boto3CredentialProvider(self._session, ttl=timedelta(minutes=10))
            provider()
        endpoint = client.meta.endpoint_url
        return S3Store(
            name,
            prefix=prefix or None,
            # Said here, or obstore looks for it in variables that boto3 reads in another way, or not at all.
            aws_endpoint_url_s3=endpoint,
            virtual_hosted_style_request=False,
            skip_signature=False,
            region=self.region,
            credential_provider=provider,
            checksum_algorithm="SHA256",
            client_options=_transfer_options(endpoint, self._session._session.get_config_variable("ca_bundle")),
        )

    def region_of(self, bucket: str) -> str:
        """Return the region of a bucket, which may be somebody else's.

        Raises:
            AwsError: there is no such bucket, or AWS cannot be reached.
        """
        client = self.client("s3")
        from botocore.exceptions import ClientError

        with aws_errors(f"s3 head_bucket {bucket}"):
            try:
                answer = client.head_bucket(Bucket=bucket)
            except ClientError as error:  # AWS tells it even those who may not look into the bucket
                answer = error.response
                if _REGION not in answer["ResponseMetadata"]["HTTPHeaders"]:
                    raise
        return str(answer["ResponseMetadata"]["HTTPHeaders"].get(_REGION) or self.region)

    def account(self) -> str:
        """Return the number of the account; the cheapest question that only valid credentials answer.

        Raises:
            AwsError: there are no valid credentials, or AWS cannot be reached.
        """
        return str(self.call("sts", "get_caller_identity")["Account"])


@contextmanager
def absent_ok() -> Iterator[None]:
    """Leave the block where AWS says that there is no such thing."""
    try:
        yield
    except AwsError as error:
        if not error.absent:
            raise


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn what boto3 raises in this block into an `AwsError`.

    Args:
        doing: what is asked for, such as `s3 create_bucket`.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _refusal(doing, error.response.get("Error", {})) from error
    except BotoCoreError as error:
        raise _failure(doing, error) from error


def _transfer_options(endpoint: str, authorities: str | None) -> Any:
    """Return how obstore speaks to an endpoint; `authorities` is a file of certificates beyond the system's."""
    options: dict[str, Any] = {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT_PATIENCE_S),
        "timeout": timedelta(seconds=TRANSFER_PATIENCE_S),
    }
    return options | ({"root_certificate": Path(authorities).read_bytes()} if authorities else {})


def _boto3() -> tuple[Any, Any]:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise YolopsError("the modes in AWS need boto3, which is not installed", "pip install 'yolops[aws]'") from error
    # The number of tries stays AWS_MAX_ATTEMPTS, as for every program that talks to AWS.
    return boto3, Config(retries={"mode": "standard"}, connect_timeout=CONNECT_PATIENCE_S, read_timeout=READ_PATIENCE_S)


def _refusal(doing: str, said: dict[str, str]) -> AwsError:
    code, text = said.get("Code", ""), " ".join(said.get("Message", "").split())[:MOST_TEXT]
    if code in EXPIRED:
        return AwsError(f"AWS {doing}: your login has expired", LOGIN, code)
    if code in INVALID:
        return AwsError(f"AWS {doing}: the credentials are not valid ({code})", LOGIN, code)
    if code in DENIED:
        hint = "ask whoever looks after the account for this permission, or use another AWS_PROFILE"
        return AwsError(f"AWS {doing}: not allowed ({text or code})", hint, code)
    return AwsError(f"AWS {doing}: {text or 'refused'} ({code})", "mend what AWS names, then try again", code)


def _failure(doing: str, error: Exception) -> AwsError:
    kind = type(error).__name__
    if kind in {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}:
        return AwsError(f"AWS {doing}: there are no credentials", LOGIN)
    if "Token" in kind or "SSO" in kind or kind == "LoginRefreshRequired":
        return AwsError(f"AWS {doing}: your login has expired ({error})", LOGIN)
    if kind == "ProfileNotFound":
        return AwsError(f"AWS {doing}: {error}", "correct AWS_PROFILE, or make the profile: aws configure")
    if kind in {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"}:
        return AwsError(
            f"AWS {doing}: no answer ({error})", "check the network and aws_region; a rehearsal must be running"
        )
    return AwsError(f"AWS {doing}: {error}", "mend what it names, then try again")
