"""nginx as the server of custom mode has it, on loopback: its own settings, with other places for what it reads."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.rehearsal.conftest import wait_for
from tests.server.conftest import SOURCE

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


@dataclass(frozen=True)
class Nginx:
    """One nginx.

    Attributes:
        directory: where its settings, its certificates and its log are.
        port: where it listens, on 127.0.0.1.
    """

    directory: Path
    port: int

    def write(self, inner_port: int) -> None:
        """Write its settings; those of the servers in it must be there already."""
        text = (SOURCE / "nginx.conf").read_text()
        for name, value in {"port": str(self.port), "inner_port": str(inner_port)}.items():
            text = text.replace(f"${{{name}}}", value)
        text = text.replace("$${", "${").replace("/run/nginx.pid", f"{self.directory}/nginx.pid")
        text = text.replace("syslog:server=unix:/dev/log,nohostname,tag=nginx", f"{self.directory}/access.log")
        (self.directory / "nginx.conf").write_text(self._here(text))
        (self.directory / "mlflow.conf").write_text((SOURCE / "mlflow.conf").read_text())

    def localise(self) -> None:
        """Lead what the server wrote for nginx to this directory and to loopback."""
        file = self.directory / "public.conf"
        file.write_text(self._here(file.read_text()))

    def _here(self, text: str) -> str:
        text = text.replace(f"listen {self.port} ", f"listen 127.0.0.1:{self.port} ")
        return text.replace("/run/mlflow-tls", str(self.directory)).replace("/etc/nginx/mlflow.conf", "mlflow.conf")

    def argv(self, *more: str) -> list[str]:
        assert PROGRAM is not None
        return [PROGRAM, "-c", str(self.directory / "nginx.conf"), *more]

    def reload(self) -> None:
        """Have it read its settings again; its former workers are gone when this returns."""
        master = psutil.Process(int((self.directory / "nginx.pid").read_text()))
        former = set(master.children())
        subprocess.run(self.argv("-s", "reload"), check=True, timeout=30)
        wait_for(lambda: former & set(master.children()), set(), 30)


@contextmanager
def running(nginx: Nginx) -> Iterator[None]:
    """Run it until the block ends."""
    log = nginx.directory / "nginx.log"
    with log.open("wb") as stream, subprocess.Popen(nginx.argv("-g", "daemon off;"), stderr=stream) as process:
        try:
            wait_for(lambda: process.poll() is not None or _listens(nginx.port), True, 30)
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
