"""An upgrade from the command line on: a server of another MLflow boots, migrates, and has everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.rehearsal import Rehearsed, booted
from yolops.rehearsal.instance_mode import missing

LACKING = missing()
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"instances cannot boot here: no {', '.join(LACKING)}"),
    pytest.mark.timeout(1500),
]
OLD, NEW = "3.16.1", "3.17.2"


@pytest.fixture
def platform(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Rehearsed]:
    """A platform in custom mode of the older version, whose instance has booted."""
    with booted(tmp_path_factory.mktemp("upgrade"), provider, mlflow_version=f'"{OLD}"') as made:
        yield made


def test_runs_users_and_models_are_there_after_an_upgrade_and_none_is_migrated_without_one(platform: Rehearsed) -> None:
    arguments = ("--epochs", "1", "--imgsz", "64", "--batch", "8", "--name", "one", "--register-as", "cells")
    platform("train", "shapes/data.yaml", *arguments)
    platform("users", "add", "ada")
    before = platform.json("runs", "list")
    assert [run["status"] for run in before] == ["FINISHED"]

    platform.settings(mlflow_version=f'"{NEW}"')
    assert "is of another MLflow" in platform("up", "--yes", code=1)
    # Its boot has ended: nothing waits for it any more, and whoever asks is told why.
    for command in ("status", "doctor"):
        assert "is of another MLflow" in platform(command, code=1, seconds=90)
    platform.settings(mlflow_version=f'"{OLD}"')
    platform("up", "--yes")
    assert platform.json("runs", "list") == before

    done = platform.json("upgrade", "--to", NEW, "--yes")
    assert (done["from"], done["to"]) == (OLD, NEW)
    assert platform.json("runs", "list") == before
    assert {user["name"] for user in platform.json("users", "list")} == {"admin", "ada"}
    assert [one["id"] for one in platform.json("backup", "list")] == [done["backup"]]
    assert f'mlflow_version = "{NEW}"' in (platform.root / "terraform" / "terraform.tfvars").read_text()
    assert f"the server is MLflow {NEW}: nothing to do" in platform("upgrade", "--to", NEW)
