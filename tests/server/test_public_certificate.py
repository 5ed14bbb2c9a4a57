"""The certificate that all clients know: a real ACME server signs it for a record in Route 53, and nginx serves it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.answering import Healthy
from tests.rehearsal.conftest import Aws
from tests.server import nginx
from tests.server.acme import MISSING, Authority, data_path, public_authority, records
from tests.server.conftest import BUCKET, SECRET, SOURCE
from tests.server.nginx import Nginx
from yolops.platform.trust import Trust
from yolops.platform.workspace import Workspace
from yolops.rehearsal.instance_mode import InstanceMode
from yolops.rehearsal.rehearsal import Rehearsal
from yolops.rehearsal.steady_port import steady_port
from yolops_server.certbot import reason
from yolops_server.public_certificate import is_due, key_of, signing_request, usable

NAME, PRIVATE, OWN = "mlflow.example.com", "127.0.0.1", "MLflow of cells"
NOW = datetime.now(UTC)
KEY = key_of(SECRET["authority_seed"])


@dataclass(frozen=True)
class Instance:
    """What one instance has: its own files, and a web server where MLflow would be.

    Attributes:
        environ: of its services.
        authority: the public one.
    """

    aws: Aws
    nginx: Nginx
    environ: dict[str, str]
    authority: Authority

    def run(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", f"yolops_server.{module}", *arguments]
        return subprocess.run(argv, env=self.environ, capture_output=True, text=True, timeout=120, check=False)

    def prepare(self) -> None:
        """What precedes each start and each reload of nginx."""
        done = self.run("certificates")
        assert done.returncode == 0, done.stderr
        self.nginx.localise()

    def reload(self) -> None:
        self.prepare()
        self.nginx.reload()

    def settle(self, **settings: object) -> None:
        """Change the settings of the server."""
        file = self.nginx.directory / "server.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | settings))

    def keep(self, chain: bytes) -> None:
        self.aws.client("s3").put_object(Bucket=BUCKET, Key="mlflow/server/public.pem", Body=chain)

    def kept(self) -> bytes:
        return bytes(self.aws.client("s3").get_object(Bucket=BUCKET, Key="mlflow/server/public.pem")["Body"].read())

    def ask(self, name: str, host: str = "", origin: str = "") -> tuple[str, int]:
        """Ask as `yolops` does; return who signed the certificate and the status of the answer."""
        # Trusts the root of the platform, and of the system what SSL_CERT_FILE names.
        context = Trust(self.nginx.directory / "ca.pem").context()
        with (
            socket.create_connection((PRIVATE, self.nginx.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            asked = {"Host": host or f"{name}:{self.nginx.port}", "Origin": origin, "Connection": "close"}
            lines = ["GET / HTTP/1.1", *(f"{key}: {value}" for key, value in asked.items() if value), "", ""]
            secure.sendall("\r\n".join(lines).encode())
            status = int(secure.makefile("rb").readline().split()[1])
            issuer = dict(pair for part in secure.getpeercert()["issuer"] for pair in part)  # type: ignore[index, misc]
        return issuer["commonName"], status


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    if MISSING or nginx.PROGRAM is None:
        pytest.skip("no ACME server: apt-get install certbot python3-certbot-dns-route53 pebble nginx-light")
    root = tmp_path_factory.mktemp("instance")
    rehearsal = Rehearsal(Workspace(root))
    aws = Aws(rehearsal, root)
    try:
        rehearsal.start(InstanceMode.PROCESS)
        aws.client("s3").create_bucket(Bucket=BUCKET)
        secret = aws.client("secretsmanager").create_secret(Name="server", SecretString=json.dumps(SECRET))["ARN"]
        for name, private in (("com", False), ("example.com", False), ("mlflow.example.com", True)):
            made = aws.client("route53").create_hosted_zone(
                Name=name,
                CallerReference=f"{name}{private}",
                HostedZoneConfig={"PrivateZone": private},
                **({"VPC": {"VPCRegion": "us-east-1", "VPCId": "vpc-1"}} if private else {}),
            )
            if name == "example.com":
                zone = made["HostedZone"]["Id"].rpartition("/")[2]
        with public_authority(aws, zone, root) as authority, HTTPServer((PRIVATE, 0), Healthy) as backend:
            thread = threading.Thread(target=backend.serve_forever)
            thread.start()
            instance = _instance(aws, root / "one", secret, authority)
            instance.prepare()
            instance.nginx.write(backend.server_port)
            with nginx.running(instance.nginx):
                yield instance
            backend.shutdown()
            thread.join()
        assert records(aws, zone) == {}, "certbot leaves no record behind"
    finally:
        rehearsal.reset()


def _instance(aws: Aws, directory: Path, secret: str, authority: Authority) -> Instance:
    directory.mkdir(mode=0o755)
    server = Nginx(directory, steady_port(directory / "port"))
    (directory / "state").mkdir()
    settings = {
        "project": "cells",
        "region": "us-east-1",
        "port": server.port,
        "inner_port": 0,
        "hosts": [NAME],
        "public_name": NAME,
        "acme_directory": authority.directory_url,
        "secret_arn": secret,
        "bucket": BUCKET,
        "prefix": "mlflow",
        "tls": str(directory),
        **dict.fromkeys(("log_group", "database", "schema", "users_schema"), ""),
    }
    (directory / "server.json").write_text(json.dumps(settings))
    environ = aws.environment() | {
        "PYTHONPATH": str(SOURCE),
        "YOLOPS_SERVER_SETTINGS": str(directory / "server.json"),
        "STATE_DIRECTORY": str(directory / "state"),
        "REQUESTS_CA_BUNDLE": str(authority.server_root),
        "AWS_DATA_PATH": str(data_path(aws, directory / "data")),
    }
    return Instance(aws, server, environ, authority)


@pytest.fixture(autouse=True)
def known_authority(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public authority is one that the system knows, as Let's Encrypt is."""
    if "instance" in request.fixturenames:
        instance = request.getfixturevalue("instance")
        (tmp_path / "public-root.pem").write_text(instance.authority.root)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public-root.pem"))
        instance.settle(acme_directory=instance.authority.directory_url)
        instance.keep(b"")
        instance.reload()


