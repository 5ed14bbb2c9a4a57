"""A real MariaDB that stands for an RDS instance with MySQL: set up, started, given its password, ended, deleted.

It is what RDS with MySQL 8.4 and backups is to MLflow: the binary log is on, so that only the parameter
`log_bin_trust_function_creators` lets an ordinary user create a trigger; TLS is there and, unless the parameter group
says otherwise, demanded; and the user it is created with may do what a master user of RDS may, which is not everything.
The server listens on 127.0.0.1 only, and runs as whoever runs the rehearsal.
"""

from __future__ import annotations

import getpass
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yolops import process, running_processes
from yolops.errors import YolopsError
from yolops.platform.ports import LOOPBACK
from yolops.rehearsal.steady_port import steady_port

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.rehearsal.certificates import Authority

SERVER, SETUP, CLIENT = "mariadbd", "mariadb-install-db", "mariadb"
PACKAGE = "mariadb-server"
LOG = "server.log"
SETUP_PATIENCE_S = 120.0
START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 20.0
QUERY_PATIENCE_S = 10.0
POLL_S = 0.05

# The parameters of a group that mean the same to MariaDB, with what they are in the family mysql8.4 of RDS.
PARAMETERS = {"log_bin_trust_function_creators": "0", "require_secure_transport": "1"}

# What RDS grants its master user: no SUPER, no FILE, nothing that would reach around the binary log.
PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, "
    "CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER"
)


@dataclass(frozen=True)
class Database:
    """One database server that should run.

    Attributes:
        name: its directory below that of the rehearsal.
        username: its master user.
        password: the user's password.
        schema: the schema that is created with it; empty if none is.
        hosts: the names its certificate is for, beside 127.0.0.1.
        parameters: those of its parameter group; what MariaDB does not know is left out.
    """

    name: str
    username: str
    password: str = field(repr=False)
    schema: str = ""
    hosts: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


