"""The server of custom mode, started from its own files against simulated AWS and a real MariaDB, without Terraform."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import yaml
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.rehearsal.conftest import Aws, wait_for
from tests.server.contract import Contract
from yolops.platform.workspace import Workspace
from yolops.rehearsal.certificates import Authority
from yolops.rehearsal.instance_mode import InstanceMode
from yolops.rehearsal.mariadb import Database, MariaDb, is_installed
from yolops.rehearsal.rehearsal import Rehearsal
from yolops_server.connection import QuietConnection

SOURCE = Path(__file__).resolve().parents[2] / "terraform" / "modules" / "custom" / "server"
PORT, LOG_GROUP, BUCKET = 5000, "/cells/mlflow", "cells-of-the-test"
SECRET = {
    "username": "mlflow",
    "password": "the-password-of-the-database",
    "admin_username": "admin",
    "admin_password": "the-password-of-the-administrator",
    "session_key": "the-key-of-the-session",
    "authority_seed": "the-seed-of-the-authority",
}


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """One running server."""

    aws: Aws
    instance: str
    address: str
    settings: dict[str, Any]
    secret: str

    @property
    def url(self) -> str:
        return f"https://{self.address}:{PORT}"

    @property
    def directory(self) -> Path:
        return self.aws.root / ".yolops/rehearsal/instances" / self.instance

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.directory / "ca.pem"))

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        login: tuple[str, str] | None = ("admin", SECRET["admin_password"]),
        method: str = "",
        **headers: str,
    ) -> Answer:
        """Send one request, as the administrator unless said otherwise."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, method=method or None)
        request.add_header("Content-Type", "application/json")
        if login is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(":".join(login).encode()).decode())
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.trusted()) as answer:
                return Answer(answer.status, answer.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode(errors="replace"))

    def boots(self) -> list[dict[str, Any]]:
        """Return what it said of its boot."""
        logs = self.aws.client("logs")
        events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=f"boot/{self.instance}")["events"]
        return [json.loads(event["message"]) for event in events]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is shared by the tests of a module."""
    with running_server(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is shared by the tests of endpoints: they leave it running, and tell each other's things apart."""
    with running_server(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="module")
def contract(shared_server: Server, request: pytest.FixtureRequest) -> Contract:
    """What asks the endpoints of a module, with a stranger of its own."""
    stranger = (f"stranger-to-{request.node.path.stem}", "the-password-of-a-stranger")
    made = shared_server.ask("/api/2.0/mlflow/users/create", {"username": stranger[0], "password": stranger[1]})
    assert made.status == 200, made
    return Contract(shared_server, stranger)


@contextmanager
def running_server(root: Path) -> Iterator[Server]:
    """Start a server, and end everything that it was started with."""
    if not is_installed():
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    rehearsal = Rehearsal(Workspace(root))
    try:
        rehearsal.start(InstanceMode.PROCESS)
        yield start_server(Aws(rehearsal, root))
    finally:
        rehearsal.reset()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A real MariaDB, entered as the master user of RDS enters it."""
    if not is_installed():
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    root = tmp_path_factory.mktemp("database")
    authority = Authority(root / "certificates")
    server = MariaDb(root / "db", authority)
    parameters = (("log_bin_trust_function_creators", "1"),)
    server.start(Database("db", "mlflow", "password", schema="mlflow", parameters=parameters))
    made = sqlalchemy.create_engine(
        f"mysql+pymysql://mlflow:password@127.0.0.1:{server.port}/?charset=utf8mb4&ssl_ca={authority.root}",
        pool_pre_ping=True,
    )
    # As the server makes them (login.py).
    event.listen(made, "do_connect", lambda _, __, arguments, options: QuietConnection(*arguments, **options))
    yield made
    made.dispose()
    server.stop()


def start_server(aws: Aws) -> Server:
    """Make what the server needs in AWS, then its instance, and wait until it answers."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    aws.client("logs").create_log_group(logGroupName=LOG_GROUP)
    secret = aws.client("secretsmanager").create_secret(Name="server", SecretString=json.dumps(SECRET))["ARN"]
    database = create_database(aws)
    settings = {
        "project": "cells",
        "region": "us-east-1",
        "port": PORT,
        "inner_port": 5001,
        "hosts": ["mlflow.example.com"],
        "secret_arn": secret,
        "database": database,
        "schema": "mlflow",
        "users_schema": "mlflow_users",
        "bucket": BUCKET,
        "prefix": "mlflow",
        "log_group": LOG_GROUP,
    }
    ec2 = aws.client("ec2")
    address = ec2.allocate_address(Domain="vpc")
    settings["hosts"] = ["mlflow.example.com", address["PublicIp"]]
    image = ec2.describe_images(Owners=["136693071363"])["Images"][0]["ImageId"]
    run = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, UserData=user_data(settings))
    instance = run["Instances"][0]["InstanceId"]
    ec2.associate_address(InstanceId=instance, AllocationId=address["AllocationId"])
    made = Server(aws, instance, address["PublicIp"], settings, secret)
    wait_for(lambda: _is_up(made), True, 120)
    return made


def user_data(settings: dict[str, Any]) -> str:
    """Return user data with the files that Terraform would write."""
    files = {
        f"/opt/mlflow/lib/yolops_server/{path.name}": path.read_text() for path in SOURCE.glob("yolops_server/*.py")
    }
    files["/etc/mlflow/server.json"] = json.dumps(settings)
    listed = [{"path": path, "content": content} for path, content in files.items()]
    return "#cloud-config\n" + yaml.safe_dump({"write_files": listed})


def create_database(aws: Aws) -> str:
    """Create the database as Terraform does, and return its host name in AWS."""
    rds = aws.client("rds")
    group = {"DBParameterGroupName": "mlflow", "DBParameterGroupFamily": "mysql8.4", "Description": "mlflow"}
    rds.create_db_parameter_group(**group)
    triggers = {"ParameterName": "log_bin_trust_function_creators", "ParameterValue": "1", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="mlflow", Parameters=[triggers])
    made = rds.create_db_instance(
        DBInstanceIdentifier="cells-mlflow",
        DBParameterGroupName="mlflow",
        Engine="mysql",
        DBInstanceClass="db.t3.micro",
        DBName="mlflow",
        MasterUsername=SECRET["username"],
        MasterUserPassword=SECRET["password"],
        AllocatedStorage=20,
    )
    return str(made["DBInstance"]["Endpoint"]["Address"])


def _is_up(server: Server) -> bool:
    phases = [item["phase"] for item in server.boots()] if (server.directory / "ca.pem").exists() else []
    assert "failed" not in phases, (server.directory / "server.log").read_text()[-3000:]
    return "ready" in phases
