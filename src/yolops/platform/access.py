"""How one MLflow server is entered: as whom, and how it is known again.

The names of the variables are those of MLflow's own client. They are read by `cli`, and set here only for processes
that are started; no secret is written to a file or stands in an argument.
"""

from __future__ import annotations

import base64
import configparser
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yolops.aws import AwsError
from yolops.errors import YolopsError
from yolops.platform.trust import SYSTEM, Trust

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.aws import Aws

USERNAME = "MLFLOW_TRACKING_USERNAME"
PASSWORD = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105 - the name of a variable
TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 - the name of a variable
CERTIFICATE = "MLFLOW_TRACKING_SERVER_CERT_PATH"
INSECURE = "MLFLOW_TRACKING_INSECURE_TLS"


@dataclass(frozen=True)
class Credentials:
    """How to log in; all empty for a server that asks for nothing."""

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def header(self) -> dict[str, str]:
        """Return the HTTP header that logs in; as in MLflow's client, a name with its password goes before a token."""
        if self.username and self.password:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        if self.token:
            # Whoever reads a token from a file has its newline too; the error about that would show the token.
            return {"Authorization": f"Bearer {''.join(self.token.split())}"}
        return {}

    @property
    def who(self) -> str:
        """As whom, in words."""
        if self.username and self.password:
            return self.username
        return "the owner of the token" if self.token else "nobody"


@dataclass(frozen=True)
class Access:
    """How one server is entered.

    Attributes:
        tracking_uri: the server; what is here is for no other.
        credentials: as whom.
        trust: how the server is known again.
    """

    tracking_uri: str
    credentials: Credentials = Credentials()
    trust: Trust = SYSTEM

    def environment(self) -> dict[str, str]:
        """Return the variables with which MLflow's own client enters in the same way, in another process."""
        said = self.credentials
        variables = {USERNAME: said.username, PASSWORD: said.password, TOKEN: said.token}
        found = {name: value for name, value in variables.items() if value}
        if self.trust.file is not None:
            # A client that was told to trust everybody refuses to be told whom to trust.
            found |= {CERTIFICATE: str(self.trust.file), INSECURE: "false"}
        return found


def read_credentials_file(path: Path) -> Credentials:
    """Return what MLflow's own file of credentials holds; nothing where there is none.

    Raises:
        YolopsError: it cannot be read.
    """
    config = configparser.ConfigParser()  # as MLflow reads it: a % in a password stands there as %%
    try:
        config.read(path, encoding="utf-8")
        section = config["mlflow"] if config.has_section("mlflow") else {}
        return Credentials(section.get(USERNAME.lower(), ""), section.get(PASSWORD.lower(), ""))
    except (configparser.Error, OSError, ValueError) as error:  # its text may hold the password
        raise YolopsError(
            f"{path}: MLflow's file of credentials cannot be read ({type(error).__name__})",
            "mend it (a % is written as %%), or remove it",
        ) from error


def kept_login(aws: Aws, secret_arn: str) -> Credentials:
    """Return the login that a secret holds as `{"username": ..., "password": ...}`.

    Raises:
        YolopsError: AWS refuses, or the secret holds something else.
    """
    return _login(
        aws,
        secret_arn,
        "",
        what="the login",
        denied="let the role read the secret: secretsmanager:GetSecretValue",
        malformed='it must be JSON with "username" and "password"',
    )


def administrator(aws: Aws, secret_arn: str) -> Credentials:
    """Return the login of a platform's administrator, which only those may read whom AWS lets.

    Raises:
        YolopsError: AWS refuses, or there is no such login.
    """
    return _login(
        aws,
        secret_arn,
        "admin_",
        what="the administrator's login",
        denied=f"set {USERNAME} and {PASSWORD} to a login of your own, or ask for secretsmanager:GetSecretValue",
        malformed=f"yolops up writes one; or set {USERNAME} and {PASSWORD}",
    )


def _login(aws: Aws, secret_arn: str, prefix: str, *, what: str, denied: str, malformed: str) -> Credentials:
    """Return the login that a secret holds; `denied` and `malformed` say what to do where it does not."""
    try:
        secret = json.loads(aws.call("secretsmanager", "get_secret_value", SecretId=secret_arn)["SecretString"])
        return Credentials(secret[f"{prefix}username"], secret[f"{prefix}password"])
    except AwsError as error:
        raise AwsError(f"{secret_arn}: {what} cannot be read ({error.message})", denied, error.code) from error
    except (ValueError, KeyError, TypeError) as error:  # its text may hold the password
        raise YolopsError(f"{secret_arn}: holds no login ({type(error).__name__})", malformed) from None
