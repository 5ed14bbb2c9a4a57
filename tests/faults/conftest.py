"""One server for all faults of a module: it takes half a minute to start, and is as good as new after each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.deployment import Deployment, deploy
from tests.rehearsal.conftest import Aws
from yolops.platform.workspace import Workspace
from yolops.rehearsal.instance_mode import InstanceMode
from yolops.rehearsal.mariadb import is_installed
from yolops.rehearsal.rehearsal import Rehearsal


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server with a door before it, before its database and before S3."""
    if not is_installed():
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    root = tmp_path_factory.mktemp("faults")
    rehearsal = Rehearsal(Workspace(root))
    with ExitStack() as ending:
        ending.callback(rehearsal.reset)
        rehearsal.start(InstanceMode.PROCESS)
        yield deploy(Aws(rehearsal, root), ending)
