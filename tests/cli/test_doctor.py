"""`yolops doctor` in local mode, typed: a workspace that is well, and what makes it unwell, one fault after another."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from yolops.running_processes import ProcessIdentity, find_background, stop
from yolops.tracking.spool import RunIntent, Spool
from yolops.training.run_directory import RunDirectory, TrainRequest


class Place:
    """A workspace in local mode, in which commands are typed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YOLOPS_", "MLFLOW_"))}
        return subprocess.run(
            [sys.executable, "-m", "yolops.cli.entry", *arguments],
            cwd=self.root,
            env={**kept, "XDG_CONFIG_HOME": str(self.root / "config"), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def doctor(self, **environment: str) -> Diagnosis:
        done = self("doctor", "--json", **environment)
        return Diagnosis(done.returncode, json.loads(done.stdout))

    def kill_server(self) -> int:
        """Kill the server with all that it started, and return its port."""
        seen = json.loads(self("status", "--json").stdout)
        os.kill(seen["pid"], signal.SIGKILL)
        for left in find_background(self.root / ".yolops" / "server.log"):
            stop(left, 0)
        return int(seen["port"])


class Diagnosis:
    """What the doctor has said."""

    def __init__(self, code: int, said: dict[str, Any]) -> None:
        self.code = code
        self.said = said
        self.found = {
            finding["code"]: (check["check"], finding) for check in said["checks"] for finding in check["findings"]
        }

    def verdict(self, check: str) -> str:
        return str(next(item["verdict"] for item in self.said["checks"] if item["check"] == check))


def steal(port: int) -> socket.socket:
    """Take a port as soon as the last thread of its former owner has let go of it."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("local"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        # Not one of those that every other server of this machine tries first: a test takes it away.
        place("up", "--port", str(port))
        yield place
    finally:
        place("down")


@pytest.fixture
def running(place: Place) -> Place:
    """The same with its server, whatever an earlier test has done to it."""
    started = place("up")
    assert started.returncode == 0, started.stderr
    return place


def test_an_empty_workspace_is_in_order_and_stays_empty(tmp_path: Path) -> None:
    seen = Place(tmp_path).doctor()
    assert (seen.code, seen.said["healthy"], seen.said["mode"]) == (0, True, "local")
    assert seen.found == {}
    assert "what to do" not in Place(tmp_path)("doctor").stdout, "a column of nothing"
    assert list(tmp_path.iterdir()) == []


def test_a_running_platform_is_in_order_in_every_check(running: Place) -> None:
    seen = running.doctor()
    verdicts = {check["check"]: check["verdict"] for check in seen.said["checks"]}
    assert seen.code == 0
    assert {name for name, verdict in verdicts.items() if verdict != "ok"} <= {"ultralytics settings", "GPU"}
    assert {"Python", "packages", "free disk", "MLflow server", "port", "database", "artifacts"} <= verdicts.keys()


def test_a_server_of_others_that_is_named_is_looked_at_instead(running: Place, tmp_path: Path) -> None:
    address = json.loads(running("status", "--json").stdout)["url"]
    own = running("--tracking-uri", address, "doctor", "--json")
    assert json.loads(own.stdout)["mode"] == "local"
    done = Place(tmp_path)("--tracking-uri", address, "doctor", "--json")
    seen = Diagnosis(done.returncode, json.loads(done.stdout))
    assert (seen.code, seen.said["mode"]) == (0, "external")
    assert [seen.verdict(name) for name in ("MLflow", "MLflow login", "MLflow versions")] == ["ok"] * 3
    gone = running("--tracking-uri", "http://127.0.0.1:9", "doctor", "--json")
    seen = Diagnosis(gone.returncode, json.loads(gone.stdout))
    assert (seen.code, seen.verdict("MLflow"), seen.verdict("MLflow login")) == (1, "error", "skipped")


def test_what_is_wrong_stands_in_a_table_with_what_to_do(running: Place) -> None:
    running.kill_server()
    done = running("doctor")
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if line.startswith("MLflow server"))
    assert "error" in line
    assert "the MLflow server has ended without `yolops down`" in line
    assert line.rstrip().endswith("yolops up")
    assert done.stdout.splitlines()[-1] == "local: 1 of 13 checks found an error, 0 a warning"
    assert done.stdout.splitlines()[0].endswith("what to do")
    assert done.stderr == ""


def test_a_port_that_somebody_stole_from_the_killed_server_is_told_with_the_thief(running: Place) -> None:
    with steal(running.kill_server()):
        seen = running.doctor()
    check, finding = seen.found["port-taken"]
    assert (seen.code, check, seen.verdict("MLflow server")) == (1, "port", "error")
    assert f"(process {os.getpid()})" in finding["what"]


def test_a_paused_server_is_an_error_and_not_waited_for(running: Place) -> None:
    paused = [psutil.Process(item.pid) for item in find_background(running.root / ".yolops" / "server.log")]
    for process in paused:
        process.suspend()
    try:
        seen = running.doctor()
    finally:
        for process in paused:
            process.resume()
    assert (seen.code, set(seen.found)) == (1, {"server-unhealthy"})


def test_runs_that_were_not_sent_are_a_warning(running: Place) -> None:
    run = RunDirectory.create(running.root / "runs", TrainRequest("d", "m", "cells", "lost"), "f")
    spool = Spool.create(run.spool.directory, RunIntent("lost", "http://127.0.0.1:9", "cells", "lost", 0))
    spool.records_file.write_bytes(b'{"kind": "end"}\n')
    spool.set_owner(ProcessIdentity(2**22 - 1, 1.0))
    seen = running.doctor()
    assert (seen.code, seen.said["healthy"]) == (0, True)
    assert seen.found["runs-not-sent"][1]["fix"] == "yolops runs sync"


def test_another_version_of_mlflow_is_an_error(running: Place, tmp_path: Path) -> None:
    for name in ("mlflow", "mlflow_skinny"):
        (tmp_path / f"{name}-2.9.0.dist-info").mkdir()
        (tmp_path / f"{name}-2.9.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 2.9.0\n"
        )
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    seen = running.doctor(PYTHONPATH=path)
    assert (seen.code, seen.verdict("packages"), seen.verdict("MLflow versions")) == (1, "error", "warning")
    assert "2.9.0 is installed, and yolops needs" in seen.found["package-unfit"][1]["what"]
    assert "the client here 2.9.0" in seen.found["mlflow-versions-differ"][1]["what"]


def test_a_damaged_database_is_an_error(running: Place) -> None:
    assert running("down").returncode == 0
    file = running.root / ".yolops" / "mlflow.db"
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * 4096 + content[12288:])
    try:
        seen = running.doctor()
    finally:
        file.write_bytes(content)
    assert (seen.code, set(seen.found) - {"runs-not-sent"}) == (1, {"database-damaged"})


def test_settings_that_cannot_be_read_are_told_beside_the_rest(tmp_path: Path) -> None:
    (tmp_path / "terraform").mkdir()
    (tmp_path / "terraform" / "main.tf").touch()
    (tmp_path / "terraform" / "terraform.tfvars").write_text('deployment_mode = "cloud"\n')
    seen = Place(tmp_path).doctor()
    assert (seen.code, seen.said["mode"], seen.verdict("free disk")) == (1, "unknown", "ok")
    assert 'deployment_mode is "cloud"' in seen.found["failed"][1]["what"]
