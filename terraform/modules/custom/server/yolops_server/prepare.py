"""Before each start of MLflow: the tables are there and fit, the administrator exists, and the rest is written."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from yolops_server import boot_report, login, trial_place
from yolops_server.database import VERSION_TABLES, OtherVersionError, alone, engine_of, make_ready, tables_of_mlflow
from yolops_server.settings import fetch_secret, read_settings
from yolops_server.table_swap import places, put_triggers_back
from yolops_server.upgrade import Upgrade
from yolops_server.upgrade_order import places_of_upgrade

if TYPE_CHECKING:
    from yolops_server.settings import Secret, Settings

USERS_FILE = "users.ini"
# How a start ends that would end so again: systemd makes no other (EX_CONFIG of sysexits.h).
REFUSED = 78
# Seconds for which a process takes a login for right that it has checked: the hash is slow on purpose.
LOGIN_HOLDS_S = 60
# The connections to the schema of runs that a process keeps, and those it may have beyond them.
POOL_SIZE, POOL_OVERFLOW = 5, 5


def users_file(settings: Settings) -> str:
    """Return MLflow's settings of its users: who may do what is granted, and nothing is given by default."""
    values = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": settings.address(settings.users_schema).replace("%", "%%"),
        # Each question about a user is one statement, which needs no transaction.
        "read_database_uri": f"{settings.address(settings.users_schema)}&autocommit=1".replace("%", "%%"),
        "auth_cache_ttl_seconds": str(LOGIN_HOLDS_S),
    }
    return "\n".join(["[mlflow]", *(f"{name} = {value}" for name, value in values.items())]) + "\n"


def write_users_file(settings: Settings) -> Path:
    """Write those settings, and return where they are."""
    run = Path(settings.run)
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    (run / USERS_FILE).write_text(users_file(settings), encoding="utf-8")
    return run / USERS_FILE


def environment(settings: Settings, secret: Secret) -> dict[str, str]:
    """Return what MLflow reads from the environment of its processes."""
    names = settings.names()
    called = [name for host in names for name in (host, f"{host}:{settings.port}")]
    return {
        # What `mlflow server` tells its processes (mlflow/server/constants.py). That command is left out: it would stay
        # in memory beside them.
        "_MLFLOW_SERVER_FILE_STORE": settings.address(settings.schema),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": settings.artifacts,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED": "true",
        "AWS_DEFAULT_REGION": settings.region,
        "MLFLOW_AUTH_CONFIG_PATH": str(Path(settings.run) / USERS_FILE),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret.session_key,
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(called),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"https://{name}" for name in called),
        # What a client names as the source of a model lies in this server's own artifacts, or is a prompt.
        "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": "^((mlflow-artifacts|runs|models):/|prompt-template$)",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(POOL_SIZE),
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(POOL_OVERFLOW),
        "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": "1800",
        # Judges of language models, their gateway and assistant: five more processes that a detector has no use for.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_ENABLE_ASSISTANT_SANDBOX": "true",
        "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def prepare(settings: Settings, secret: Secret) -> None:
    """Make what MLflow needs before it starts.

    Raises:
        OtherVersionError: the tables are those of another MLflow.
    """
    # MLflow reads it when it is imported.
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(write_users_file(settings))
    login.install(settings, secret.password)
    engine = engine_of(settings)
    needed = dict(zip(VERSION_TABLES, tables_of_mlflow(settings), strict=True))
    upgrade = Upgrade(engine, places_of_upgrade(settings), needed, lambda line: print(line, flush=True))
    trial_place.remove_remains(engine, settings)
    with alone(engine) as connection:
        upgrade.settle(connection)
        # A restore that was killed may have left them away; what else it left, the next backup or restore finishes.
        put_triggers_back(connection, places(settings))
        upgrade.migrate(connection)
        for tables in needed.values():
            print(f"schema {tables.schema}: {make_ready(connection, tables)}", flush=True)
        from mlflow.server import auth

        auth.store.init_db(auth.auth_config.database_uri)
        auth.create_admin_user(secret.admin_username, secret.admin_password)


def give_up(settings: Settings, error: Exception) -> NoReturn:
    """End this try to start, after saying why where a person can read it."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    boot_report.send(settings, "starting", reason)
    sys.exit(reason)


def main() -> None:
    """Prepare a start; what is in its way is said in the log and in the report of the boot."""
    settings = read_settings()
    try:
        prepare(settings, fetch_secret(settings))
    except OtherVersionError as error:
        boot_report.send(settings, "failed", str(error))
        print(error, file=sys.stderr, flush=True)
        sys.exit(REFUSED)
    except Exception as error:  # noqa: BLE001 - whatever it is, systemd tries again
        give_up(settings, error)


if __name__ == "__main__":
    main()
