"""The server of custom mode from its own files, with a door before it, before its database and before S3."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.faults.client import API, Client
from tests.faults.doors import LOOPBACK, Door, Storage
from tests.faults.history import Outcome
from tests.faults.programs import Kept, wait_until
from tests.rehearsal.conftest import Aws, wait_for
from tests.server.conftest import BUCKET, SECRET, SOURCE, create_database
from yolops import running_processes
from yolops.platform.server_command import bytecode_directory, server_environment
from yolops.rehearsal.environment import environment
from yolops.rehearsal.server_files import LIBRARY, SETTINGS, lay_out_server
from yolops.rehearsal.steady_port import steady_port

DATABASE = "cells-mlflow"
PATIENCE_S = 240.0
# A minute where it is used; here so short that a test can wait for it.
DATABASE_PATIENCE_S = 3
# So small that a file fills it.
DISK = "16m"


@dataclass
class Deployment:
    """One server with everything around it.

    Attributes:
        server: MLflow.
        database: MariaDB.
        front: before the server.
        back: before the database.
        storage: before S3.
        uploads: the file system that uploads pass through; None where nobody may mount one.
        password: of the database, as the secret holds it.
    """

    aws: Aws
    server: Kept
    database: Kept
    front: Door
    back: Door
    storage: Storage
    secret: str
    uploads: Path | None
    password: str = field(default=SECRET["password"], repr=False)

    def client(self, patience_s: float = 30.0) -> Client:
        """Return a connection of the administrator."""
        login = ("admin", SECRET["admin_password"])
        return Client(self.front.port, self.server.cwd / "ca.pem", login, patience_s)

    def answers(self) -> bool:
        """Return whether the server answers from its database."""
        if not (self.server.cwd / "ca.pem").exists():
            return False
        client = self.client(5.0)
        try:
            return client.get(f"{API}/experiments/get?experiment_id=0").outcome is Outcome.ACKNOWLEDGED
        finally:
            client.close()

    def settle(self) -> None:
        """Wait until the server answers again."""
        log = self.server.log
        wait_until(self.answers, PATIENCE_S, lambda: log.read_text(errors="replace")[-3000:])

    def query(self, statement: str) -> list[str]:
        """Ask the database as its own administrator, past every door."""
        done = subprocess.run(
            ["mariadb", "--no-defaults", "--socket=server.sock", "-BN", f"--execute={statement}"],
            cwd=self.database.cwd,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout.split()

    def logs_in(self, password: str) -> bool:
        """Return whether the database lets its user in with a password."""
        port = f"--port={self.back.target}"
        ask = [
            "mariadb",
            "--no-defaults",
            "--protocol=tcp",
            "--host=127.0.0.1",
            port,
            "--user=mlflow",
            "--ssl",
            "-e",
            "",
        ]
        environ = os.environ | {"MYSQL_PWD": password}
        return subprocess.run(ask, env=environ, capture_output=True, timeout=30, check=False).returncode == 0

    def database_answers(self) -> bool:
        """Return whether the database answers."""
        try:
            return self.query("SELECT 1") == ["1"]
        except (subprocess.SubprocessError, OSError):
            return False


def deploy(aws: Aws, ending: ExitStack) -> Deployment:
    """Start everything and wait until it answers.

    Args:
        aws: the simulated AWS, which runs.
        ending: told how to end what is started here.
    """
    aws.client("s3").create_bucket(Bucket=BUCKET)
    secret = aws.client("secretsmanager").create_secret(Name="server", SecretString=json.dumps(SECRET))["ARN"]
    create_database(aws)
    wait_for(lambda: [item["status"] for item in aws.rehearsal.status().databases], ["running"], 120)
    database, port = _adopt_database(aws)
    directory = aws.root / ".yolops/rehearsal/faults"
    directory.mkdir(parents=True)
    inner = steady_port(directory / "port")
    front, back, storage = Door(inner), Door(port), Storage(aws.url, random.Random(0))
    for part in (front, back, storage):
        part.start()
        ending.callback(part.stop)
    uploads = _small_disk(directory / "uploads", ending)
    settings = {"database_port": back.port, "port": front.port, "inner_port": inner, "secret_arn": secret}
    _lay_out(aws, directory, settings)
    server = Kept(
        [sys.executable, "-m", "yolops.rehearsal.server_process", LOOPBACK, str(inner)],
        directory,
        directory / "server.log",
        _environment(aws, storage, uploads),
    )
    for program in (database, server):
        program.keep()
        ending.callback(program.stop)
    made = Deployment(aws, server, database, front, back, storage, secret, uploads)
    made.settle()
    return made


def _adopt_database(aws: Aws) -> tuple[Kept, int]:
    """Return the database that the rehearsal has started: from now on, it is started again from here."""
    data = aws.root / f".yolops/rehearsal/databases/{DATABASE}/data"
    (identity,) = [item for item, name in running_processes.programs_in(data).items() if Path(name).name == "mariadbd"]
    argv = psutil.Process(identity.pid).cmdline()
    return Kept(argv, data, data.parent / "server.log", identity=identity), int(_option(argv, "--port"))


def _option(argv: list[str], name: str) -> str:
    return next(item.partition("=")[2] for item in argv if item.startswith(f"{name}="))


def _lay_out(aws: Aws, directory: Path, settings: dict[str, object]) -> None:
    files = {f"{LIBRARY}yolops_server/{path.name}": path.read_text() for path in SOURCE.glob("yolops_server/*.py")}
    own = {
        "project": "cells",
        "region": "us-east-1",
        "hosts": [LOOPBACK],
        "database": LOOPBACK,
        "database_patience_s": DATABASE_PATIENCE_S,
        "database_authorities": str(aws.root / ".yolops/rehearsal/certificates/ca.pem"),
        "schema": "mlflow",
        "users_schema": "mlflow_users",
        "bucket": BUCKET,
        "prefix": "mlflow",
        "log_group": "",
    }
    files[SETTINGS] = json.dumps(own | settings)
    lay_out_server(files, directory, {})


def _environment(aws: Aws, storage: Storage, uploads: Path | None) -> dict[str, str]:
    environ = dict(server_environment(bytecode_directory())) | environment(aws.url)
    # As in AWS: boto3 tries as often as it does by itself.
    del environ["AWS_MAX_ATTEMPTS"]
    environ |= {"AWS_ENDPOINT_URL_S3": storage.url, "MLFLOW_S3_ENDPOINT_URL": storage.url}
    return environ if uploads is None else environ | {"TMPDIR": str(uploads)}


def _small_disk(place: Path, ending: ExitStack) -> Path | None:
    if sys.platform != "linux" or os.geteuid() != 0:
        return None
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        return None
    ending.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)
    return place
