"""The certificate authority of a server in AWS: published by the server in the bucket, kept in the workspace.

Two files, because they are read by different readers: a browser imports the root alone, and a program that takes one
file (MLflow's client does) must still know the public authorities, one of which signs for a domain.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.aws import AwsError, aws_errors
from yolops.errors import YolopsError
from yolops.platform.access import CERTIFICATE
from yolops.platform.outputs import Mode
from yolops.platform.trust import SYSTEM, Trust
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from yolops.aws import Aws
    from yolops.platform.outputs import Outputs

KEY = "mlflow/server/ca.pem"
ROOT = "mlflow-ca.pem"
TRUSTED = "mlflow-trusted.pem"


def trust_in(outputs: Outputs, aws: Aws, directory: Path, named: Path | None = None) -> Trust:
    """Return how the MLflow of a platform is known again.

    Args:
        outputs: the platform.
        aws: its region.
        directory: where its certificate is kept.
        named: the file that a person wants to be believed instead.
    """
    if named is not None:
        return Trust(named)
    if outputs.mode is not Mode.CUSTOM or not outputs.tracking_uri.startswith("https://"):
        return SYSTEM
    certificate = RootCertificate(aws, outputs.bucket_name, directory)
    return Trust(certificate.trusted, certificate.fetch)


class RootCertificate:
    """The root certificate of one platform.

    Args:
        aws: its region.
        bucket: its bucket.
        directory: where the files are kept.
    """

    def __init__(self, aws: Aws, bucket: str, directory: Path) -> None:
        self._aws = aws
        self._bucket = bucket
        self.root = directory / ROOT
        self.trusted = directory / TRUSTED

    def fetch(self) -> bool:
        """Fetch the root and keep it; return whether there is one (a server publishes it while it boots).

        Raises:
            YolopsError: AWS refuses, or what is published is no certificate.
        """
        published = self._published()
        if published is None:
            return False
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=published.decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise YolopsError(
                f"s3://{self._bucket}/{KEY}: not a certificate ({error})",
                "somebody has written over it; restart the server, which publishes it again",
            ) from error
        _write(self.root, published)
        _write(self.trusted, published.rstrip() + b"\n" + public_authorities())
        return True

    def _published(self) -> bytes | None:
        try:
            answer = self._aws.call("s3", "get_object", Bucket=self._bucket, Key=KEY)
            with aws_errors("s3 get_object"):
                return bytes(answer["Body"].read())
        except AwsError as error:
            if error.absent:
                return None
            raise AwsError(
                f"s3://{self._bucket}/{KEY}: the certificate of the server cannot be fetched ({error.message})",
                f"ask for s3:GetObject on it, or have the file and set {CERTIFICATE}",
                error.code,
            ) from error


def public_authorities() -> bytes:
    """Return those that MLflow's client believes by itself."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return Path(DEFAULT_CA_BUNDLE_PATH).read_bytes()


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as draft:
            draft.write_bytes(content)
    except OSError as error:
        raise YolopsError(
            f"{file}: cannot be written ({error.strerror})", "make its directory writable, or free space on its disk"
        ) from error
