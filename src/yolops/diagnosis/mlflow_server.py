"""The MLflow of a platform in AWS, or of somebody else: whether it answers, is the one we mean, and lets us in."""

from __future__ import annotations

import socket
import ssl
import time
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yolops.aws import Aws
from yolops.diagnosis.check import Check, Notes, Seen, Skip
from yolops.diagnosis.packages import CLIENT, version_of
from yolops.errors import YolopsError
from yolops.platform.access import Access
from yolops.platform.outputs import Mode
from yolops.platform.readiness import HEALTHY, Server
from yolops.platform.trust import opener
from yolops.tracking.managed import mlflow_of
from yolops.tracking.users import who_asks

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops.platform.access import Credentials
    from yolops.platform.outputs import Outputs
    from yolops.platform.trust import Trust
    from yolops.tracking.rest import MlflowRest

CONNECT_PATIENCE_S = 5.0
DAY_S = 86_400.0
# Public authorities renew a month before the end; whoever has less has a renewal that does not work.
SOON_DAYS = 21.0
STATE = "platform"


@dataclass(frozen=True)
class Entrance:
    """One MLflow, and how it is entered.

    Attributes:
        find: returns the platform that it belongs to.
        trust_in: returns how its server is known again.
        credentials_for: returns as whom it is entered.
    """

    find: Callable[[], Outputs]
    trust_in: Callable[[Outputs], Trust]
    credentials_for: Callable[[Outputs], Credentials]

    @cached_property
    def outputs(self) -> Outputs:
        """The platform, looked up once.

        Raises:
            YolopsError: there is none.
        """
        return self.find()

    @property
    def uri(self) -> str:
        """Where it is."""
        return self.outputs.tracking_uri

    @property
    def is_managed(self) -> bool:
        """Whether SageMaker runs it."""
        return self.uri.startswith("arn:")

    def server(self) -> Server:
        """Return the server, which can be asked how it is."""
        return Server.of(self.outputs, Aws(self.outputs.aws_region), self.trust_in(self.outputs))

    def rest(self) -> MlflowRest:
        """Return what it is asked with."""
        return mlflow_of(Access(self.uri, self.credentials_for(self.outputs), self.trust_in(self.outputs)))


def answers(entrance: Entrance) -> Seen:
    """MLflow answers at its tracking URI; of managed MLflow SageMaker says that it is ready."""
    notes = Notes(entrance.uri)
    seen = entrance.server().health()
    if seen != HEALTHY:
        fix = "see the other lines; `yolops up` waits until it answers"
        notes.error("mlflow-no-answer", f"MLflow: {seen}", fix)
    return notes.seen(entrance.uri)


def certificate(entrance: Entrance) -> Seen:
    """The certificate is believed, bears the name of the server, and lasts for three more weeks at least."""
    address = urlsplit(entrance.uri)
    if address.scheme != "https" or not address.hostname:
        raise Skip("MLflow has no certificate of its own here")
    notes = Notes(entrance.uri)
    trust = entrance.trust_in(entrance.outputs)
    try:
        days = _days_left(address.hostname, address.port or 443, trust)
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
        notes.error("certificate-refused", f"the certificate is not believed: {why}", _remedy(why))
        return notes.seen(entrance.uri)
    except OSError as error:
        raise Skip(f"the server does not answer ({error})") from error
    if days < SOON_DAYS:
        fix = "restart the server, which makes itself a new one; a public one is renewed by who issued it"
        notes.warning("certificate-ends", f"the certificate ends in {days:.0f} days", fix)
    return notes.seen(f"believed, for {days:.0f} more days")


def _days_left(host: str, port: int, trust: Trust) -> float:
    with (
        socket.create_connection((host, port), timeout=CONNECT_PATIENCE_S) as connection,
        trust.context().wrap_socket(connection, server_hostname=host) as secure,
    ):
        ends = (secure.getpeercert() or {})["notAfter"]
    return (ssl.cert_time_to_seconds(str(ends)) - time.time()) / DAY_S


def _remedy(why: str) -> str:
    """Return what to do about what OpenSSL said."""
    if "mismatch" in why.lower():
        return "use the name that it is for: domain_name in terraform.tfvars, or the address in `yolops status`"
    if "expired" in why or "not yet valid" in why:
        return "set the clock of this machine; if it is right, restart the server, which makes itself a new certificate"
    return "set MLFLOW_TRACKING_SERVER_CERT_PATH to the certificate of the authority that signed it, or unset it"


def login(entrance: Entrance) -> Seen:
    """MLflow lets us in."""
    rest = entrance.rest()
    rest.post("experiments/search", max_results=1)
    if entrance.is_managed:
        return Seen("with the login of AWS")
    try:
        user = who_asks(rest)
    except YolopsError:
        if entrance.outputs.mode is Mode.EXTERNAL:  # many a server asks nobody
            return Seen("asks nobody for a login")
        raise
    return Seen(f"as {user.name}, an administrator" if user.admin else f"as {user.name}")


def versions(entrance: Entrance) -> Seen:
    """The server is of the same MLflow as the client."""
    if entrance.is_managed:
        raise Skip("SageMaker chooses the version")
    client, server = version_of(CLIENT), _server_version(entrance)
    notes = Notes(entrance.uri)
    # A newer client may ask for what an older server does not know; patches do not differ in that.
    if client is not None and client.split(".")[:2] != server.split(".")[:2]:
        what = f"the server is MLflow {server}, and the client here {client}"
        notes.warning("mlflow-versions-differ", what, f"pip install 'mlflow-skinny=={server}' where that fits yolops")
    return notes.seen(f"MLflow {server}, the client {client}")


def _server_version(entrance: Entrance) -> str:
    header = entrance.credentials_for(entrance.outputs).header()
    request = urllib.request.Request(f"{entrance.uri}/version", headers=header)  # noqa: S310 - Terraform's or a person's
    try:
        with opener(entrance.uri, entrance.trust_in(entrance.outputs)).open(
            request, timeout=CONNECT_PATIENCE_S
        ) as answer:
            return str(answer.read(100).decode("ascii").strip())
    except (OSError, ValueError) as error:
        raise Skip(f"the server does not tell its version ({error})") from error


CHECKS = (
    Check("MLflow", answers, patience_s=30, needs=(STATE,), actions=("sagemaker:DescribeMlflowApp",)),
    Check("certificate", certificate, needs=(STATE,)),
    Check("MLflow login", login, patience_s=40, needs=(STATE, "MLflow"), actions=("secretsmanager:GetSecretValue",)),
    Check("MLflow versions", versions, needs=(STATE, "MLflow")),
)
