"""The certificate that a public authority has signed for the name of the server: is there one that can be served?

Its key comes from the seed, as that of the platform's own authority does. So only the certificate is kept, which is no
secret: in the server's part of the bucket, where the server that takes the place of this one finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from yolops_server.keys import derived_key

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric import ec

    from yolops_server.settings import Settings


def key_of(seed: str) -> ec.EllipticCurvePrivateKey:
    """Return the private key of the certificate."""
    return derived_key(seed, "public certificate")


def signing_request(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    """Return the request for a certificate of a name, in PEM."""
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=True)
    return asked.sign(key, SHA256()).public_bytes(Encoding.PEM)


def usable(chain: bytes, key: ec.EllipticCurvePrivateKey, name: str, now: datetime) -> x509.Certificate | None:
    """Return the certificate of a chain in PEM, if it can be served: it is of this key and name, and valid now."""
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        names = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    fits = (
        certificate.public_key() == key.public_key()
        and isinstance(names, x509.SubjectAlternativeName)
        and name in names.get_values_for_type(x509.DNSName)
        and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
    )
    return certificate if fits else None


def is_due(certificate: x509.Certificate | None, now: datetime) -> bool:
    """Return whether it is time for a new one: when a third of its days is left (https://letsencrypt.org/docs/integration-guide/)."""
    if certificate is None:
        return True
    until = certificate.not_valid_after_utc
    return until - now < (until - certificate.not_valid_before_utc) / 3


def kept(settings: Settings) -> bytes:
    """Return the chain that is kept, in PEM; nothing where there is none.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: S3 does not say.
    """
    import boto3

    client = boto3.client("s3", region_name=settings.region)
    # S3 need not say "not there": to a role that may list some prefixes only it may say "forbidden".
    if not client.list_objects_v2(Bucket=settings.bucket, Prefix=settings.chain_key).get("Contents"):
        return b""
    return bytes(client.get_object(Bucket=settings.bucket, Key=settings.chain_key)["Body"].read())


def keep(settings: Settings, chain: bytes) -> None:
    """Keep a chain where `kept` finds it."""
    import boto3

    boto3.client("s3", region_name=settings.region).put_object(
        Bucket=settings.bucket, Key=settings.chain_key, Body=chain, ContentType="application/x-pem-file"
    )
