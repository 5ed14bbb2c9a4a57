"""A certificate authority for tests, and HTTPS on loopback with what it signs."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"
NOW = datetime.datetime.now(datetime.UTC)
# Without it Python 3.13 takes no authority for one.
SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Signed:
    """Files of a server: its certificate, its key, and the root of who signed it."""

    certificate: Path
    key: Path
    root: Path


def signed(directory: Path, host: str = HOST, days: float = 30) -> Signed:
    """Write a new authority and a certificate that it signed for a server on loopback, for so many days from now."""
    directory.mkdir(parents=True, exist_ok=True)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cells MLflow")])
    root = (
        _builder(authority, authority, root_key.public_key())
        .not_valid_after(NOW + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(SIGNS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    names = [x509.IPAddress(ipaddress.ip_address(host))]
    server = (
        _builder(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]), authority, key.public_key())
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    found = Signed(directory / "server.pem", directory / "server.key", directory / "ca.pem")
    found.certificate.write_bytes(server.public_bytes(pem))
    found.root.write_bytes(root.public_bytes(pem))
    found.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return found


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1))
    )


class QuietServer(http.server.ThreadingHTTPServer):
    """Says nothing of clients that hang up because they do not believe its certificate."""

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def https(handler: type[http.server.BaseHTTPRequestHandler], files: Signed, port: int = 0) -> Iterator[str]:
    """Serve on loopback until the block ends; yields the address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with QuietServer((HOST, port), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
