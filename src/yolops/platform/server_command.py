"""How the local MLflow server is started: pure values, worked out before anything runs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.platform.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"
IN_DIRECTORY = ("--artifacts-destination", ARTIFACTS, "--serve-artifacts")

# Seconds uvicorn lets running requests end when it is asked to stop.
GRACEFUL_SHUTDOWN_S = 5

# What a person's shell may hold for another MLflow, and which must not change this one. An empty value counts as
# absent.
NOT_INHERITED = {
    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "",
    "MLFLOW_TRACE_ARCHIVAL_CONFIG": "",
    "MLFLOW_ENABLE_WORKSPACES": "false",
    "MLFLOW_SERVER_X_FRAME_OPTIONS": "SAMEORIGIN",
}


def server_argv(port: int, host: str = LOOPBACK, artifacts: Sequence[str] = IN_DIRECTORY) -> list[str]:
    """Return the command of the server, to be run in the directory of its database."""
    # One process is enough for one person, and starts in a quarter of the memory of MLflow's four.
    return [sys.executable, "-m", "yolops.platform.serve", *server_options(port, host, artifacts)]


def server_options(port: int, host: str = LOOPBACK, artifacts: Sequence[str] = IN_DIRECTORY) -> list[str]:
    """Return what it is told, which `mlflow server` understands as well.

    The database and the artifacts are named relative to it: SQLAlchemy 2.1 decodes `%20` in the path of a SQLite
    address and 2.0 does not, so no absolute path with a space or a `?` in it works with both.
    """
    names = (host, "localhost")
    hosts = ",".join([f"{name}:{port}" for name in names] + list(names))
    return [
        *("--host", host, "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{DATABASE}"),
        *artifacts,
        *("--allowed-hosts", hosts),
        # A training writes thousands of requests: a line for each would hide the lines that matter.
        *("--uvicorn-opts", f"--no-access-log --timeout-graceful-shutdown {GRACEFUL_SHUTDOWN_S}"),
    ]


def server_environment(bytecode: Path | None) -> Mapping[str, str]:
    """Return what is added to the environment of the server.

    Args:
        bytecode: where the server keeps compiled Python, if nobody else keeps it.
    """
    return {
        **NOT_INHERITED,
        **bytecode_environment(bytecode),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Judges and scorers of language models run as jobs; a detector needs none of their five more processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        # MLflow's assistant runs shell commands for whoever reaches this port, which on a shared machine is everybody
        # with an account: let it do that in a container or not at all.
        "MLFLOW_ENABLE_ASSISTANT_SANDBOX": "true",
        "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    }


def bytecode_environment(bytecode: Path | None) -> Mapping[str, str]:
    """Return what has Python keep what it compiles in a directory; nothing where it keeps that anyway."""
    return {} if bytecode is None else {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)}


def bytecode_directory() -> Path | None:
    """Return where the server should keep compiled Python, or None where Python already keeps it.

    Many container images set `PYTHONDONTWRITEBYTECODE` to save space. Compiling MLflow at each start takes longer
    than importing it.
    """
    spec = importlib.util.find_spec("mlflow")
    if not sys.dont_write_bytecode or spec is None or spec.origin is None:
        return None
    if Path(importlib.util.cache_from_source(spec.origin)).exists():
        return None
    try:
        return Path.home() / ".cache" / "yolops" / "bytecode"
    except RuntimeError:  # this user has no home
        return None


def server_version(path: Sequence[str] | None = None) -> str:
    """Return the version of the installed MLflow server.

    Args:
        path: the directories to look in; those of this Python if absent.

    Raises:
        YolopsError: only the client (mlflow-skinny) is installed.
    """
    found = importlib.metadata.distributions(name="mlflow", path=list(sys.path if path is None else path))
    for distribution in found:
        return distribution.version
    raise YolopsError("the MLflow server is not installed here, only its client", "pip install 'yolops[local]'")
