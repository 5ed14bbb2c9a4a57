"""The server's own certificate authority, the certificates it answers with, and where clients find the root.

The key of the authority is derived from a seed in the server's secret: every server of a platform, and the one that
takes its place, has the same authority, and nothing has to be kept or written back. The root is published in the
server's part of the bucket, which only the server can write to.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from yolops_server import public_certificate
from yolops_server.keys import derived_key, in_pem
from yolops_server.settings import fetch_secret, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yolops_server.settings import Secret, Settings

# The same dates and the same number each time: one root, byte for byte.
FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2056, 1, 1, tzinfo=UTC)
# Browsers refuse what lasts longer; a timer makes a new one each month.
LASTS = timedelta(days=397)
EARLIER = timedelta(days=1)
NGINX_NAMES, NGINX_PUBLIC, NGINX_ORIGINS = "names.conf", "public.conf", "origins.conf"
# Beside the servers in nginx.conf, which say the rest.
PUBLIC_SERVER = """\
server {{
  listen {port} ssl;
  server_name {name};
  ssl_certificate /run/mlflow-tls/public.pem;
  ssl_certificate_key /run/mlflow-tls/public.key;
  include /etc/nginx/mlflow.conf;
}}
"""


@dataclass(frozen=True)
class Authority:
    """A certificate authority.

    Attributes:
        root: its certificate.
        key: its private key.
    """

    root: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def authority(seed: str, project: str) -> Authority:
    """Return the authority of a platform: the same for the same seed.

    Args:
        seed: a secret of at least 128 bits.
        project: the name of the platform, which the certificate carries.
    """
    key = derived_key(seed, "certificate authority")
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"MLflow of {project}")])
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(int.from_bytes(identifier.digest[:16], "big") >> 1)
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, SHA256(), ecdsa_deterministic=True)
    )
    return Authority(root, key)


def issue(signer: Authority, names: Iterable[str], now: datetime) -> tuple[bytes, bytes]:
    """Return a certificate and its private key, both in PEM.

    Args:
        signer: the authority.
        names: host names and addresses it is for.
        now: the time.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MLflow")]))
        .issuer_name(signer.root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now - EARLIER + LASTS)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(signer.key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), in_pem(key)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    draft.replace(path)


def nginx_files(names: list[str], port: int, public: str = "") -> dict[str, str]:
    """Return what nginx includes: who it answers as, and which pages may send requests here.

    Args:
        names: every name and address.
        port: where it listens.
        public: the one of the names that `public.pem` is for; empty where there is none.
    """
    listed = [name for name in names if name]
    origins = {f"https://{name}{suffix}" for name in listed for suffix in ("", f":{port}")}
    return {
        NGINX_NAMES: f"server_name {' '.join(name for name in listed if name != public)};\n",
        NGINX_PUBLIC: PUBLIC_SERVER.format(port=port, name=public) if public else "",
        NGINX_ORIGINS: "".join(f'"{origin}" 0;\n' for origin in ["", *sorted(origins)]),
    }


def main() -> None:
    """Make the certificate of this server and what nginx has to know, and publish the root."""
    import boto3

    settings = read_settings()
    secret, now = fetch_secret(settings), datetime.now(UTC)
    signer = authority(secret.authority_seed, settings.project)
    certificate, key = issue(signer, settings.names(), now)
    root = signer.root.public_bytes(Encoding.PEM)
    place = Path(settings.tls)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(place / "server.key", key)
    write_private(place / "server.pem", certificate + root)
    write_private(place / "ca.pem", root)
    public = settings.public_name if _write_public(settings, secret, place, now) else ""
    for name, text in nginx_files(settings.names(), settings.port, public).items():
        (place / name).write_text(text, encoding="utf-8")
    boto3.client("s3", region_name=settings.region).put_object(
        Bucket=settings.bucket, Key=settings.root_key, Body=root, ContentType="application/x-pem-file"
    )
    print(f"certificate for {', '.join(settings.names())}; root {hashlib.sha256(root).hexdigest()}")
    if settings.public_name:
        print(f"{settings.public_name}: {'a public certificate' if public else 'no public certificate yet'}")


def _write_public(settings: Settings, secret: Secret, place: Path, now: datetime) -> bool:
    """Write the public certificate and its key; return whether there is one."""
    if not settings.public_name:
        return False
    key = public_certificate.key_of(secret.authority_seed)
    try:
        chain = public_certificate.kept(settings)
    except Exception as error:  # noqa: BLE001 - the server has a certificate of its own in any case
        print(f"the public certificate cannot be fetched: {error}")
        return False
    if public_certificate.usable(chain, key, settings.public_name, now) is None:
        return False
    write_private(place / "public.key", in_pem(key))
    write_private(place / "public.pem", chain)
    return True


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


if __name__ == "__main__":
    main()
