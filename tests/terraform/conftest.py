"""Terraform, and a copy of `terraform/` that it may write into."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.terraform.installation import binary, command_line_configuration, likely_roots
from yolops.platform.terraform import ENVIRONMENT

CHECKOUT = Path(__file__).parents[2]
TERRAFORM = CHECKOUT / "terraform"
PATIENCE_S = 600
# Newest Debian image, as far as a simulated AWS knows; custom mode looks for it.
IMAGES = """[{
  "ami_id": "ami-0debian12", "name": "debian-12-amd64-20260101-2000", "owner_id": "136693071363",
  "architecture": "x86_64", "description": "Debian 12", "image_location": "debian-12", "image_type": "machine",
  "state": "available", "public": true, "root_device_name": "/dev/xvda", "root_device_type": "ebs", "sriov": "simple",
  "virtualization_type": "hvm", "hypervisor": "xen", "platform": "Linux/UNIX",
  "creation_date": "2026-01-01T00:00:00.000Z"
}]"""


@dataclass(frozen=True)
class Terraform:
    """Runs terraform with what it needs to find its provider.

    Attributes:
        binary: the program.
        environment: the variables it is given.
    """

    binary: str
    environment: Mapping[str, str]

    def __call__(self, directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.binary, *arguments],
            cwd=directory,
            env={**self.environment, **environment},
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
        )

    def ok(self, directory: Path, *arguments: str, **environment: str) -> str:
        """Run what must succeed and return what it printed."""
        result = self(directory, *arguments, **environment)
        assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-6000:]
        return result.stdout


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform, with the provider that lies on this machine if there is one."""
    found = binary(os.environ)
    if found is None:
        pytest.skip("terraform is not installed; name another binary in YOLOPS_TERRAFORM")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    for kept in ("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"):
        if kept in os.environ:
            environment[kept] = os.environ[kept]
    written = command_line_configuration(tmp_path_factory.mktemp("cli"), environment, likely_roots(environment))
    if written is not None:
        environment["TF_CLI_CONFIG_FILE"] = str(written)
    return Terraform(found, environment | ENVIRONMENT)


@pytest.fixture(scope="module")
def configuration(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `terraform/` that is initialised."""
    copy = tmp_path_factory.mktemp("configuration") / "terraform"
    ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", "terraform.tfvars")
    shutil.copytree(TERRAFORM, copy, symlinks=True, ignore=ignored)
    terraform.ok(copy, "init", "-no-color")
    return copy


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What makes terraform talk to an empty, simulated account."""
    directory = tmp_path_factory.mktemp("account")
    images = directory / "images.json"
    images.write_text(IMAGES, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env={**os.environ, "MOTO_AMIS_PATH": str(images)},
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/moto-api/")
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "canary-of-the-caller",
            "AWS_MAX_ATTEMPTS": "2",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        server.kill()
        server.wait()


def _wait(address: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while True:
        try:
            opener.open(address, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"{address} does not answer"
            time.sleep(0.2)
