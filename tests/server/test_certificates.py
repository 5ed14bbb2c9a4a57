"""The certificate authority of a platform: the same for every server of it, and believed by an ordinary client."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from yolops_server.certificates import Authority, authority, issue, nginx_files

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def signer() -> Authority:
    return authority("a-seed", "cells")


def handshake(directory: Path, signer: Authority, root: Authority, name: str) -> str:
    """Return the TLS version that a server with a certificate of `signer` and a client that trusts `root` agree on."""
    certificate, key = issue(signer, ["mlflow.example.com", "203.0.113.7"], NOW)
    (directory / "server.pem").write_bytes(certificate)
    (directory / "server.key").write_bytes(key)
    (directory / "ca.pem").write_bytes(root.root.public_bytes(Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(directory / "server.pem", directory / "server.key")
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            serving.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=str(directory / "ca.pem"))
        with client.wrap_socket(ours, server_hostname=name) as secure:
            return str(secure.version())
    finally:
        ours.close()
        thread.join()


def test_a_server_that_takes_the_place_of_another_has_the_same_root_byte_for_byte(signer: Authority) -> None:
    again = authority("a-seed", "cells")
    assert again.root.public_bytes(Encoding.DER) == signer.root.public_bytes(Encoding.DER)


def test_another_seed_is_another_authority(signer: Authority) -> None:
    assert authority("another-seed", "cells").root.public_key() != signer.root.public_key()


@pytest.mark.parametrize("name", ["mlflow.example.com", "203.0.113.7"])
def test_a_client_that_trusts_the_root_believes_the_server_by_each_of_its_names(
    tmp_path: Path, signer: Authority, name: str
) -> None:
    assert handshake(tmp_path, signer, authority("a-seed", "cells"), name) == "TLSv1.3"


def test_a_client_does_not_believe_another_name_or_another_authority(tmp_path: Path, signer: Authority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(tmp_path, signer, signer, "evil.example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|signature failure"):
        handshake(tmp_path, authority("another-seed", "cells"), signer, "mlflow.example.com")


def test_nginx_answers_to_its_names_and_takes_requests_from_its_own_pages_only() -> None:
    files = nginx_files(["203.0.113.7", "localhost"], 5000)
    assert files["names.conf"] == "server_name 203.0.113.7 localhost;\n"
    assert files["origins.conf"].splitlines() == [
        '"" 0;',
        '"https://203.0.113.7" 0;',
        '"https://203.0.113.7:5000" 0;',
        '"https://localhost" 0;',
        '"https://localhost:5000" 0;',
    ]
    assert files["public.conf"] == ""


def test_the_public_name_has_a_server_of_its_own_with_its_own_certificate() -> None:
    files = nginx_files(["mlflow.example.com", "203.0.113.7"], 5000, "mlflow.example.com")
    assert files["names.conf"] == "server_name 203.0.113.7;\n"
    assert "  server_name mlflow.example.com;\n  ssl_certificate /run/mlflow-tls/public.pem;\n" in files["public.conf"]
    assert '"https://mlflow.example.com:5000" 0;' in files["origins.conf"]
