"""What the tests of policies stand on: the policies, rendered once, and the simulator."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.policies import simulator as simulation
from tests.policies.negatives import SERVICES
from tests.policies.rendering import Deployment, render
from tests.policies.simulator import Simulator, listed
from tests.terraform.installation import command_line_configuration, likely_roots


@pytest.fixture(scope="session")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployment]:
    """The roles of every deployment with their policies."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed, and it writes the policies")
    return render(tmp_path_factory.mktemp("terraform"), _provider_settings(tmp_path_factory.mktemp("settings")))


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """The simulator of AWS's authorization."""
    if reason := simulation.missing():
        pytest.skip(reason)
    running = Simulator()
    yield running
    running.close()


@pytest.fixture(scope="session")
def actions(simulator: Simulator, deployments: dict[str, Deployment]) -> dict[str, list[str]]:
    """All actions of the services that matter, with templates of the ARNs that they act on."""
    roles = [role for deployment in deployments.values() for role in deployment.roles.values()]
    statements = [one for role in roles for policy in role.policies.values() for one in policy["Statement"]]
    named = {action.split(":")[0] for one in statements for action in listed(one["Action"])}
    return simulator.actions(SERVICES | named)


def _provider_settings(directory: Path) -> dict[str, str]:
    """Return the environment by which Terraform finds the provider."""
    written = command_line_configuration(directory, os.environ, likely_roots(os.environ))
    return {} if written is None else {"TF_CLI_CONFIG_FILE": str(written)}
