"""Whom a client believes when a server says who it is: the authorities of the system, and perhaps one more.

Nothing here ever takes a certificate unseen. A file of authorities that is missing or out of date is fetched when a
certificate was refused, and the question is asked once more.
"""

from __future__ import annotations

import ssl
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _nothing_to_renew() -> bool:
    return False


@dataclass(frozen=True)
class Trust:
    """The authorities that a client believes.

    Attributes:
        file: a file or directory with authorities beside those of the system; None where those are enough.
        renew: fetches the file anew, and returns whether it is there now.
    """

    file: Path | None = None
    renew: Callable[[], bool] = _nothing_to_renew

    def context(self) -> ssl.SSLContext:
        """Return what a connection is checked with: TLS 1.2 or newer, a known authority, the name of the server.

        Raises:
            YolopsError: the file does not hold certificates.
        """
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if self.file is not None and self.file.is_dir():
                context.load_verify_locations(capath=self.file)
            elif self.file is not None and self.file.exists():
                context.load_verify_locations(cafile=self.file)
        except OSError as error:  # ssl.SSLError is one, too
            raise YolopsError(
                f"{self.file}: no certificate of an authority can be read from it ({error})",
                "give the file in PEM format to MLFLOW_TRACKING_SERVER_CERT_PATH, or remove it to have it fetched anew",
            ) from error
        return context


SYSTEM = Trust()


def opener(address: str, trust: Trust, *handlers: Any) -> urllib.request.OpenerDirector:
    """Return what requests to one address are sent with; no proxy of the environment stands before this machine."""
    host = urlsplit(address).hostname or ""
    is_here = host in {"localhost", "::1"} or host.startswith("127.")
    proxies = [urllib.request.ProxyHandler({})] if is_here else []
    secure = urllib.request.HTTPSHandler(context=trust.context())
    return urllib.request.build_opener(secure, *proxies, *handlers)


def refused_certificate(error: Exception) -> str:
    """Return why a certificate was not believed; empty when an error has another reason."""
    reason = getattr(error, "reason", error)
    return str(reason.verify_message) if isinstance(reason, ssl.SSLCertVerificationError) else ""