def signed_by_somebody(
    key: ec.EllipticCurvePrivateKey, name: str = NAME, *, days_gone: int = 1, days_left: int = 60
) -> bytes:
    """Return a certificate that an authority might have signed."""
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=days_gone))
        .not_valid_after(NOW + timedelta(days=days_left))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .sign(authority, SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def test_until_there_is_one_the_platform_signs_for_every_name(instance: Instance) -> None:
    assert instance.ask(NAME) == (OWN, 200)
    assert instance.ask(PRIVATE) == (OWN, 200)


def test_people_get_the_public_certificate_and_jobs_that_of_the_platform(instance: Instance) -> None:
    assert instance.run("certbot", "due").returncode == 0
    done = instance.run("certbot")
    assert done.returncode == 0, done.stdout + done.stderr
    instance.reload()

    issuer, status = instance.ask(NAME)
    assert (issuer.startswith("Pebble Intermediate"), status) == (True, 200)
    assert instance.ask(PRIVATE) == (OWN, 200)
    assert instance.run("certbot", "due").returncode == 1
    # The same rules under each of them.
    assert instance.ask(NAME, origin="https://evil.example.org")[1] == 403
    assert instance.ask(NAME, host="evil.example.org")[1] == 421
    assert b"PRIVATE" not in instance.kept()


def test_the_instance_that_takes_its_place_serves_it_without_asking_for_another(
    instance: Instance, tmp_path: Path
) -> None:
    chain = signed_by_somebody(KEY)
    instance.keep(chain)
    settings = json.loads((instance.nginx.directory / "server.json").read_text()) | {"tls": str(tmp_path)}
    (tmp_path / "server.json").write_text(json.dumps(settings))
    other = replace(instance, environ=instance.environ | {"YOLOPS_SERVER_SETTINGS": str(tmp_path / "server.json")})

    assert other.run("certificates").returncode == 0
    assert (tmp_path / "public.pem").read_bytes() == chain
    assert other.run("certbot", "due").returncode == 1


def test_it_is_renewed_while_the_former_one_is_still_served(instance: Instance) -> None:
    instance.keep(signed_by_somebody(KEY, days_gone=70, days_left=20))
    assert instance.run("certbot", "due").returncode == 0
    done = instance.run("certbot")
    assert done.returncode == 0, done.stdout + done.stderr
    instance.reload()
    assert instance.ask(NAME)[0].startswith("Pebble Intermediate")
    assert instance.run("certbot", "due").returncode == 1


def test_a_renewal_that_fails_says_why_and_leaves_what_there_is(instance: Instance) -> None:
    chain = signed_by_somebody(KEY, days_gone=70, days_left=20)
    instance.keep(chain)
    instance.settle(acme_directory=f"https://127.0.0.1:{steady_port(instance.nginx.directory / 'nobody')}/dir")
    done = instance.run("certbot")
    assert done.returncode == 1
    assert f"no new public certificate for {NAME}" in done.stderr
    assert "Connection refused" in done.stderr.splitlines()[-1]
    assert instance.kept() == chain


@pytest.mark.parametrize(
    "chain",
    [
        signed_by_somebody(KEY, days_gone=90, days_left=-1),
        signed_by_somebody(key_of("another-seed")),
        signed_by_somebody(KEY, "mlflow.example.org"),
        b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
    ],
    ids=["expired", "of another key", "of another name", "no certificate"],
)
def test_one_that_cannot_be_served_is_not_and_the_platform_signs_again(instance: Instance, chain: bytes) -> None:
    instance.keep(chain)
    instance.reload()
    assert instance.ask(NAME) == (OWN, 200)
    assert instance.run("certbot", "due").returncode == 0


def test_a_third_of_its_days_is_left_for_the_renewal() -> None:
    certificate = usable(signed_by_somebody(KEY, days_gone=30, days_left=60), KEY, NAME, NOW)
    assert certificate is not None
    assert not is_due(certificate, NOW + timedelta(days=29))
    assert is_due(certificate, NOW + timedelta(days=31))


def test_the_request_names_the_server_and_nothing_else() -> None:
    asked = x509.load_pem_x509_csr(signing_request(KEY, NAME))
    assert asked.is_signature_valid
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]


def test_of_all_that_certbot_says_the_reason_is_told() -> None:
    said = """\
Saving debug log to /var/lib/letsencrypt.log
Certbot failed to authenticate some domains (authenticator: dns-route53). The authority reported:
  Domain: mlflow.example.com
  Type:   dns
  Detail: DNS problem: NXDOMAIN looking up TXT for _acme-challenge.mlflow.example.com

Hint: The Certificate Authority failed to verify the DNS TXT records created by --dns-route53.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org.
"""
    assert reason(said) == "DNS problem: NXDOMAIN looking up TXT for _acme-challenge.mlflow.example.com"
    assert (
        reason("An unexpected error occurred:\nError creating new order\nAsk for help\n") == "Error creating new order"
    )
