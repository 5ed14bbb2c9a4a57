"""An upgrade migrates what is there, and killed anywhere it leaves a server that serves all of it."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from tests.platform.conftest import simulation
from tests.server.conftest import SECRET
from tests.server.mlflow_versions import Running, Version, interpreter
from yolops_server.database import VERSION_TABLES, revision
from yolops_server.database_dump import columns_of, content_of, dump, load, raw_connection, table_names
from yolops_server.prepare import REFUSED
from yolops_server.table_copy import make_like
from yolops_server.table_swap import Places, make_triggers, run, triggers_in
from yolops_server.upgrade import REWRITTEN
from yolops_server.upgrade_order import Order, write_order

pytestmark = pytest.mark.timeout(1200)
OLD, NEW = "3.16.1", "3.17.2"
SERVED = {"runs": "mlflow", "users": "mlflow_users"}
BESIDE = ["mlflow_former", "mlflow_migrated", "mlflow_users_former", "mlflow_users_migrated"]
API, UPGRADE = "/api/2.0/mlflow", "/api/2.0/yolops/upgrade"
# One of the tables that only the newer version has.
MADE = "sql_trace_metric_daily_rollups"
# The column of spans that its migration drops.
DROPPED = "dimension_attributes"
# What the way of an upgrade is decided by; everything else works on copies.
DECIDES = ("RENAME", "REPLACE INTO `mlflow_upgrade`", "DELETE FROM `mlflow_upgrade`", "DROP TRIGGER", "CREATE TRIGGER")
KILLS = int(os.environ.get("YOLOPS_KILLS", "6"))
ADMIN, ADA = ("admin", SECRET["admin_password"]), ("ada", "the-password-of-ada")


class Platform:
    """A database of the old version with something of everything in it, and servers of both versions for it."""

    def __init__(self, engine: Engine, old: Version, new: Version) -> None:
        self.engine, self.old, self.new = engine, old, new
        server = self.serving(old)
        fill(server)
        self.seen = seen(server)
        server.end()
        with raw_connection(engine) as plain:
            self._tables = {part: table_names(plain, schema) for part, schema in SERVED.items()}
            self._columns = {
                (part, table): [name for name in columns_of(plain, SERVED[part], table) if name != DROPPED]
                for part, tables in self._tables.items()
                for table in tables
                if table not in {VERSION_TABLES[part], *REWRITTEN}
            }
            self._dump = list(dump(plain, SERVED, str, {}))
        with engine.connect() as connection:
            self._triggers = [one for schema in SERVED.values() for one in triggers_in(connection, schema)]
        self.content = self.held()

    def serving(self, which: Version) -> Running:
        server = which.start()
        assert server.serves(), which.log()[-3000:]
        return server

    def order(self) -> None:
        """Have a server of the old version write the order, as `yolops upgrade` does."""
        server = self.serving(self.old)
        assert server.ask(UPGRADE, {"to": NEW}, login=ADMIN)["order"] == {"to": NEW, "failure": ""}
        server.end()

    def place_order(self) -> None:
        """Write what a server writes that is given the order, without starting one."""
        where = Places(SERVED, {}, {}, "mlflow_upgrade")
        with self.engine.connect() as connection:
            found = {part: revision(connection, SERVED[part], table) for part, table in VERSION_TABLES.items()}
            write_order(connection, where, Order(NEW, found))

    def held(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return count and hash of each table, in the columns that it had in the old version."""
        with raw_connection(self.engine) as plain:
            return {
                (part, table): content_of(plain, SERVED[part], table, columns)
                for (part, table), columns in self._columns.items()
            }

    def reset(self) -> None:
        """Put the tables of the old version back, with nothing beside them."""
        with self.engine.connect() as connection:
            run(connection, "SET foreign_key_checks = 0")
            for schema in (*BESIDE, "mlflow_upgrade"):
                run(connection, f"DROP DATABASE IF EXISTS {schema}")
            for schema in SERVED.values():
                make_like(connection, schema, schema)
            with raw_connection(self.engine) as plain:
                load(plain, SERVED, self._dump, str)
            make_triggers(connection, self._triggers)

    def beside(self) -> list[str]:
        """Return the schemas that an upgrade has left."""
        with self.engine.connect() as connection:
            present = connection.execute(text("SHOW DATABASES")).scalars().all()
        return [schema for schema in BESIDE if schema in present]


