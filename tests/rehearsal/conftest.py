"""One rehearsal for each module: its server takes a few seconds to start, and a real MLflow server ten more."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from yolops.platform.workspace import Workspace
from yolops.rehearsal.environment import enter
from yolops.rehearsal.rehearsal import Rehearsal


@dataclass(frozen=True)
class Aws:
    """The simulated AWS, as a program sees it."""

    rehearsal: Rehearsal
    root: Path

    @property
    def url(self) -> str:
        """Its address now; after a restart another program of this machine may have the former port."""
        url = self.rehearsal.status().url
        assert url is not None
        return url

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """Return a plain boto3 client."""
        import boto3

        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="rehearsal",
            aws_secret_access_key="rehearsal",
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of a program that talks to it."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        enter(environ, self.url)
        return environ


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A rehearsal that is shared by the tests of a module."""
    root = tmp_path_factory.mktemp("work")
    rehearsal = Rehearsal(Workspace(root))
    try:
        rehearsal.start()
        yield Aws(rehearsal, root)
    finally:
        rehearsal.reset()


def wait_for(check: Callable[[], Any], wanted: Any, seconds: float = 60) -> None:
    """Wait until something is as it should be."""
    deadline = time.monotonic() + seconds
    while (seen := check()) != wanted:
        assert time.monotonic() < deadline, f"still {seen}, not {wanted}"
        time.sleep(0.1)
