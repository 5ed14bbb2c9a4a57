"""Requests per second to the server of custom mode, against a plain `mlflow server` with the same database.

Ours is what an instance runs behind nginx, asked by a user who is no administrator: her login is checked, and what she
may do. The peer checks nothing. Both have two processes and a schema of the same MariaDB, which keeps a binary log and
speaks TLS as RDS does. What asks them shares their processors. The two are asked in turn; no other program runs then.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from benchmarks.workbench import Measured, compared
from yolops.platform.workspace import Workspace
from yolops.rehearsal.certificates import Authority
from yolops.rehearsal.environment import environment
from yolops.rehearsal.instance_mode import InstanceMode
from yolops.rehearsal.mariadb import Database, MariaDb
from yolops.rehearsal.rehearsal import Rehearsal
from yolops.rehearsal.steady_port import steady_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SOURCE = Path(__file__).resolve().parents[1] / "terraform/modules/custom/server"
ROUNDS, CLIENTS, WORKERS = int(os.environ.get("ROUNDS", "3")), 4, 2
PATIENCE_S = 120.0
API = "/api/2.0/mlflow"
DATABASE, PASSWORD = ("mlflow", "the-password-of-the-database"), "the-password-of-ada"
SECRET = {
    "password": DATABASE[1],
    "admin_username": "admin",
    "admin_password": "the-password-of-the-administrator",
    "session_key": "the-key-of-the-session",
    "authority_seed": "the-seed-of-the-authority",
}
KEYS = [f"metrics/{number}" for number in range(20)]
RUNS_TO_SEARCH, FOUND = 200, 100


@dataclass
class Side:
    """One server.

    Attributes:
        port: where it listens.
        login: the headers that say who asks.
        runs: the runs that each client writes to.
        experiment: what is searched.
        step: of the next batch.
    """

    port: int
    login: Mapping[str, str]
    runs: list[str] = field(default_factory=list)
    experiment: str = ""
    step: int = 0

    def ask(self, connection: http.client.HTTPConnection, path: str, body: bytes) -> Any:
        """Return what it answers to a POST."""
        connection.request("POST", API + path, body, {"Content-Type": "application/json", **self.login})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {said[:500]!r}")
        return said

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection that is kept alive."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def fill(self) -> None:
        """Make the runs that are written to, and those that are searched."""
        connection = self.connect()

        def post(path: str, **values: Any) -> Any:
            return json.loads(self.ask(connection, path, json.dumps(values).encode()))

        written = post("/experiments/create", name="written")["experiment_id"]
        made = [post("/runs/create", experiment_id=written)["run"]["info"]["run_id"] for _ in range(CLIENTS)]
        self.runs = made
        self.experiment = post("/experiments/create", name="searched")["experiment_id"]
        for number in range(RUNS_TO_SEARCH):
            run = post("/runs/create", experiment_id=self.experiment)["run"]["info"]["run_id"]
            metrics = [_point(key, number + index / 7, 0) for index, key in enumerate(KEYS)]
            params = [{"key": f"param{index}", "value": str(number)} for index in range(20)]
            tags = [{"key": f"tag{index}", "value": str(number)} for index in range(5)]
            post("/runs/log-batch", run_id=run, metrics=metrics, params=params, tags=tags)

    def batch(self, client: int, steps: int) -> bytes:
        """Return a batch with all metrics of so many steps that are new."""
        self.step += steps
        points = [_point(key, step / 7, step) for step in range(self.step - steps, self.step) for key in KEYS]
        return json.dumps({"run_id": self.runs[client], "metrics": points}).encode()

    def search(self, *_: int) -> bytes:
        """Return a search for the best runs of the experiment."""
        asked = {"experiment_ids": [self.experiment], "max_results": FOUND, "order_by": ["metrics.`metrics/0` DESC"]}
        return json.dumps(asked).encode()

    def load(self, path: str, body: Callable[[int, int], bytes], count: int, steps: int = 0) -> tuple[float, ...]:
        """Have each client ask so often; return requests per second, median and 99th percentile of an answer's time.

        Args:
            path: what is asked.
            body: makes the body of a request of a client.
            count: how often each client asks.
            steps: how many steps a batch has.
        """
        bodies = [[body(client, steps) for _ in range(count)] for client in range(CLIENTS)]

        def client(number: int) -> list[float]:
            connection, took = self.connect(), []
            for request in bodies[number]:
                began = time.perf_counter()
                self.ask(connection, path, request)
                took.append(time.perf_counter() - began)
            connection.close()
            return took

        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as clients:
            times = [took for each in clients.map(client, range(CLIENTS)) for took in each]
        percentiles = statistics.quantiles(times, n=100)
        return len(times) / (time.perf_counter() - began), percentiles[49], percentiles[98]


def _point(key: str, value: float, step: int) -> dict[str, Any]:
    return {"key": key, "value": value, "timestamp": 1_700_000_000_000 + step, "step": step}


@contextmanager
def servers(root: Path) -> Iterator[tuple[Side, Side]]:
    """Yield ours and the peer, both filled."""
    with ExitStack() as ending:
        authority = Authority(root / "certificates")
        database = MariaDb(root / "database", authority)
        trust = (("log_bin_trust_function_creators", "1"),)
        database.start(Database("database", *DATABASE, schema="peer", parameters=trust))
        ending.callback(database.stop)
        rehearsal = Rehearsal(Workspace(root))
        ending.callback(rehearsal.reset)
        rehearsal.start(InstanceMode.PROCESS)
        sides = [
            _ours(root / "ours", database.port, authority, rehearsal, ending),
            _peer(root / "peer", database.port, authority, ending),
        ]
        for side in sides:
            side.fill()
        yield sides[0], sides[1]


def _ours(root: Path, database: int, authority: Authority, rehearsal: Rehearsal, ending: ExitStack) -> Side:
    url = str(rehearsal.status().url)
    known = {"aws_access_key_id": "rehearsal", "aws_secret_access_key": "rehearsal", "region_name": "us-east-1"}
    client = boto3.client("secretsmanager", endpoint_url=url, **known)
    root.mkdir()
    port = steady_port(root / "port")
    settings = {
        "project": "cells",
        "region": "us-east-1",
        "port": port,
        "inner_port": port,
        "hosts": [],
        "secret_arn": client.create_secret(Name="server", SecretString=json.dumps(SECRET))["ARN"],
        "database": "127.0.0.1",
        "database_port": database,
        "database_authorities": str(authority.root),
        "schema": "ours",
        "users_schema": "users",
        "bucket": "cells",
        "prefix": "mlflow",
        "log_group": "",
        "run": str(root),
        "tls": str(root),
        "workers": WORKERS,
    }
    (root / "server.json").write_text(json.dumps(settings))
    environ = {**environment(url), "YOLOPS_SERVER_SETTINGS": str(root / "server.json"), "PYTHONPATH": str(SOURCE)}
    _start([sys.executable, "-m", "yolops_server.serve"], root, environ, ending)
    _wait(port, root)
    admin, ada = _login("admin", SECRET["admin_password"]), _login("ada", PASSWORD)
    side = Side(port, admin)
    connection = side.connect()
    side.ask(connection, "/users/create", json.dumps({"username": "ada", "password": PASSWORD}).encode())
    return Side(port, ada)


def _peer(root: Path, database: int, authority: Authority, ending: ExitStack) -> Side:
    root.mkdir()
    port = steady_port(root / "port")
    user = ":".join(DATABASE)
    store = f"mysql+pymysql://{user}@127.0.0.1:{database}/peer?charset=utf8mb4&ssl_ca={authority.root}"
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", str(WORKERS)]
    # Its seven processes for judges of language models would take their time from both sides.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    _start([*command, "--backend-store-uri", store], root, quiet, ending)
    _wait(port, root)
    return Side(port, {})


def _start(command: list[str], root: Path, environ: Mapping[str, str], ending: ExitStack) -> None:
    with (root / "log").open("wb") as log:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        process = subprocess.Popen(command, cwd=root, env={**inherited, **environ}, stdout=log, stderr=log)
    ending.callback(process.wait, PATIENCE_S)
    ending.callback(process.terminate)


def _login(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def _wait(port: int, root: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError((root / "log").read_text(errors="replace")[-3000:]) from None
        time.sleep(0.2)


# What is asked, by which path, with which bodies, how often by each client, and of how many steps.
LOADS: list[tuple[str, str, Callable[[Side], Callable[[int, int], bytes]], int, int]] = [
    ("log-batch of 20 metrics", "/runs/log-batch", lambda side: side.batch, 50, 1),
    ("log-batch of 1000 metrics", "/runs/log-batch", lambda side: side.batch, 5, 50),
    (f"runs/search that finds {FOUND}", "/runs/search", lambda side: side.search, 8, 0),
]


# What `load` returns.
FIGURES = (("requests per second", "/s", ">= 2"), ("p50", "s", "<= 1"), ("p99", "s", "<= 1"))


def main() -> Iterator[Measured]:
    """Ask both in turn."""
    with tempfile.TemporaryDirectory(prefix="yolops-bench-") as temporary, servers(Path(temporary)) as sides:
        for name, path, bodies, count, steps in LOADS:
            for side in sides:  # what is paid once
                side.load(path, bodies(side), 3, steps)
            rounds = [[side.load(path, bodies(side), count, steps) for side in sides] for _ in range(ROUNDS)]
            for index, (what, unit, bar) in enumerate(FIGURES):
                ours, peer = ([each[side][index] for each in rounds] for side in (0, 1))
                yield compared(f"{name}, {what}, ours / mlflow server", ours, peer, unit=unit, bar=bar)
