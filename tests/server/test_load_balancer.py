"""Two servers on one database behind a load balancer: clients notice neither which one answers nor that one dies."""

from __future__ import annotations

import base64
import http.cookiejar
import json
import random
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.certificates import HOST, Signed, signed
from tests.faults import readers, writers
from tests.faults.client import Client
from tests.faults.history import History, Outcome
from tests.faults.programs import Kept, wait_until
from tests.faults.readers import patiently
from tests.faults.writers import Load, Writer
from tests.rehearsal.conftest import Aws, wait_for
from tests.server import nginx
from tests.server.balancer import Balancer, balancing
from tests.server.conftest import BUCKET, SECRET, SOURCE, create_database
from tests.server.nginx import Nginx
from yolops.platform.server_command import bytecode_directory, server_environment
from yolops.platform.workspace import Workspace
from yolops.rehearsal.instance_mode import InstanceMode
from yolops.rehearsal.mariadb import is_installed
from yolops.rehearsal.rehearsal import Rehearsal
from yolops.rehearsal.steady_port import steady_port

pytestmark = pytest.mark.timeout(600)
NAME = "mlflow.example.com"
ADMIN = ("admin", SECRET["admin_password"])
LOAD_S, REPEAT_S, WRITERS = 6.0, 120.0, 6
# What a person writes who knows MLflow and nothing of us; the file is uploaded in parts.
LOG_A_RUN = """
import hashlib, os, pathlib, mlflow
mlflow.set_experiment("cells")
content = os.urandom(11 << 20)
pathlib.Path("weights.pt").write_bytes(content)
with mlflow.start_run() as run:
    for step in range(20):
        mlflow.log_metric("mAP50", step / 20, step=step)
    mlflow.log_artifact("weights.pt")
found = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="weights.pt"))
points = mlflow.MlflowClient().get_metric_history(run.info.run_id, "mAP50")
print(run.info.run_id, found.read_bytes() == content, len(points))
"""


@dataclass(frozen=True)
class Instance:
    """One of the servers: MLflow, and nginx before it."""

    mlflow: Kept
    front: Kept
    port: int

    def kill(self) -> None:
        """Kill everything of it at once, and for good."""
        for program in (self.front, self.mlflow):
            program.kill(0.0)
            program.stop()


@dataclass(frozen=True)
class Pair:
    """Two servers and what stands before them."""

    aws: Aws
    instances: list[Instance]
    balancer: Balancer
    files: Signed

    def client(self) -> Client:
        return Client(self.balancer.server_port, self.files.root, ADMIN, host=NAME)

    def healthy(self) -> int:
        return len(self.balancer.healthy)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if not is_installed() or nginx.PROGRAM is None:
        pytest.skip("MariaDB or nginx is not installed: apt-get install mariadb-server nginx-light")
    root = tmp_path_factory.mktemp("pair")
    rehearsal = Rehearsal(Workspace(root))
    aws = Aws(rehearsal, root)
    with ExitStack() as ending:
        ending.callback(rehearsal.reset)
        rehearsal.start(InstanceMode.PROCESS)
        aws.client("s3").create_bucket(Bucket=BUCKET)
        secret = aws.client("secretsmanager").create_secret(Name="server", SecretString=json.dumps(SECRET))["ARN"]
        create_database(aws)
        wait_for(lambda: [item["status"] for item in rehearsal.status().databases], ["running"], 120)
        fronts = [Nginx(root / name, steady_port(root / f"{name}.port")) for name in ("one", "two")]
        files = signed(root / "balancer")
        balancer = ending.enter_context(balancing([front.port for front in fronts], files))
        instances = [_instance(aws, front, balancer, secret, ending) for front in fronts]
        made = Pair(aws, instances, balancer, files)
        logs = [instance.mlflow.log for instance in instances]
        wait_until(lambda: made.healthy() == 2, 240, lambda: "\n".join(log.read_text()[-2000:] for log in logs))
        yield made


def _instance(aws: Aws, server: Nginx, balancer: Balancer, secret: str, ending: ExitStack) -> Instance:
    directory = server.directory
    directory.mkdir()
    inner_port = steady_port(directory / "inner-port")
    settings = {
        "project": "cells",
        "region": "us-east-1",
        # By which clients know it: in AWS they say none, since it is that of HTTPS.
        "port": balancer.server_port,
        "inner_port": inner_port,
        "hosts": [NAME],
        "secret_arn": secret,
        "database": HOST,
        "database_port": aws.rehearsal.status().databases[0]["local_port"],
        "database_authorities": str(aws.root / ".yolops/rehearsal/certificates/ca.pem"),
        "schema": "mlflow",
        "users_schema": "mlflow_users",
        "bucket": BUCKET,
        "prefix": "mlflow",
        "log_group": "",
        "run": str(directory),
        "tls": str(directory),
        "workers": 1,
    }
    (directory / "server.json").write_text(json.dumps(settings))
    environ = dict(server_environment(bytecode_directory())) | aws.environment()
    environ |= {"PYTHONPATH": str(SOURCE), "YOLOPS_SERVER_SETTINGS": str(directory / "server.json")}
    subprocess.run([sys.executable, "-m", "yolops_server.certificates"], env=environ, check=True, timeout=60)
    server.write(inner_port)
    mlflow = Kept([sys.executable, "-m", "yolops_server.serve"], directory, directory / "mlflow.log", environ)
    front = Kept(server.argv("-g", "daemon off;"), directory, directory / "nginx.log")
    for program in (mlflow, front):
        program.keep()
        ending.callback(program.stop)
    return Instance(mlflow, front, server.port)


