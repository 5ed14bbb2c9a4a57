"""Serves MLflow in the process that imports it: `python -m yolops.platform.serve` with options of `mlflow server`.

That command imports MLflow, prepares the database, and then has another process import it again and serve. Here one
process does both. What the command hands to the other in the environment must be there before MLflow is imported.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.imports import importing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

APPLICATION = "mlflow.server.fastapi_app:app"
REQUIRED = ("host", "port", "backend-store-uri", "allowed-hosts", "uvicorn-opts")
# What `mlflow server` takes where these are not said (mlflow/utils/cli_args.py, mlflow/store/tracking/__init__.py).
DEFAULTS = {"artifacts-destination": "./mlartifacts", "default-artifact-root": "mlflow-artifacts:/"}


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of `mlflow server` that are understood here; any other ends the process with status 2."""
    parser = argparse.ArgumentParser(prog="yolops.platform.serve", allow_abbrev=False)
    for name in REQUIRED:
        parser.add_argument(f"--{name}", required=True)
    for name, value in DEFAULTS.items():
        parser.add_argument(f"--{name}", default=value)
    parser.add_argument("--serve-artifacts", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args(arguments)


def environment(options: argparse.Namespace) -> Mapping[str, str]:
    """Return what `mlflow server` tells the process that serves (mlflow/server/__init__.py, `_run_server`)."""
    return {
        "_MLFLOW_SERVER_FILE_STORE": options.backend_store_uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": options.backend_store_uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": options.default_artifact_root,
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": options.artifacts_destination,
        **({"_MLFLOW_SERVER_SERVE_ARTIFACTS": "true"} if options.serve_artifacts else {}),
        "_MLFLOW_SERVER_BOOT_ID": uuid.uuid4().hex,
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ALLOWED_HOSTS": options.allowed_hosts,
    }


def main() -> None:
    """Prepare the database and serve until the end; one that cannot be prepared ends the process with a traceback."""
    options = parsed(sys.argv[1:])
    os.environ.update(environment(options))
    with importing():
        import mlflow.server.fastapi_app
        import uvicorn
        from mlflow.server.handlers import initialize_backend_stores
        from mlflow.tracing.trace_rollup_service import validate_sql_trace_rollup_startup
        from mlflow.utils.server_cli_utils import assert_server_workspace_env_unset

    assert_server_workspace_env_unset()
    initialize_backend_stores()
    validate_sql_trace_rollup_startup(options.backend_store_uri)
    log_config = Path(mlflow.server.__file__).with_name("uvicorn_log_config.yaml")
    # uvicorn's own command, so that its variables in the environment (UVICORN_*) count as they do for MLflow's.
    uvicorn.main(
        [
            *("--log-config", str(log_config)),
            *shlex.split(options.uvicorn_opts),
            *("--host", options.host, "--port", options.port, "--workers", "1", APPLICATION),
        ]
    )


if __name__ == "__main__":
    main()