def fill(server: Running) -> None:
    """Have a server hold something of what MLflow can hold."""

    def post(path: str, **body: Any) -> Any:
        return server.ask(f"{API}/{path}", body, login=ADMIN)

    experiment = post("experiments/create", name="cells")["experiment_id"]
    for place in ("0", experiment):
        for number in range(2):
            run_id = post("runs/create", experiment_id=place, run_name=f"run {number}")["run"]["info"]["run_id"]
            values = [{"key": "mAP50", "value": step / 3, "timestamp": step, "step": step} for step in range(50)]
            post("runs/log-batch", run_id=run_id, metrics=values, params=[{"key": "epochs", "value": "50 % ü"}])
    post("runs/delete", run_id=run_id)
    post("registered-models/create", name="detector")
    source = {"source": f"runs:/{run_id}/model", "run_id": run_id}
    post("model-versions/create", name="detector", **source)
    post("registered-models/alias", name="detector", alias="champion", version="1")
    post("users/create", username=ADA[0], password=ADA[1])
    granted = {"resource_type": "experiment", "resource_id": experiment, "permission": "READ"}
    server.ask("/api/3.0/mlflow/users/permissions/grant", {"username": ADA[0], **granted}, login=ADMIN)


def seen(server: Running) -> dict[str, Any]:
    """Return what people see of it."""

    def names(path: str, what: str, login: tuple[str, str]) -> list[str]:
        return sorted(one["name"] for one in server.ask(f"{API}/{path}/search", {"max_results": 99}, login=login)[what])

    runs = server.ask(f"{API}/runs/search", {"experiment_ids": ["0", "1"], "run_view_type": "ALL"}, login=ADMIN)["runs"]
    runs.sort(key=lambda one: one["info"]["run_id"])
    ids = [one["info"]["run_id"] for one in runs]
    history = "{}/metrics/get-history?run_id={}&metric_key=mAP50&max_results=999"
    version = server.ask(f"{API}/registered-models/alias?name=detector&alias=champion", login=ADMIN)["model_version"]
    return {
        "experiments": names("experiments", "experiments", ADMIN),
        "of ada": names("experiments", "experiments", ADA),
        "runs": [(one["info"]["lifecycle_stage"], one["data"]["params"], one["data"]["metrics"]) for one in runs],
        "metrics": [server.ask(history.format(API, one), login=ADMIN)["metrics"] for one in ids],
        "champion": (version["version"], version["source"]),
        "users": sorted(one["username"] for one in server.ask(f"{API}/users/list", login=ADMIN)["users"]),
    }


def write(server: Running, name: str) -> None:
    server.ask(f"{API}/experiments/create", {"name": name}, login=ADMIN)


