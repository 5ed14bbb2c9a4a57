"""The process that serves MLflow, compared with what MLflow's own command would start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from yolops.platform.serve import environment, parsed
from yolops.platform.server_command import server_argv, server_environment, server_options

# Found before the real one by whatever runs in its directory: says what it is told, and serves nothing.
UVICORN = """
import json, os, sys
def main(arguments):
    print(json.dumps([arguments, dict(os.environ)]))
if __name__ == "__main__":
    main(sys.argv[1:])
"""
# Drawn anew for each start, and the two of the gateway, which is off.
NOT_COMPARED = {"_MLFLOW_SERVER_BOOT_ID", "MLFLOW_SERVER_SECRETS_CACHE_TTL", "MLFLOW_SERVER_SECRETS_CACHE_MAX_SIZE"}


def told(argv: list[str], directory: Path) -> tuple[set[str], dict[str, str]]:
    """Return the arguments, options with their values, and the MLflow part of the environment that uvicorn is given."""
    directory.mkdir()
    (directory / "uvicorn.py").write_text(UVICORN)
    done = subprocess.run(
        argv, cwd=directory, env={**os.environ, **server_environment(None)}, capture_output=True, text=True, check=True
    )
    arguments, given = json.loads(done.stdout.splitlines()[-1])
    assert (directory / "mlflow.db").stat().st_size > 100_000  # its tables are made before anything is served
    return set(arguments), {
        name: value for name, value in given.items() if "MLFLOW" in name and name not in NOT_COMPARED
    }


def test_uvicorn_is_told_what_mlflows_own_command_tells_it(tmp_path: Path) -> None:
    theirs = [sys.executable, "-m", "mlflow", "server", *server_options(5003), "--workers", "1"]
    assert told(server_argv(5003), tmp_path / "ours") == told(theirs, tmp_path / "theirs")


def test_a_server_whose_clients_write_artifacts_themselves_serves_none() -> None:
    root = ("--default-artifact-root", "s3://cells-data/artifacts", "--no-serve-artifacts")
    given = environment(parsed(server_options(5003, artifacts=root)))
    assert given["_MLFLOW_SERVER_ARTIFACT_ROOT"] == "s3://cells-data/artifacts"
    assert "_MLFLOW_SERVER_SERVE_ARTIFACTS" not in given


def test_an_option_that_would_be_ignored_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed([*server_options(5003), "--app-name", "basic-auth"])
    assert caught.value.code == 2
    assert "unrecognized arguments: --app-name basic-auth" in capsys.readouterr().err
