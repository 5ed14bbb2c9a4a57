"""A real MLflow with logins and TLS on loopback: what `mlflow server --app-name basic-auth` starts, with SQLite."""

from __future__ import annotations

import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import HOST, Signed, signed
from yolops.platform.access import Access, Credentials
from yolops.platform.serve import environment, parsed
from yolops.platform.server_command import bytecode_directory, server_environment, server_options
from yolops.platform.trust import Trust, opener
from yolops.process import start_background
from yolops.running_processes import stop
from yolops.tracking.rest import MlflowRest
from yolops_server.prepare import LOGIN_HOLDS_S

ADMIN = Credentials("root", "the password of root")
PATIENCE_S = 90
CONFIGURATION = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = sqlite:///users.db
admin_username = {admin.username}
admin_password = {admin.password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = {login_holds_s}
"""


@dataclass(frozen=True)
class SecureMlflow:
    """Where it is, and the files of its TLS."""

    uri: str
    files: Signed

    def access(self, credentials: Credentials = ADMIN) -> Access:
        return Access(self.uri, credentials, Trust(self.files.root))

    def rest(self, username: str = ADMIN.username, password: str = ADMIN.password) -> MlflowRest:
        return MlflowRest(self.uri, Credentials(username, password), trust=Trust(self.files.root))


@contextmanager
def secure_mlflow(directory: Path) -> Iterator[SecureMlflow]:
    """Serve until the block ends."""
    files = signed(directory / "tls")
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    (directory / "auth.ini").write_text(CONFIGURATION.format(admin=ADMIN, login_holds_s=LOGIN_HOLDS_S))
    argv = [
        *(sys.executable, "-m", "uvicorn", "--factory", "mlflow.server.auth:create_app"),
        *("--host", HOST, "--port", str(port), "--no-access-log"),
        *("--ssl-certfile", str(files.certificate), "--ssl-keyfile", str(files.key)),
    ]
    given = {
        **server_environment(bytecode_directory()),
        **environment(parsed(server_options(port))),
        "MLFLOW_AUTH_CONFIG_PATH": str(directory / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
    }
    server = start_background(argv, log=directory / "server.log", env=given, cwd=directory)
    found = SecureMlflow(f"https://{HOST}:{port}", files)
    try:
        _wait(found, directory / "server.log")
        found.rest().post("experiments/search", max_results=1)  # the first to ask has the tables made
        yield found
    finally:
        stop(server, 5)


def _wait(server: SecureMlflow, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with opener(server.uri, Trust(server.files.root)).open(f"{server.uri}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])