class MariaDb:
    """One server with its own directory.

    Args:
        directory: what it keeps.
        authority: signs its certificate.

    Attributes:
        log: the file with what it says.
    """

    def __init__(self, directory: Path, authority: Authority) -> None:
        self._directory = directory
        self._data = directory / "data"
        # A server that starts deletes every temporary table in this directory, in /tmp also those of other servers.
        self._temporary = directory / "tmp"
        self._authority = authority
        self._identity: running_processes.ProcessIdentity | None = None
        self.log = directory / LOG
        self.port = 0

    def start(self, database: Database) -> None:
        """Set it up if it is new, start it, and wait until its user can log in.

        Raises:
            YolopsError: MariaDB is not installed, or the server does not start.
        """
        if not is_installed():
            raise YolopsError("MariaDB is not installed here", f"apt-get install {PACKAGE}")
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._temporary.mkdir(exist_ok=True)
        if not self._data.exists():
            self._set_up()
        self.port = steady_port(self._directory / "port")
        self._identity = process.start_background(self._command(database), log=self.log, cwd=self._data)
        try:
            self._wait_for_answer()
            self.apply(database)
        except BaseException:
            self.stop()
            raise

    def apply(self, database: Database) -> None:
        """Create user and schema unless they are there, and set password and parameters, without a restart.

        Raises:
            YolopsError: the server does not take them.
        """
        # In a file that only its owner can read: arguments can be read by everybody on the machine.
        script = self._directory / "login.sql"
        script.unlink(missing_ok=True)
        script.touch(mode=0o600, exist_ok=False)
        script.write_text("\n".join(_statements(database)), encoding="utf-8")
        try:
            # As its input: of the errors in what `source` reads, the client's exit code says nothing.
            done = self._ask('exec "$@" <../login.sql')
        finally:
            script.unlink()
        if done.returncode != 0:
            raise YolopsError(f"the database refused its settings ({done.stderr.strip()})", f"read {self.log}")

    def runs(self) -> bool:
        """Return whether the server runs."""
        return self._identity is not None and running_processes.is_running(self._identity)

    def stop(self) -> None:
        """End the server; what it holds stays.

        Raises:
            YolopsError: it cannot be ended.
        """
        if self._identity is not None:
            running_processes.stop(self._identity, STOP_PATIENCE_S)
            self._identity = None

    def _set_up(self) -> None:
        draft = self._directory / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        done = process.run(
            [
                *(_program(SETUP), "--no-defaults", f"--datadir={draft}", f"--user={getpass.getuser()}"),
                *("--auth-root-authentication-method=socket", f"--auth-root-socket-user={getpass.getuser()}"),
                *("--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=16M", f"--tmpdir={self._temporary}"),
            ],
            timeout=SETUP_PATIENCE_S,
        )
        if done.returncode != 0:
            raise YolopsError(f"{draft}: the database cannot be set up ({done.stderr.strip()[-500:]})", "read its log")
        draft.rename(self._data)

    def _command(self, database: Database) -> list[str]:
        certificate = self._authority.issue(
            f"database-{database.name.replace('/', '-')}", [*database.hosts, "localhost", LOOPBACK]
        )
        parameters = PARAMETERS | dict(database.parameters)
        return [
            *(_program(SERVER), "--no-defaults", f"--user={getpass.getuser()}", f"--datadir={self._data}"),
            f"--tmpdir={self._temporary}",
            # Relative to the data directory: the path of a socket has room for 107 characters only.
            *("--socket=server.sock", "--pid-file=server.pid", f"--bind-address={LOOPBACK}", f"--port={self.port}"),
            *("--log-bin=binlog", "--server-id=1", "--expire-logs-days=1", "--skip-name-resolve"),
            *("--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_ci"),
            *("--innodb-log-file-size=16M", "--performance-schema=OFF"),
            f"--ssl-ca={self._authority.root}",
            f"--ssl-cert={certificate.certificate}",
            f"--ssl-key={certificate.key}",
            "--tls-version=TLSv1.2,TLSv1.3",
            *(f"--{name.replace('_', '-')}={parameters[name]}" for name in PARAMETERS),
        ]

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while self._ask('exec "$@" --execute="SELECT 1"').returncode != 0:
            if not self.runs():
                raise YolopsError("the database ended while it was starting", f"read {self.log}")
            if time.monotonic() >= deadline:
                raise YolopsError(f"the database did not answer within {START_PATIENCE_S:g} s", f"read {self.log}")
            time.sleep(POLL_S)

    def _ask(self, line: str) -> process.Completed:
        """Run a line of a shell, in which `"$@"` is the client of this server."""
        client = (_program(CLIENT), "--no-defaults", "--socket=server.sock")
        return process.run(["sh", "-c", line, "sh", *client], cwd=self._data, timeout=QUERY_PATIENCE_S)


def is_installed() -> bool:
    """Return whether this machine has MariaDB."""
    return all(_found(name) for name in (SERVER, SETUP, CLIENT))


def _found(name: str) -> str | None:
    # Debian keeps servers where an ordinary user's PATH does not look.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/local/bin")


def _program(name: str) -> str:
    return _found(name) or name


def _statements(database: Database) -> list[str]:
    user = f"{_quoted(database.username)}@'%'"
    password = _quoted(database.password)
    statements = [
        # What is set up here is no part of what a replica or a restore would repeat.
        "SET SESSION sql_log_bin = 0;",
        f"CREATE USER IF NOT EXISTS {user};",
        f"ALTER USER {user} IDENTIFIED BY {password};",
        f"GRANT {PRIVILEGES} ON *.* TO {user} WITH GRANT OPTION;",
    ]
    if database.schema:
        statements.append(f"CREATE DATABASE IF NOT EXISTS `{database.schema.replace('`', '``')}`;")
    values = PARAMETERS | dict(database.parameters)
    statements += [f"SET GLOBAL {name} = {_flag(values[name])};" for name in PARAMETERS]
    return statements


def _flag(value: str) -> str:
    return "ON" if value.strip().upper() in {"1", "ON", "TRUE"} else "OFF"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