def test_a_run_with_a_file_in_parts_goes_through_both_on_connections_that_are_kept(pair: Pair, tmp_path: Path) -> None:
    served, reused = pair.balancer.served.copy(), pair.balancer.reused
    login = {
        "MLFLOW_TRACKING_URI": f"https://{HOST}:{pair.balancer.server_port}",
        "MLFLOW_TRACKING_SERVER_CERT_PATH": str(pair.files.root),
        "MLFLOW_TRACKING_USERNAME": ADMIN[0],
        "MLFLOW_TRACKING_PASSWORD": ADMIN[1],
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
        "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(5 << 20),
        "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": str(5 << 20),
    }
    command = [sys.executable, "-W", "ignore", "-c", LOG_A_RUN]
    environ = pair.aws.environment() | login
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

    run, same, points = done.stdout.split()[-3:]
    assert (same, points) == ("True", "20")
    objects = pair.aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="mlflow/artifacts/")["Contents"]
    (kept,) = [item for item in objects if run in item["Key"]]
    assert kept["ETag"].strip('"').endswith("-3"), "it was put together from three parts"
    for instance in pair.instances:
        assert pair.balancer.served[instance.port] - served[instance.port] > 8
    assert pair.balancer.reused - reused > 20


def test_a_session_that_begins_at_one_server_goes_on_at_the_other(pair: Pair) -> None:
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(pair.files.root)))
    browser = urllib.request.build_opener(cookies, trusted)
    basic = base64.b64encode(":".join(ADMIN).encode()).decode()
    browser.addheaders = [("Authorization", f"Basic {basic}"), ("Referer", f"https://{NAME}/signup")]
    address = f"https://{HOST}:{pair.balancer.server_port}"

    def ask(path: str, form: dict[str, str] | None = None) -> tuple[str, int]:
        before = pair.balancer.served.copy()
        data = None if form is None else urllib.parse.urlencode(form).encode()
        with browser.open(urllib.request.Request(f"{address}{path}", data, {"Host": NAME}), timeout=30) as answer:
            page = answer.read().decode()
        (served_by,) = [port for port in pair.balancer.served if pair.balancer.served[port] > before[port]]
        return page, served_by

    page, first = ask("/signup")
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    new = {"username": "grace", "password": "the-password-of-grace"}
    page, second = ask("/api/2.0/mlflow/users/create-ui", {**new, "csrf_token": found[1]})
    assert "Successfully signed up user: grace" in page
    assert first != second
    # Who is new at one of them logs in at both.
    grace = Client(pair.balancer.server_port, pair.files.root, ("grace", new["password"]), host=NAME)
    for _ in range(2):
        assert grace.get("/api/2.0/mlflow/experiments/search?max_results=1").status == 200
    grace.close()


def test_what_a_server_refuses_is_refused_behind_the_balancer_too(pair: Pair) -> None:
    client = pair.client()
    search = "/api/2.0/mlflow/experiments/search?max_results=1"
    for origin, status in (("https://evil.example.org", 403), (f"https://{NAME}", 200)):
        for _ in pair.instances:
            assert client.send("GET", search, headers={"Origin": origin}).status == status
    client.close()
    stranger = Client(pair.balancer.server_port, pair.files.root, ADMIN, host="evil.example.org")
    for _ in pair.instances:
        assert stranger.get(search).status == 421
    stranger.close()


def test_a_server_that_is_killed_under_load_takes_no_acknowledged_write_with_it(pair: Pair) -> None:
    reader = pair.client()
    experiment = patiently(partial(reader.post, "experiments/create", name="killed")).json["experiment_id"]
    values = {"experiment_id": experiment, "run_name": f"{readers.GIVEN}-0"}
    run = patiently(partial(reader.post, "runs/create", **values)).json["run"]["info"]["run_id"]
    until = time.monotonic() + LOAD_S
    load = Load(History(), until, until + REPEAT_S, experiment, uploads=3)
    threads = writers.start(
        [Writer(load, pair.client(), run, f"w{number}", random.Random(number)) for number in range(WRITERS)]
    )
    killed, other = pair.instances
    killer = threading.Timer(LOAD_S / 2, killed.kill)
    killer.start()
    for thread in [killer, *threads]:
        thread.join()

    wait_for(lambda: pair.balancer.healthy, {other.port}, 30)
    held = readers.read(reader, experiment, [run], load.history.places())
    held.values.update(readers.take_files(pair.aws, experiment))
    print(dict(load.answers), {outcome.value: load.history.count(outcome) for outcome in Outcome})
    assert [str(item) for item in load.history.check(held.values)] == []
    assert load.refusals == []
    assert load.answers.total() > 0, "nobody was asked by it when it was killed"
    assert load.history.count(Outcome.ACKNOWLEDGED) > 100
    # Whoever writes now writes to the other one, and nothing fails.
    said = [reader.post("runs/set-tag", run_id=run, key="after", value=str(number)).status for number in range(10)]
    assert said == [200] * 10
    reader.close()
