"""An upgrade from the command line on: a server of another MLflow boots, migrates, and has everything."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def people(platform: Rehearsed) -> Iterator[list[str]]:
    """Have people write and read all the time; yields what goes wrong."""
    login, uri = platform.login(), platform.outputs()["tracking_uri"]
    context = ssl.create_default_context(cafile=login["MLFLOW_TRACKING_SERVER_CERT_PATH"])
    known = f"{login['MLFLOW_TRACKING_USERNAME']}:{login['MLFLOW_TRACKING_PASSWORD']}"
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Basic {base64.b64encode(known.encode()).decode()}",
    }
    wrong: list[str] = []
    answered = [0, 0]
    ended = threading.Event()

    def go_on(which: int, path: str, **body: object) -> None:
        request = urllib.request.Request(f"{uri}/api/2.0/mlflow/{path}", json.dumps(body).encode(), headers)
        while not ended.wait(0.05):
            try:
                with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                    answer.read()
                answered[which] += 1
            except OSError as error:
                wrong.append(f"{path}: {error}")

    named = {"key": "asked", "value": "again"}
    threads = [
        threading.Thread(target=go_on, args=(0, "runs/search"), kwargs={"experiment_ids": ["0", "1"]}),
        threading.Thread(
            target=go_on, args=(1, "experiments/set-experiment-tag"), kwargs={"experiment_id": "0", **named}
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert min(answered) > 50, answered


def left_of_trial(platform: Rehearsed) -> list[Path]:
    """Return what a trial has left on the disk of the instance."""
    disks = [Path(instance["files"]) for instance in platform.json("rehearsal", "status")["instances"]]
    assert all(disk.is_dir() for disk in disks)
    return [left for disk in disks for left in disk.glob("var/cache/mlflow/*")]


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

    with people(platform) as wrong:
        tried = platform.json("upgrade", "--to", NEW, "--rehearse")
    assert wrong == []
    assert (tried["state"], tried["report"]["mlflow"]) == ("done", OLD)
    assert left_of_trial(platform) == []
    kept = tried["report"]["backup"]

    done = platform.json("upgrade", "--to", NEW, "--yes")
    assert (done["from"], done["to"], done["trial"]) == (OLD, NEW, {name: tried[name] for name in done["trial"]})
    assert platform.json("runs", "list") == before
    assert {user["name"] for user in platform.json("users", "list")} == {"admin", "ada"}
    assert [one["id"] for one in platform.json("backup", "list")] == [done["backup"], kept]
    assert f'mlflow_version = "{NEW}"' in (platform.root / "terraform" / "terraform.tfvars").read_text()
    assert f"the server is MLflow {NEW}: nothing to do" in platform("upgrade", "--to", NEW)
