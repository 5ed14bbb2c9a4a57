"""Whole commands against the simulated AWS: a workspace that rehearses, and what a test asks of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Yolops
from yolops.datasets.sample import write_sample
from yolops.platform.workspace import Workspace
from yolops.rehearsal.environment import enter
from yolops.rehearsal.rehearsal import Rehearsal

PROJECT, REGION = "cells", "eu-central-1"
# What a person logs from a notebook, with nothing but MLflow and its plugin.
LOG_A_RUN = """
import mlflow
mlflow.set_experiment("cells")
with mlflow.start_run() as run:
    mlflow.log_metric("mAP50", 0.9, step=1)
    mlflow.log_dict({"red": 1}, "counts.json")
found = mlflow.get_run(run.info.run_id)
print(found.data.metrics["mAP50"], mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/counts.json")["red"])
"""
STEPS = "import sys, mlflow; print([one.step for one in mlflow.MlflowClient().get_metric_history(*sys.argv[1:])])"


class Rehearsed:
    """Types commands in a workspace with `--rehearsal` before them, or Terraform's own.

    Args:
        root: the workspace.
        provider: the environment in which Terraform finds its provider.
    """

    def __init__(self, root: Path, provider: dict[str, str]) -> None:
        self.root = root
        self.provider = provider
        self.yolops = Yolops(root)

    def without_booting(self) -> Rehearsed:
        """Let a process stand in for an instance: what is tested is the same, and takes a minute less."""
        self.yolops.ok("rehearsal", "start", "--instances", "process")
        return self

    def __call__(self, *arguments: str, code: int = 0, seconds: float = 900) -> str:
        """Run a command that must end with this code; return what it says on both streams."""
        result = self.yolops("--rehearsal", *arguments, timeout=seconds, **self.provider)
        assert result.code == code, f"{arguments}: {result.code}\n{result.out[-2000:]}\n{result.err[-6000:]}"
        return result.out + result.err

    def json(self, *arguments: str) -> Any:
        result = self.yolops("--rehearsal", *arguments, "--json", timeout=900, **self.provider)
        assert result.code == 0, result.err[-6000:]
        return result.json

    def outputs(self) -> dict[str, Any]:
        """Return Terraform's outputs as a program reads them."""
        state = json.loads((self.root / ".yolops" / "rehearsal" / "terraform" / "terraform.tfstate").read_text())
        return {name: output["value"] for name, output in state["outputs"].items()}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return self.yolops.start("--rehearsal", *arguments, **self.provider)

    def settings(self, **values: str) -> None:
        """Set lines of terraform.tfvars; values are written as they are."""
        file = self.root / "terraform" / "terraform.tfvars"
        lines = [line for line in file.read_text().splitlines() if line.split("=")[0].strip() not in values]
        file.write_text("\n".join([*lines, *(f"{name} = {value}" for name, value in values.items())]) + "\n")

    def environment(self) -> dict[str, str]:
        """Return the environment of a program that knows only the rehearsal."""
        environ = dict(os.environ) | self.provider
        enter(environ, Rehearsal(Workspace(self.root)).start(), REGION)
        return environ

    def login(self) -> dict[str, str]:
        """Return the variables with which another program enters MLflow as the administrator of custom mode."""
        outputs = self.outputs()
        if not outputs.get("server_secret_arn"):
            return {}
        secret = self.client("secretsmanager").get_secret_value(SecretId=outputs["server_secret_arn"])
        root = self.client("s3").get_object(Bucket=outputs["bucket_name"], Key="mlflow/server/ca.pem")
        certificate = self.root / "ca.pem"
        certificate.write_bytes(root["Body"].read())
        known = json.loads(secret["SecretString"])
        return {
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(certificate),
            "MLFLOW_TRACKING_USERNAME": known["admin_username"],
            "MLFLOW_TRACKING_PASSWORD": known["admin_password"],
        }

    def log_a_run(self) -> str:
        """Log a run from another program, through the tracking URI of the outputs; return what it read back."""
        return self.program(LOG_A_RUN).splitlines()[-1]

    def steps(self, run_id: str, metric: str) -> list[int]:
        """Return the steps of all points of a metric, as another program reads them."""
        return json.loads(self.program(STEPS, run_id, metric).splitlines()[-1])

    def program(self, code: str, *arguments: str) -> str:
        """Run a program that knows MLflow and the tracking URI of the outputs; return what it prints."""
        tracking = {"MLFLOW_TRACKING_URI": self.outputs()["tracking_uri"], **self.login()}
        result = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *arguments],
            env=self.environment() | tracking,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout.strip()

    def client(self, service: str, region: str = REGION) -> Any:
        """Return a client of the simulated AWS."""
        import boto3

        url = self.environment()["AWS_ENDPOINT_URL"]
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=region,
            aws_access_key_id="rehearsal",
            aws_secret_access_key="rehearsal",
        )

    def unimplemented(self) -> Any:
        """Return what was asked of the simulated AWS in vain."""
        return self.yolops.ok("rehearsal", "status", "--json").json["unimplemented"]


@contextmanager
def booted(root: Path, provider: dict[str, str], **settings: str) -> Iterator[Rehearsed]:
    """Hand out a platform in custom mode whose instance has booted, with a small dataset beside it."""
    rehearsed = Rehearsed(root, provider)
    rehearsed("init", "--mode", "custom", "--project", PROJECT, "--region", REGION, "--yes")
    rehearsed.settings(
        allowed_cidrs='["127.0.0.1/32"]',
        admin_access='"ssm"',
        delete_bucket_contents="true",
        db_snapshot_on_destroy="false",
        **settings,
    )
    write_sample(root / "shapes", images=(24, 8, 4))
    try:
        rehearsed.yolops.ok("rehearsal", "start", "--instances", "container")
        rehearsed("up", "--yes")
        yield rehearsed
    finally:
        rehearsed.yolops("rehearsal", "reset")
