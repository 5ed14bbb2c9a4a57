"""The certificate authority of a rehearsal: simulated databases and AWS's own host names speak TLS with what it signs.

Its key never leaves the rehearsal's directory, which only its owner can read, and is deleted with it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

YEARS = timedelta(days=3650)
# Clocks of a container and its host are one, but not those of a person who copies a workspace.
EARLIER = timedelta(days=1)
# A common name may have 64 characters; the names that count stand among the alternatives.
MOST_COMMON_NAME = 64


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, in files.

    Attributes:
        certificate: the certificate, in PEM.
        key: its private key, in PEM, readable by its owner only.
    """

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; made when it is first needed, and the same ever after.

    Args:
        directory: where its certificate, its key and whatever it signs are kept.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root = directory / "ca.pem"
        key_file = directory / "ca.key"
        if not self.root.exists():
            self._make(key_file)
        # Nobody else writes this file.
        self._key = cast("ec.EllipticCurvePrivateKey", load_pem_private_key(key_file.read_bytes(), None))
        self._certificate = x509.load_pem_x509_certificate(self.root.read_bytes())

    def issue(self, name: str, hosts: Sequence[str]) -> Certificate:
        """Return a certificate for a server; the same again if it was issued before.

        Args:
            name: how its files are called.
            hosts: the host names (`*.` may stand before one) and addresses it is for.
        """
        issued = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        if issued.certificate.exists():
            return issued
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _begun(hosts[0], key.public_key())
            .issuer_name(self._certificate.subject)
            .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, SHA256())
        )
        _write(issued.key, _pem(key))
        _write(issued.certificate, certificate.public_bytes(Encoding.PEM))
        return issued

    def _make(self, key_file: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        name = "yolops rehearsal"
        certificate = (
            _begun(name, key.public_key())
            .issuer_name(_subject(name))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, SHA256())
        )
        _write(key_file, _pem(key))
        _write(self.root, certificate.public_bytes(Encoding.PEM))


def _begun(name: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + YEARS)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:MOST_COMMON_NAME])])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner only."""
    with whole_file(file) as draft:
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_bytes(content)
