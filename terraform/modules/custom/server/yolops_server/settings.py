"""What the server was told: the file that Terraform rendered into the user data, and the secret it names."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "/etc/mlflow/server.json"
# Of Amazon's own bundle, which the first boot fetches.
DATABASE_AUTHORITIES = "/opt/mlflow/rds.pem"
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


@dataclass(frozen=True)
class Settings:
    """The settings of one server.

    Attributes:
        project: the name of the platform.
        region: the AWS region.
        port: where people and jobs reach it, over TLS.
        inner_port: where MLflow itself listens, on 127.0.0.1.
        hosts: the names and addresses it is called by, beside its own private address.
        secret_arn: the secret with its passwords.
        database: the host of MySQL.
        database_port: its port.
        database_user: who logs in to it.
        database_authorities: the certificates that its own is checked with.
        database_patience_s: how many seconds a request waits for an answer of the database.
        schema: the schema of runs and models.
        users_schema: the schema of users and permissions.
        bucket: the bucket of the platform.
        prefix: the prefix of the bucket that is the server's.
        log_group: the log group of CloudWatch.
        run: the directory, in memory, for what MLflow is told anew at each start.
        tls: the same for what nginx is told, the private key among it.
        cache: the directory, on the disk, for what can be made again.
        uv: the installer of Python packages.
        locks: the directory with the locks of those MLflows that it can install, `requirements-VERSION.txt`.
        workers: how many processes MLflow is served by.
        public_name: the one of the hosts for which a public authority is asked for a certificate; empty for none.
        acme_directory: that authority.
        files_key: where in the bucket the other files of the server are.
        files_sha256: what they hash to.
    """

    project: str
    region: str
    port: int
    inner_port: int
    hosts: tuple[str, ...]
    secret_arn: str
    database: str
    schema: str
    users_schema: str
    bucket: str
    prefix: str
    log_group: str
    database_port: int = 3306
    database_user: str = "mlflow"
    database_authorities: str = DATABASE_AUTHORITIES
    database_patience_s: int = 60
    run: str = "/run/mlflow"
    tls: str = "/run/mlflow-tls"
    cache: str = "/var/cache/mlflow"
    uv: str = "/opt/mlflow/uv"
    locks: str = "/opt/mlflow/locks"
    workers: int = 2
    public_name: str = ""
    acme_directory: str = LETS_ENCRYPT
    files_key: str = ""
    files_sha256: str = ""

    @property
    def artifacts(self) -> str:
        """Where the artifacts of runs are kept."""
        return f"s3://{self.bucket}/{self.prefix}/artifacts"

    @property
    def root_key(self) -> str:
        """Where in the bucket the certificate of its authority is published."""
        return f"{self.prefix}/server/ca.pem"

    @property
    def chain_key(self) -> str:
        """Where in the bucket the certificate of the public name is kept, with those of its authority."""
        return f"{self.prefix}/server/public.pem"

    def address(self, schema: str) -> str:
        """Return the address of a schema as SQLAlchemy wants it, without the password."""
        host = f"{self.database_user}@{self.database}:{self.database_port}"
        return f"mysql+pymysql://{host}/{schema}?charset=utf8mb4&ssl_ca={self.database_authorities}"

    def names(self) -> list[str]:
        """Return every name and address by which the server may be called."""
        return list(dict.fromkeys([*self.hosts, own_address(), "localhost", "127.0.0.1"]))


@dataclass(frozen=True)
class Secret:
    """What only the server may know.

    Attributes:
        password: of the database's user.
        admin_username: the first administrator of MLflow.
        admin_password: the password that one is created with.
        session_key: signs MLflow's forms.
        authority_seed: what the key of the certificate authority is derived from.
    """

    password: str = field(repr=False)
    admin_username: str
    admin_password: str = field(repr=False)
    session_key: str = field(repr=False)
    authority_seed: str = field(repr=False)


def read_settings() -> Settings:
    """Return the settings of this server; `YOLOPS_SERVER_SETTINGS` names another file than the usual one."""
    values: dict[str, Any] = json.loads(
        Path(os.environ.get("YOLOPS_SERVER_SETTINGS", FILE)).read_text(encoding="utf-8")
    )
    return Settings(**{**values, "hosts": tuple(values["hosts"])})


def fetch_secret(settings: Settings) -> Secret:
    """Return the secret as it is now."""
    import boto3

    client = boto3.client("secretsmanager", region_name=settings.region)
    values = json.loads(client.get_secret_value(SecretId=settings.secret_arn)["SecretString"])
    return Secret(**{name: values[name] for name in Secret.__dataclass_fields__})


def own_address() -> str:
    """Return the private address of this machine; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("169.254.169.254", 80))
        return str(probe.getsockname()[0])
