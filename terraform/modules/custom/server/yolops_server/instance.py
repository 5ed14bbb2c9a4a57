"""What the instance is told of itself, and requests to AWS with its own credentials: all with Debian's own Python.

The first steps of a boot need it, before anything is installed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA = "http://169.254.169.254/latest"
PATIENCE_S = 10.0


class Metadata:
    """The metadata service, version 2: a token first, then everything else."""

    def __init__(self) -> None:
        request = urllib.request.Request(f"{METADATA}/api/token", method="PUT")
        request.add_header("X-aws-ec2-metadata-token-ttl-seconds", "300")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            self._token = answer.read().decode()

    def get(self, path: str) -> str:
        """Return what is at a path."""
        request = urllib.request.Request(f"{METADATA}/{path}", headers={"X-aws-ec2-metadata-token": self._token})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    def credentials(self) -> dict[str, str]:
        """Return the credentials of the instance's role: `AccessKeyId`, `SecretAccessKey` and `Token`."""
        role = self.get("meta-data/iam/security-credentials/").splitlines()[0]
        found: dict[str, str] = json.loads(self.get(f"meta-data/iam/security-credentials/{role}"))
        return found


def signed_headers(
    credentials: Mapping[str, str],
    scope: tuple[str, str],
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> dict[str, str]:
    """Return the headers of a request with its signature among them.

    Args:
        credentials: those of the role.
        scope: region and service.
        method: of HTTP.
        url: the address, with a path of unreserved characters and without a query.
        headers: the other headers, in small letters.
        body: what is sent.
        now: the time.

    Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    parts = urllib.parse.urlsplit(url)
    stamp, day, digest = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"), hashlib.sha256(body).hexdigest()
    own = {"host": parts.netloc, "x-amz-date": stamp, "x-amz-security-token": credentials["Token"]}
    signed = {**headers, **own, "x-amz-content-sha256": digest}
    named = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
    canonical = "\n".join([method, parts.path, "", *lines, "", named, digest])
    place = "/".join([day, *scope, "aws4_request"])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, place, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials['SecretAccessKey']}".encode()
    for part in place.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    proof = hmac.digest(key, text.encode(), "sha256").hex()
    by = f"Credential={credentials['AccessKeyId']}/{place}, SignedHeaders={named}, Signature={proof}"
    return {**signed, "authorization": f"AWS4-HMAC-SHA256 {by}"}


def request(
    scope: tuple[str, str], method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Send a request to AWS and return the answer.

    Raises:
        OSError: there is no answer, or AWS refuses; what it said is in the text.
    """
    now = datetime.now(UTC)
    signed = signed_headers(Metadata().credentials(), scope, method, url, headers or {}, body, now)
    try:
        sent = urllib.request.Request(url, body or None, signed, method=method)
        with urllib.request.urlopen(sent, timeout=PATIENCE_S) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise OSError(f"{url}: {error.code} {error.read().decode(errors='replace')[:300]}") from error
