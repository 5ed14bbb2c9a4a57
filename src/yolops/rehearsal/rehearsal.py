"""The rehearsal of a workspace, from outside: its one server process is started, found, asked and ended here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.platform.background_server import BackgroundServer, Program
from yolops.platform.health import address, answers, is_alive
from yolops.platform.server_command import bytecode_directory, bytecode_environment, server_version
from yolops.rehearsal import machines
from yolops.rehearsal.instance_mode import InstanceMode, choose
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yolops.platform.workspace import Workspace

INSTALL = "pip install 'yolops[rehearsal]'"
STATUS = "yolops rehearsal status"
PORTS = range(4570, 4590)
STATUS_PATH, INTERRUPT_PATH = "/-/status", "/-/interrupt"
STATUS_PATIENCE_S = 10.0
# Each MLflow server that comes up again takes seconds of a core, and more than twice that when Python must compile it.
MLFLOW_PATIENCE_S = 180.0
POLL_S = 0.2
# It ends its MLflow servers, and then writes down what it holds.
STOP_PATIENCE_S = machines.STOP_PATIENCE_S + 30.0


@dataclass(frozen=True)
class Status:
    """The rehearsal as it is now.

    Attributes:
        running: whether its server runs and answers.
        url: the address of the simulated AWS; None when it does not run.
        pid: the server's process; None when it does not run.
        log: the file with what the server says.
        buckets: the names of the buckets.
        instances: the EC2 instances that are not terminated: `id`, `state`, `address`, and of those that really boot
            `boot`, `log`, and `files`: where what it has written can be looked at while it runs.
        databases: the databases: `name`, `status`, `host`, `port`, `local_port` on 127.0.0.1, `log`.
        mlflow: the MLflow servers: `name`, `status`, `tracking_uri`, and `url` for a browser while they answer.
        jobs: the training jobs that have not ended: `name`, `status`, `log`.
        unimplemented: what was asked for and is not simulated: `service`, `action`, `reason`, `count`.
    """

    running: bool
    url: str | None
    pid: int | None
    log: Path
    buckets: list[str]
    instances: list[dict[str, Any]]
    databases: list[dict[str, Any]]
    mlflow: list[dict[str, Any]]
    jobs: list[dict[str, Any]]
    unimplemented: list[dict[str, Any]]


class Rehearsal:
    """The simulated AWS of a workspace.

    Args:
        workspace: whose it is.
        say: is told, in one line each, what a person should know of a start beyond its result.
    """

    def __init__(self, workspace: Workspace, *, say: Callable[[str], object] | None = None) -> None:
        self._workspace = workspace
        self._say = say or (lambda _: None)
        self._directory = workspace.simulated()
        self._server = BackgroundServer(
            self._directory,
            lock=workspace.state / "rehearsal.lock",
            stop_patience_s=STOP_PATIENCE_S,
            found_by=self._directory,
            say=self._say,
        )

    def start(self, instances: InstanceMode | None = None) -> str:
        """Start it unless it runs already, wait until it and its MLflow servers answer, and return its address.

        Args:
            instances: what instances are; what they were at the last start if absent.

        Raises:
            YolopsError: it is not installed, or did not start.
        """
        version = _installed()
        self._workspace.create_state()
        with self._server.alone():
            self._directory.mkdir(mode=0o700, exist_ok=True)
            record = self._server.record()
            if record is None or not self._server.recovers(record):
                self._server.end(record)
                record = self._server.start(self._program(version, self._choose(instances)))
            elif instances is not None and choose(instances) is not self._mode():
                raise YolopsError(
                    f"the rehearsal runs with --instances {self._mode()}", "end it first: yolops rehearsal stop"
                )
            url = address(record.port)
        deadline = time.monotonic() + MLFLOW_PATIENCE_S
        while not _ask(url).get("settled", True):
            if time.monotonic() >= deadline:
                self._say(f"its MLflow servers are still starting; see how far they are: {STATUS}")
                break
            time.sleep(POLL_S)
        return url

    def stop(self) -> bool:
        """End it and everything it started, and return whether anything ran; what it holds stays.

        Raises:
            YolopsError: something of it cannot be ended.
        """
        if not self._directory.is_dir():
            return False
        with self._server.alone():
            ended = self._server.end(self._server.record())
            self._sweep()
            return ended

    def reset(self) -> bool:
        """End it and delete everything it held, and return whether there was anything.

        Raises:
            YolopsError: something of it cannot be ended or deleted.
        """
        if not self._directory.is_dir():
            return False
        with self._server.alone():
            self._server.end(self._server.record())
            self._sweep()
            try:
                shutil.rmtree(self._directory)
            except OSError as error:
                raise YolopsError(
                    f"{self._directory}: cannot be deleted ({error.strerror})", "delete it yourself"
                ) from error
        return True

    def status(self) -> Status:
        """Return what can be seen of it; changes nothing."""
        record = self._server.record()
        if record is not None and not (is_alive(record) and answers(record)):
            record = None
        url = None if record is None else address(record.port)
        seen = {} if url is None else _ask(url)
        return Status(
            running=url is not None,
            url=url,
            pid=None if record is None or record.process is None else record.process.pid,
            log=self._server.log,
            buckets=seen.get("buckets", []),
            instances=seen.get("instances", []),
            databases=seen.get("databases", []),
            mlflow=seen.get("mlflow", []),
            jobs=seen.get("jobs", []),
            unimplemented=seen.get("unimplemented", []),
        )

    def interrupt(self, job: str, grace_s: float) -> None:
        """Take the spot instance of a training job away, as SageMaker does when EC2 wants it back.

        Args:
            job: the name of the job.
            grace_s: seconds between SIGTERM and SIGKILL.

        Raises:
            YolopsError: the rehearsal does not run, or there is no such job on a spot instance that trains now.
        """
        url = self.status().url
        if url is None:
            raise YolopsError("the rehearsal does not run", "yolops rehearsal start")
        if not _ask(url, INTERRUPT_PATH, {"job": job, "grace_s": grace_s})["done"]:
            raise YolopsError(f"{job}: no training job that trains on a spot instance now", f"see which do: {STATUS}")

    def _choose(self, asked: InstanceMode | None) -> InstanceMode:
        chosen = self._mode() if asked is None else choose(asked)
        with whole_file(self._directory / "instances.mode") as draft:
            draft.write_text(chosen, encoding="utf-8")
        return chosen

    def _mode(self) -> InstanceMode:
        file = self._directory / "instances.mode"
        return choose(InstanceMode(file.read_text(encoding="utf-8")) if file.exists() else InstanceMode.AUTO)

    def _sweep(self) -> None:
        """Remove what processes that were killed could not."""
        if (self._directory / "instances").is_dir():
            from yolops.rehearsal.instances import sweep

            sweep(self._directory)

    def _program(self, version: str, mode: InstanceMode) -> Program:
        return Program(
            name="the rehearsal",
            version=version,
            argv=lambda port: [sys.executable, "-m", "yolops.rehearsal.server", str(self._directory), str(port), mode],
            environment=bytecode_environment(bytecode_directory()),
            ports=PORTS,
            hint=f"read {self._server.log}; what it held can be given up with `yolops rehearsal reset`",
        )


def _installed() -> str:
    """Return the version of moto.

    Raises:
        YolopsError: a part is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in ("moto", "flask", "flask_cors", "sagemaker_mlflow")):
        raise YolopsError("the simulated AWS is not installed here", INSTALL)
    server_version()
    return importlib.metadata.version("moto")


def _ask(url: str, path: str = STATUS_PATH, body: dict[str, Any] | None = None) -> dict[str, Any]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", sent, {"Content-Type": "application/json"})  # noqa: S310 - http
    try:
        with direct.open(request, timeout=STATUS_PATIENCE_S) as answer:
            seen: dict[str, Any] = json.load(answer)
            return seen
    except (OSError, ValueError) as error:
        raise YolopsError(f"{url}: the rehearsal does not answer ({error})", "yolops rehearsal start") from error
