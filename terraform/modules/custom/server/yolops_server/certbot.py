"""Asks Let's Encrypt for a certificate of the public name, by a record in Route 53, and keeps it.

`python -m yolops_server.certbot` asks; with the word `due` it only says, by its exit code, whether it is time to. It
runs Debian's certbot with a request of our own, so certbot sees no private key, and what it knows itself (its account)
may be lost with the instance.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from yolops_server import boot_report
from yolops_server.public_certificate import is_due, keep, kept, key_of, signing_request, usable
from yolops_server.settings import fetch_secret, read_settings

if TYPE_CHECKING:
    from yolops_server.settings import Settings

# Route 53 takes up to a minute to publish a record, and certbot waits up to ten for it.
PATIENCE_S = 1200.0
# What systemd takes for "not now" (systemd.service(5), ExecCondition=).
NOT_DUE = 1
# What certbot prints beside the reason.
AROUND = ("Saving debug log", "Ask for help", "An unexpected error", "Requesting a certificate", "Account registered")


def command(settings: Settings, state: Path, work: Path) -> list[str]:
    """Return the command that turns `request.pem` in a directory into `chain.pem`.

    Args:
        settings: those of the server.
        state: where certbot keeps its account.
        work: the directory, with nothing else in it.
    """
    options = {
        "server": settings.acme_directory,
        "csr": work / "request.pem",
        "cert-path": work / "certificate.pem",
        "chain-path": work / "authorities.pem",
        "fullchain-path": work / "chain.pem",
        "config-dir": state / "config",
        "work-dir": state / "work",
        "logs-dir": state / "logs",
    }
    return [
        *("certbot", "certonly", "--non-interactive", "--agree-tos", "--register-unsafely-without-email"),
        "--dns-route53",
        *(f"--{name}={value}" for name, value in options.items()),
    ]


def obtain(settings: Settings, request: bytes, state: Path) -> bytes:
    """Return the chain that an authority has signed for a request.

    Raises:
        OSError: it has not; the text says why.
    """
    with tempfile.TemporaryDirectory(dir=state) as temporary:
        work = Path(temporary)
        (work / "request.pem").write_bytes(request)
        try:
            done = subprocess.run(
                command(settings, state, work),
                env={**os.environ, "AWS_DEFAULT_REGION": settings.region},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"certbot took more than {PATIENCE_S:.0f} s") from error
        print(done.stdout, done.stderr, flush=True)
        if done.returncode:
            raise OSError(reason(done.stdout + done.stderr))
        return (work / "chain.pem").read_bytes()


def reason(said: str) -> str:
    """Return why certbot failed, in one line, out of all that it said."""
    lines = [line.strip() for line in said.splitlines()]
    told = [line for line in lines if line and not line.startswith(AROUND)]
    details = [line.removeprefix("Detail: ") for line in told if line.startswith("Detail: ")]
    return (details or told or ["certbot does not say why"])[-1]


def main() -> None:
    """Ask, or say whether it is time to."""
    settings = read_settings()
    name = settings.public_name
    if not name:
        sys.exit(NOT_DUE)
    key = key_of(fetch_secret(settings).authority_seed)
    if sys.argv[1:] == ["due"]:
        now = datetime.now(UTC)
        sys.exit(0 if is_due(usable(kept(settings), key, name, now), now) else NOT_DUE)
    try:
        chain = obtain(settings, signing_request(key, name), Path(os.environ["STATE_DIRECTORY"]))
        if usable(chain, key, name, datetime.now(UTC)) is None:
            raise OSError("the authority has signed something else than it was asked for")
        keep(settings, chain)
    except Exception as error:  # noqa: BLE001 - whatever it is, the timer tries again
        said = f"no new public certificate for {name}, clients get the former one or the platform's own: {error}"
        boot_report.send(settings, "ready", said)
        sys.exit(said)
    boot_report.send(settings, "ready")
    print(f"public certificate for {name}", flush=True)


if __name__ == "__main__":
    main()
