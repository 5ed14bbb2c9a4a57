"""Servers of the versions of MLflow that a platform can have, each out of its own lock, and killed where a test wants.

As a program, `python mlflow_versions.py` imports MLflow once and forks a server for each line that it reads: a start
takes a second or two, not ten, and does what `yolops_server.serve` does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "terraform" / "modules" / "custom" / "server"
CACHE = Path.home() / ".cache" / "yolops" / "mlflow"
INSTALL_PATIENCE_S, START_PATIENCE_S = 600, 90


def interpreter(version: str) -> Path:
    """Return the Python that has what a server of a version installs; made the first time on a machine.

    Raises:
        OSError: it cannot be made here, and why.
    """
    lock = (SOURCE / f"requirements-{version}.txt").read_text()
    place = CACHE / f"{version}-{hashlib.sha256(lock.encode()).hexdigest()[:12]}"
    if not place.exists():
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        draft.parent.mkdir(parents=True, exist_ok=True)
        packages = draft.with_name(f"{draft.name}.txt")
        packages.write_text("".join(line for line in lock.splitlines(keepends=True) if not line.startswith("uv==")))
        uv = Path(sys.executable).with_name("uv")
        install = ("pip", "install", "--only-binary", ":all:", "--require-hashes", "--no-deps", "--compile-bytecode")
        try:
            for step in (
                ("venv", "--python", "3.11", draft),
                (*install, "--python", draft / "bin/python", "--requirement", packages),
            ):
                done = subprocess.run(
                    [uv, "--quiet", *step], check=False, capture_output=True, text=True, timeout=INSTALL_PATIENCE_S
                )
                if done.returncode:
                    raise OSError(done.stderr.strip())
            if not place.exists():  # made by somebody else meanwhile
                draft.rename(place)
        finally:
            packages.unlink()
            shutil.rmtree(draft, ignore_errors=True)
    return place / "bin" / "python"


@dataclass
class Version:
    """What starts servers of one version of MLflow.

    Args:
        version: which.
        directory: where it keeps its settings and its log.
        settings: those of the server but for what is its own.
        environment: how AWS is reached.
    """

    version: str
    directory: Path
    settings: dict[str, Any]
    environment: dict[str, str]
    _process: Any = field(default=None, init=False)
    _last: Running | None = field(default=None, init=False)
    port: int = field(default=0, init=False)

    def begin(self) -> None:
        """Import MLflow."""
        self.directory.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        places = dict.fromkeys(("run", "tls", "cache"), str(self.directory))
        own = {**places, "port": self.port, "inner_port": self.port}
        (self.directory / "server.json").write_text(json.dumps({**self.settings, **own, "workers": 1}))
        with (self.directory / "log").open("w") as log:
            self._process = subprocess.Popen(
                [interpreter(self.version), "-W", "ignore", __file__],
                env=self.environ(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def environ(self) -> dict[str, str]:
        """Return the environment of its processes."""
        return {
            "PATH": os.defpath,
            "HOME": str(self.directory),
            "PYTHONPATH": str(SOURCE),
            "YOLOPS_SERVER_SETTINGS": str(self.directory / "server.json"),
            # Where packages come from is trusted as elsewhere on this machine.
            **{name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ},
            **self.environment,
        }

    def end(self) -> None:
        """End it and what it has started."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def start(self, kill_at: int = 0) -> Running:
        """Start a server; it kills itself when it comes to a statement with a number from 1 on."""
        self.end_last()
        self._process.stdin.write(json.dumps({"kill_at": kill_at}) + "\n")
        self._process.stdin.flush()
        self._last = Running(self, int(self._process.stdout.readline()))
        return self._last

    def end_last(self) -> None:
        """End the server that was started last, and read how it has ended: a test that failed leaves that."""
        if self._last is not None:
            self._last.end()

    def status(self) -> int:
        """Return how the server has ended that was started last."""
        return int(self._process.stdout.readline())

    def statements(self) -> list[str]:
        """Return what the server that was started last has had the database do, one line each."""
        return (self.directory / "statements").read_text().splitlines()

    def log(self) -> str:
        return (self.directory / "log").read_text()


@dataclass
class Running:
    """A server that was started."""

    of: Version
    pid: int
    ended: int | None = None

    def serves(self) -> bool:
        """Wait until it answers, or has ended."""
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            if self._has_ended():
                return False
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.of.port}/health", timeout=5):
                    return True
            except OSError:
                time.sleep(0.05)
        raise TimeoutError(self.of.log()[-3000:])

    def end(self) -> int:
        """Wait for its end, which it is told to come to unless it has; return how it ended."""
        if not self._has_ended():
            os.kill(self.pid, signal.SIGTERM)
        if self.ended is None:
            self.ended = self.of.status()
        return self.ended

    def _has_ended(self) -> bool:
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return state in "XZ"

    def ask(
        self, path: str, body: object = None, method: str = "", login: tuple[str, str] = ("admin", ""), **headers: str
    ) -> Any:
        """Return what it answers; what it refuses is an error."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.of.port}{path}", data, method=method or None)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(login).encode()).decode())
        for name, value in headers.items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")


def main() -> None:
    """Fork a server for each line; say its process, and how it ended."""
    from yolops_server import prepare, serve
    from yolops_server.settings import fetch_secret, read_settings

    said = os.dup(1)
    os.dup2(2, 1)
    settings = read_settings()
    prepare.write_users_file(settings)
    os.environ.update(prepare.environment(settings, fetch_secret(settings)))
    serve.import_all((*serve.FOR_TABLES, *serve.FOR_SERVING))
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.close(said)
            _serve_and_exit(settings, json.loads(line)["kill_at"])
        os.write(said, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(said, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _serve_and_exit(settings: Any, kill_at: int) -> None:
    """Serve as a process of its own would: what is raised is said, and nothing after it is done."""
    code = 1
    try:
        _serve(settings, kill_at)
    except SystemExit as refusal:
        code = int(refusal.code or 0)
    except BaseException:  # noqa: BLE001 - nothing may go on in this process
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _serve(settings: Any, kill_at: int) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from yolops_server import prepare, serve

    count = 0
    written = (Path(settings.run) / "statements").open("w", buffering=1)

    @event.listens_for(Engine, "before_cursor_execute")
    def _before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal count
        count += 1
        written.write(" ".join(statement.split()) + "\n")
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    prepare.main()
    serve.serve(serve.socket_of(settings))


if __name__ == "__main__":
    main()
