"""A database of an older MLflow with something of everything in it, and servers of both versions for it."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from tests.platform.conftest import simulation
from tests.server.conftest import SECRET, SOURCE
from tests.server.mlflow_versions import Running, Version, interpreter
from yolops_server.database import VERSION_TABLES, revision
from yolops_server.database_dump import columns_of, content_of, dump, load, raw_connection, table_names
from yolops_server.table_copy import make_like
from yolops_server.table_swap import Places, make_triggers, run, triggers_in
from yolops_server.upgrade import REWRITTEN
from yolops_server.upgrade_order import Order, write_order

OLD, NEW = "3.16.1", "3.17.2"
SERVED = {"runs": "mlflow", "users": "mlflow_users"}
BESIDE = ["mlflow_former", "mlflow_migrated", "mlflow_users_former", "mlflow_users_migrated"]
API, TRACES, UPGRADE = "/api/2.0/mlflow", "/api/3.0/mlflow/traces", "/api/2.0/yolops/upgrade"
# The column of spans that the migration of the newer version drops.
DROPPED = "dimension_attributes"
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
        """Put the tables of the old version back, with nothing beside them and no server that a test has left."""
        for version in (self.old, self.new):
            version.end_last()
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
    for number in range(2):
        fill_trace(server, experiment, f"call {number}")


def fill_trace(server: Running, experiment: str, name: str) -> None:
    """Have a server hold a trace of two spans that cost something, with a tag and what a person says of it."""
    number = uuid.uuid4().hex
    said = {
        "mlflow.chat.tokenUsage": {"input_tokens": 30, "output_tokens": 12, "total_tokens": 42},
        "mlflow.llm.cost": {"input_cost": 0.003, "output_cost": 0.0012, "total_cost": 0.0042},
        "mlflow.llm.model": "a model",
        "mlflow.llm.provider": "somebody",
    }
    attributes = [{"key": key, "value": {"stringValue": json.dumps(value)}} for key, value in said.items()]
    times = {"startTimeUnixNano": "1767225600000000000", "endTimeUnixNano": "1767225601000000000"}
    root = {"traceId": number, "spanId": number[:16], "name": name, **times}
    leaf = {**root, "spanId": number[16:], "parentSpanId": number[:16], "name": "leaf", "attributes": attributes}
    sent = {"resourceSpans": [{"scopeSpans": [{"spans": [root, leaf]}]}]}
    server.ask("/v1/traces", sent, login=ADMIN, **{"x-mlflow-experiment-id": experiment})
    trace = f"{TRACES}/tr-{number}"
    server.ask(f"{trace}/tags", {"key": "shift", "value": "night"}, method="PATCH", login=ADMIN)
    source = {"source_type": "HUMAN", "source_id": "ada"}
    feedback = {"assessment_name": "good", "trace_id": f"tr-{number}", "feedback": {"value": True}, "source": source}
    server.ask(f"{trace}/assessments", {"assessment": feedback}, login=ADMIN)


def traces_seen(server: Running, experiment: str) -> list[dict[str, Any]]:
    """Return the traces of an experiment, each with its spans."""
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    found = server.ask(f"{TRACES}/search", {"locations": [place], "max_results": 99}, login=ADMIN)["traces"]
    ids = sorted(one["trace_id"] for one in found)
    return [server.ask(f"{TRACES}/get?trace_id={one}", login=ADMIN)["trace"] for one in ids]


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
        "traces": traces_seen(server, "1"),
        "users": sorted(one["username"] for one in server.ask(f"{API}/users/list", login=ADMIN)["users"]),
    }


def write(server: Running, name: str) -> None:
    server.ask(f"{API}/experiments/create", {"name": name}, login=ADMIN)


@contextmanager
def upgradable(engine: Engine, root: Path) -> Iterator[Platform]:
    """Make such a platform, and end everything that it was started with."""
    try:
        for version in (OLD, NEW):
            interpreter(version)
    except OSError as error:
        pytest.skip(f"what a server installs cannot be installed here: {error}")
    with simulation() as aws:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        manager = boto3.client("secretsmanager", endpoint_url=aws["AWS_ENDPOINT_URL"], **keys)
        secret = manager.create_secret(Name="server", SecretString=json.dumps(SECRET | {"password": "password"}))["ARN"]
        boto3.client("s3", endpoint_url=aws["AWS_ENDPOINT_URL"], **keys).create_bucket(Bucket="cells")
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
        "uv": str(Path(sys.executable).with_name("uv")),
        "locks": str(SOURCE),
    }
