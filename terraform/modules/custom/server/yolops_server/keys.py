"""Private keys out of the seed in the server's secret: the same for every server of a platform, and kept nowhere."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

# The order of the group P-256 (SEC 2, section 2.4.2); a private key is a number below it.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def derived_key(seed: str, purpose: str) -> ec.EllipticCurvePrivateKey:
    """Return the key that a seed has for a purpose.

    Args:
        seed: a secret of at least 128 bits.
        purpose: what the key is for; another one has another key.
    """
    # 16 bytes more than the key has, so that the remainder favours no number (RFC 9380, section 5.1).
    drawn = HKDF(SHA256(), 48, salt=None, info=f"yolops {purpose}".encode()).derive(seed.encode())
    return ec.derive_private_key(int.from_bytes(drawn, "big") % (ORDER - 1) + 1, ec.SECP256R1())


def in_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as nginx reads it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
