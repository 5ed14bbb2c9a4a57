"""The databases of simulated RDS: what it says should run is a real MariaDB, and what is deleted there is gone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from moto.rds.models import rds_backends

from yolops.errors import YolopsError
from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.log import log
from yolops.rehearsal.mariadb import Database, MariaDb, is_installed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from yolops.rehearsal.certificates import Authority

ENGINES = {"mysql", "mariadb"}
DIRECTORY = "databases"
PORT = 3306


def wanted_databases() -> Iterator[Database]:
    """Yield the databases of RDS that MariaDB can stand for; those that are stopped have no password here."""
    for backend in backends_of(rds_backends):
        for instance in list(backend.databases.values()):
            password = instance._master_user_password  # moto, like AWS, tells it to nobody who asks
            if instance.engine in ENGINES and isinstance(password, str):
                yield Database(
                    instance.db_instance_identifier,
                    instance.master_username,
                    password if instance.status == "available" else "",
                    schema=instance.db_name or "",
                    hosts=(instance.address,),
                    parameters=tuple(sorted(_parameters(backend, instance))),
                )


def _parameters(backend: Any, instance: Any) -> Iterator[tuple[str, str]]:
    group = backend.db_parameter_groups.get(instance.db_parameter_group_name or "")
    for name, parameter in {} if group is None else group.parameters.items():
        if parameter.get("ParameterValue") is not None:
            yield name, str(parameter["ParameterValue"])


class Databases:
    """What runs.

    Args:
        directory: the directory of the rehearsal.
        authority: signs their certificates.

    Attributes:
        authorities: the certificates that theirs are checked with.
    """

    def __init__(self, directory: Path, authority: Authority) -> None:
        self.authorities = authority.root
        self._directory = directory / DIRECTORY
        self._authority = authority
        self._running: dict[str, tuple[Database, MariaDb]] = {}
        self._refused: dict[str, Database] = {}

    def converge(self, wanted: Sequence[Database]) -> None:
        """Start, change, end and delete until what runs is what is wanted; does nothing where there is no MariaDB."""
        if not is_installed():
            return
        names = {database.name: database for database in wanted}
        for name, (_, server) in list(self._running.items()):
            if name not in names or not names[name].password:
                server.stop()
                del self._running[name]
        self._refused = {name: database for name, database in self._refused.items() if name in names}
        for name, database in names.items():
            if database.password and self._refused.get(name) != database:
                self._bring_up(database)
        if self._directory.is_dir():
            for place in self._directory.iterdir():
                if place.name not in names:
                    shutil.rmtree(place, ignore_errors=True)

    def stop(self) -> None:
        """End all of them; what they hold stays."""
        for _, server in self._running.values():
            server.stop()
        self._running.clear()

    def inventory(self) -> list[dict[str, Any]]:
        """Return what runs: `name`, `host` and `port` as instances reach it, `local_port` on 127.0.0.1, `log`."""
        return [
            {
                "name": name,
                "status": "running" if server.runs() else "failed",
                "host": database.hosts[0],
                "port": PORT,
                "local_port": server.port,
                "log": str(server.log),
            }
            for name, (database, server) in list(self._running.items())
        ]

    def _bring_up(self, database: Database) -> None:
        known = self._running.get(database.name)
        if known is not None and known[0] == database:
            return
        try:
            if known is None:
                server = MariaDb(self._directory / database.name, self._authority)
                server.start(database)
            else:
                server = known[1]
                server.apply(database)
        except YolopsError as error:
            # Tried again when it is changed or created anew: the same would fail again.
            self._refused[database.name] = database
            log(f"database {database.name}: {error.message}")
            return
        self._running[database.name] = database, server
