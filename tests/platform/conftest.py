"""A simulated AWS for the tests of one module: moto's own server, without what the rehearsal adds."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"


@contextmanager
def simulation() -> Iterator[dict[str, str]]:
    """Serve an empty AWS on loopback, and yield the environment in which boto3 and Terraform talk to it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    # What moto holds belongs to the process, and an earlier module of the tests may have left something.
    reset = urllib.request.Request(f"{address}/moto-api/reset", method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(reset, timeout=60):
        pass
    yield {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


@pytest.fixture(scope="module")
def simulated_aws() -> Iterator[dict[str, str]]:
    """A simulated AWS that this very process talks to."""
    with simulation() as variables, pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
            environment.delenv(name, raising=False)
        for name, value in variables.items():
            environment.setenv(name, value)
        yield variables