@pytest.fixture(scope="module")
def platform(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    try:
        for version in (OLD, NEW):
            interpreter(version)
    except OSError as error:
        pytest.skip(f"what a server installs cannot be installed here: {error}")
    root = tmp_path_factory.mktemp("upgrade")
    with simulation() as aws:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        manager = boto3.client("secretsmanager", endpoint_url=aws["AWS_ENDPOINT_URL"], **keys)
        secret = manager.create_secret(Name="server", SecretString=json.dumps(SECRET | {"password": "password"}))["ARN"]
        versions = [Version(version, root / version, settings_of(engine, secret), aws) for version in (OLD, NEW)]
        try:
            for version in versions:
                version.begin()
            yield Platform(engine, *versions)
        finally:
            for version in versions:
                version.end()


def settings_of(engine: Engine, secret: str) -> dict[str, Any]:
    """Return the settings of a server beside this database."""
    return {
        "project": "cells",
        "region": "us-east-1",
        "hosts": [],
        "secret_arn": secret,
        "database": engine.url.host,
        "database_port": engine.url.port,
        "database_authorities": engine.url.query["ssl_ca"],
        "schema": SERVED["runs"],
        "users_schema": SERVED["users"],
        "bucket": "cells",
        "prefix": "mlflow",
        "log_group": "",
    }


@pytest.fixture(autouse=True)
def _anew(platform: Platform) -> None:
    platform.reset()


def test_nothing_is_migrated_that_was_not_ordered(platform: Platform) -> None:
    server = platform.new.start()
    assert not server.serves()
    assert server.end() == REFUSED
    assert "is of another MLflow" in platform.new.log()
    assert platform.held() == platform.content
    server = platform.serving(platform.old)
    assert seen(server) == platform.seen
    server.end()


def test_an_upgrade_that_was_ordered_migrates_what_is_there(platform: Platform) -> None:
    platform.order()
    server = platform.serving(platform.old)
    write(server, "after the order")
    server.end()

    server = platform.serving(platform.new)
    now = seen(server)
    assert now.pop("experiments") == ["Default", "after the order", "cells"]
    assert now == {name: value for name, value in platform.seen.items() if name != "experiments"}
    assert server.ask(UPGRADE, login=ADMIN) == {"mlflow": NEW, "order": {"to": NEW, "failure": ""}}
    assert platform.beside() == BESIDE
    write(server, "after the upgrade")
    assert server.ask(UPGRADE, login=ADMIN) == {"mlflow": NEW, "order": None}
    assert platform.beside() == []
    server.end()


def test_a_migration_that_fails_gives_its_reason_and_the_old_version_serves_again(platform: Platform) -> None:
    platform.order()
    with platform.engine.connect() as connection:
        # The migration that follows makes a table of this name.
        run(connection, f"CREATE TABLE mlflow.{MADE} (id INT)")
    for _ in range(2):  # it is not tried again
        server = platform.new.start()
        assert not server.serves()
        assert server.end() == REFUSED
        assert "the upgrade failed, and the old tables come back with the next start" in platform.new.log()
        assert f"'{MADE}' already exists" in platform.new.log()
    server = platform.serving(platform.old)
    assert seen(server) == platform.seen
    assert platform.held() == platform.content
    assert platform.beside() == []
    answer = server.ask(UPGRADE, login=ADMIN)
    assert f"'{MADE}' already exists" in answer["order"]["failure"]
    assert server.ask(UPGRADE, method="DELETE", login=ADMIN)["order"] is None
    server.end()


def test_the_old_version_serves_again_what_nobody_has_written_to(platform: Platform) -> None:
    platform.order()
    server = platform.serving(platform.new)
    assert seen(server) == platform.seen
    server.end()
    server = platform.serving(platform.old)
    assert seen(server) == platform.seen
    assert platform.beside() == []
    server.end()


def test_orders_are_for_administrators_and_name_a_version(platform: Platform) -> None:
    server = platform.serving(platform.old)
    for method in ("GET", "POST", "DELETE"):
        assert refused(server, {}, method, ADA) == 403
        assert refused(server, {}, method, ("nobody", "a wrong password")) == 401
    for body in ({}, {"to": 3}, {"to": ""}):
        assert refused(server, body, "POST", ADMIN) == 400
    server.end()


def refused(server: Running, body: object, method: str, login: tuple[str, str]) -> int:
    with pytest.raises(urllib.error.HTTPError) as error:
        server.ask(UPGRADE, body, method, login)
    error.value.close()
    return error.value.code


@pytest.fixture(scope="module")
def points(platform: Platform) -> list[int]:
    """Where an upgrade is killed: before each statement that decides something, and evenly between those."""
    platform.reset()
    platform.place_order()
    server = platform.serving(platform.new)
    write(server, "the first")
    server.end()
    said = platform.new.statements()
    first = next(number for number, one in enumerate(said, 1) if one.startswith("REPLACE INTO `mlflow_upgrade`"))
    last = next(
        number
        for number, one in enumerate(said, 1)
        if "mlflow_users_former" in one and "DROP" in one and number > first + 50
    )
    decides = [number for number in range(first, last + 1) if said[number - 1].startswith(DECIDES)]
    others = [number for number in range(first, last + 1) if number not in decides]
    half = KILLS // 2
    return sorted([*_spread(decides, half), *_spread(others, KILLS - half)])


def _spread(numbers: list[int], count: int) -> list[int]:
    return [numbers[len(numbers) * each // count] for each in range(count)]


@pytest.mark.parametrize("number", range(KILLS))
def test_an_upgrade_that_is_killed_leaves_a_server_that_serves_everything(
    platform: Platform, points: list[int], number: int
) -> None:
    point = points[number]
    platform.place_order()
    killed = platform.new.start(kill_at=point)
    if killed.serves():
        with pytest.raises(OSError, match=r"(?i)remote|reset|refused"):
            write(killed, "never acknowledged")
    assert killed.end() == -signal.SIGKILL
    confirmed = any(line.startswith("DELETE FROM `mlflow_upgrade`") for line in platform.new.statements()[: point - 1])

    which = (platform.old, platform.new)[number % 2]
    server = which.start()
    if not server.serves():
        assert which is platform.old
        assert confirmed, which.log()[-3000:]
        assert server.end() == REFUSED
        server = platform.serving(platform.new)
    assert seen(server) == platform.seen
    assert platform.held() == platform.content
    write(server, "after the kill")
    assert platform.beside() == []
    now = seen(server)
    assert now.pop("experiments") == sorted([*platform.seen["experiments"], "after the kill"])
    assert now == {name: value for name, value in platform.seen.items() if name != "experiments"}
    server.end()
