"""A server is believed only when a known authority signed its certificate; a new authority is fetched once."""

from __future__ import annotations

import ssl
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering import Healthy
from tests.certificates import Signed, https, signed
from yolops.aws import AwsError
from yolops.errors import YolopsError
from yolops.platform.outputs import Mode, Outputs
from yolops.platform.readiness import HEALTHY, Server
from yolops.platform.root_certificate import KEY, RootCertificate, public_authorities, trust_in
from yolops.platform.trust import SYSTEM, Trust, opener, refused_certificate


class Bucket:
    """A bucket with at most one object, and how often it was asked for it."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.asked = 0

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        assert (service, operation, parameters["Key"]) == ("s3", "get_object", KEY)
        self.asked += 1
        if self.content is None:
            raise AwsError("AWS s3 get_object: no such key", "", "NoSuchKey")
        return {"Body": self}

    def read(self) -> bytes:
        assert self.content is not None
        return self.content


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return signed(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def address(files: Signed) -> Iterator[str]:
    with https(Healthy, files) as found:
        yield found


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def certificate(bucket: Bucket, tmp_path: Path) -> RootCertificate:
    return RootCertificate(bucket, "cells-data", tmp_path / ".yolops")  # type: ignore[arg-type]


def test_what_nobody_known_has_signed_is_not_believed(address: str, files: Signed) -> None:
    with pytest.raises(urllib.error.URLError) as caught:
        opener(address, SYSTEM).open(address, timeout=5)
    assert "unable to get local issuer" in refused_certificate(caught.value)
    with opener(address, Trust(files.root)).open(address, timeout=5) as answer:
        assert answer.status == 200


def test_a_certificate_for_another_host_is_not_believed(tmp_path: Path) -> None:
    elsewhere = signed(tmp_path, host="127.0.0.99")
    with https(Healthy, elsewhere) as address, pytest.raises(urllib.error.URLError) as caught:
        opener(address, Trust(elsewhere.root)).open(address, timeout=5)
    assert "IP address mismatch" in refused_certificate(caught.value)


def test_tls_older_than_1_2_is_not_spoken(files: Signed) -> None:
    context = Trust(files.root).context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(YolopsError, match=r"ca\.pem: no certificate"):
        Trust(tmp_path / "ca.pem").context()


def test_the_root_is_kept_alone_for_browsers_and_with_the_public_ones_for_programs(
    certificate: RootCertificate, bucket: Bucket, files: Signed
) -> None:
    assert certificate.fetch() is False, "the server has not published it yet"
    assert not certificate.root.exists()
    bucket.content = files.root.read_bytes()
    assert certificate.fetch() is True
    assert certificate.root.read_bytes() == bucket.content
    assert certificate.trusted.read_bytes() == bucket.content.rstrip() + b"\n" + public_authorities()
    assert sorted(path.name for path in certificate.root.parent.iterdir()) == ["mlflow-ca.pem", "mlflow-trusted.pem"]


def test_what_is_no_certificate_is_not_kept(certificate: RootCertificate, bucket: Bucket, files: Signed) -> None:
    bucket.content = files.root.read_bytes()
    certificate.fetch()
    for content in (b"<html>", b"\xff", b""):
        bucket.content = content
        with pytest.raises(YolopsError, match="not a certificate"):
            certificate.fetch()
    assert certificate.root.read_bytes() == files.root.read_bytes()


def test_whoever_may_not_fetch_it_is_told_which_permission_or_variable_helps(tmp_path: Path) -> None:
    class Closed:
        def call(self, *_: Any, **__: Any) -> None:
            raise AwsError("AWS s3 get_object: not allowed", "", "AccessDenied")

    with pytest.raises(AwsError) as caught:
        RootCertificate(Closed(), "cells-data", tmp_path).fetch()  # type: ignore[arg-type]
    assert "s3://cells-data/mlflow/server/ca.pem" in caught.value.message
    assert "s3:GetObject" in caught.value.hint
    assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in caught.value.hint


def test_a_server_is_healthy_once_its_root_is_published_and_again_when_the_root_is_another(
    address: str, certificate: RootCertificate, bucket: Bucket, files: Signed, tmp_path: Path
) -> None:
    trust = Trust(certificate.trusted, certificate.fetch)
    server = Server(address, bucket, trust, instance_id="i-1")  # type: ignore[arg-type]
    assert server.health() == "its certificate is not published yet"
    bucket.content = files.root.read_bytes()
    assert (server.health(), bucket.asked) == (HEALTHY, 2)
    assert (server.health(), bucket.asked) == (HEALTHY, 2), "what is known is not fetched again"

    other = signed(tmp_path / "other")
    with https(Healthy, other) as anew:
        moved = Server(anew, bucket, trust, instance_id="i-2")  # type: ignore[arg-type]
        assert moved.health() == "certificate not trusted", "the root in the bucket is still the former one"
        bucket.content = other.root.read_bytes()
        assert moved.health() == HEALTHY


def test_only_a_server_of_one_s_own_has_an_authority_of_its_own(bucket: Bucket, tmp_path: Path) -> None:
    def trust(mode: Mode, uri: str, named: Path | None = None) -> Trust:
        outputs = Outputs(mode, tracking_uri=uri, artifact_uri="", ui_url=uri, bucket_name="cells-data")
        return trust_in(outputs, bucket, tmp_path, named)  # type: ignore[arg-type]

    assert trust(Mode.CUSTOM, "https://203.0.113.7:5000").file == tmp_path / "mlflow-trusted.pem"
    assert trust(Mode.CUSTOM, "https://203.0.113.7:5000", tmp_path / "mine.pem") == Trust(tmp_path / "mine.pem")
    for mode, uri in ((Mode.EXTERNAL, "https://mlflow.example"), (Mode.LOCAL, "http://127.0.0.1:5000")):
        assert trust(mode, uri) is SYSTEM
