"""A database that somebody creates in simulated RDS is a real MariaDB, and follows what RDS is told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import Aws, wait_for
from yolops.rehearsal.certificates import Authority
from yolops.rehearsal.databases import Databases
from yolops.rehearsal.mariadb import CLIENT, Database, is_installed

pytestmark = pytest.mark.skipif(not is_installed(), reason="MariaDB is not installed: apt-get install mariadb-server")
NAME, PASSWORD = "cells-mlflow", "a-password-of-the-test"


def seen(aws: Aws) -> Any:
    """Return the database as the rehearsal shows it; None while there is none."""
    found = [item for item in aws.rehearsal.status().databases if item["name"] == NAME]
    return found[0] if found else None


def logs_in(aws: Aws, password: str) -> bool:
    """Return whether the master user gets in with a password, over TLS as RDS demands it."""
    done = subprocess.run(
        [
            *(CLIENT, "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={seen(aws)['local_port']}"),
            *("--user=mlflow", "--ssl", "--ssl-verify-server-cert", "--execute=SELECT 1", "mlflow"),
            f"--ssl-ca={aws.root}/.yolops/rehearsal/certificates/ca.pem",
        ],
        env=os.environ | {"MYSQL_PWD": password},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.fixture(scope="module")
def database(aws: Aws) -> str:
    aws.client("rds").create_db_instance(
        DBInstanceIdentifier=NAME,
        Engine="mysql",
        DBInstanceClass="db.t3.micro",
        DBName="mlflow",
        MasterUsername="mlflow",
        MasterUserPassword=PASSWORD,
        AllocatedStorage=20,
    )
    wait_for(lambda: (seen(aws) or {}).get("status"), "running")
    return NAME


def test_one_that_was_refused_is_tried_again_when_it_is_created_anew(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    databases = Databases(tmp_path, Authority(tmp_path / "certificates"))
    refused = Database(NAME, "mlflow", PASSWORD, schema="x" * 65, hosts=("db.example.com",))
    for wanted in ([refused], [refused], [], [refused]):
        databases.converge(wanted)
    databases.stop()
    assert capfd.readouterr().err.count(f"database {NAME}: the database refused its settings") == 2


def test_its_user_logs_in_with_the_password_it_was_created_with(aws: Aws, database: str) -> None:
    assert logs_in(aws, PASSWORD)
    assert not logs_in(aws, "another")


def test_a_changed_password_counts_at_once(aws: Aws, database: str) -> None:
    aws.client("rds").modify_db_instance(DBInstanceIdentifier=database, MasterUserPassword="a-new-password")
    wait_for(lambda: logs_in(aws, "a-new-password"), True, 20)
    assert not logs_in(aws, PASSWORD)


def test_it_is_gone_when_it_is_deleted(aws: Aws, database: str) -> None:
    aws.client("rds").delete_db_instance(DBInstanceIdentifier=database, SkipFinalSnapshot=True)
    wait_for(lambda: seen(aws), None)
    wait_for((aws.root / ".yolops/rehearsal/databases" / database).exists, False, 20)
