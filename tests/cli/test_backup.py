"""`yolops backup`, typed: against the server of custom mode, and against one that answers as it was told."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_aws_commands import Typed, Workplace
from tests.cli.test_users import refused
from tests.server.conftest import SECRET, Server, server  # noqa: F401 - a fixture
from tests.tracking.mlflow_http import FakeMlflow, serving

pytestmark = pytest.mark.timeout(600)
BACKUPS, ID, UNDO = "/api/2.0/yolops/backups", "20260102-030405-00aa", "20260102-030405-00ab"
WHOLE = {
    "id": ID,
    "state": "done",
    "whole": True,
    "made": "2026-01-02T03:04:05+00:00",
    "why": "asked for",
    "mlflow": "3.17.2",
    "experiments": 2,
    "runs": 1,
    "models": 0,
    "database_bytes": 1_200_000,
    "artifacts": 3,
    "artifact_bytes": 4_000_000,
}
ME = {"user": {"username": "root", "is_admin": True}}


class Backups(Workplace):
    """Types `yolops backup`."""

    def __call__(self, *arguments: str, **environment: str) -> Typed:
        return super().__call__("backup", *arguments, **environment)


@pytest.fixture
def fake() -> Iterator[FakeMlflow]:
    """A server with one backup and just as much in MLflow."""
    with serving() as answering:
        answering.will_answer("users/current", ME)
        answering.will_answer(BACKUPS, {"backups": [WHOLE]})
        answering.will_answer(
            "experiments/search", {"experiments": [{"experiment_id": str(one), "name": str(one)} for one in (0, 1)]}
        )
        answering.will_answer("runs/search", {"runs": [{}]})
        answering.will_answer("registered-models/search", {})
        yield answering


@pytest.fixture
def backups(fake: FakeMlflow, tmp_path: Path) -> Backups:
    return Backups(tmp_path, {"HOME": str(tmp_path), "MLFLOW_TRACKING_URI": fake.uri})


def test_backups_are_listed_with_what_they_hold(backups: Backups, fake: FakeMlflow) -> None:
    failed = {"id": UNDO, "state": "failed", "whole": False, "error": "OSError: no"}
    fake.will_answer(BACKUPS, {"backups": [failed, WHOLE]})
    listed = backups("list")
    assert listed.code == 0, listed.err
    assert "2 experiments, 1 run, 0 models" in listed.out
    assert "database 1.2 MB, 3 artifacts (4.0 MB, as versions in the bucket)" in listed.out
    assert [one["state"] for one in backups("list", "--json").json] == ["failed", "done"]


def test_nothing_is_restored_that_nobody_has_agreed_to(backups: Backups, fake: FakeMlflow) -> None:
    typed = backups("restore", ID)
    assert typed.code == 2
    assert "answer with --yes" in typed.err
    assert "it takes the place of all runs, models, users and permissions" in typed.err
    assert not [one for one in fake.asked if one.endpoint.endswith("/restore")]


def test_no_is_an_answer_that_changes_nothing_and_is_no_success(backups: Backups, fake: FakeMlflow) -> None:
    person, terminal = os.openpty()
    os.write(person, b"n\n")
    process = backups.start("backup", "restore", ID, stdin=terminal)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip()) == (1, "")
    assert "nothing was changed" in err
    assert not [one for one in fake.asked if one.endpoint.endswith("/restore")]


def restoring(fake: FakeMlflow) -> None:
    running = {"id": UNDO, "state": "running", "whole": False, "phase": "moving tables"}
    ended = {**WHOLE, "id": UNDO, "restores": ID, "result": {"artifacts": 2, "lost": 1}}
    fake.will_answer(f"{BACKUPS}/{ID}/restore", (202, {"id": UNDO}))
    # In between the server does not answer as it should, as while tables move.
    fake.will_answer(f"{BACKUPS}/{UNDO}", running, (500, "<html>"), ended)


def test_a_restore_is_followed_compared_and_can_be_undone(backups: Backups, fake: FakeMlflow) -> None:
    restoring(fake)
    typed = backups("restore", ID, "--yes")
    assert typed.code == 0, typed.err
    assert "moving tables" in typed.err
    assert "1 artifact of the backup lost: no version of it is in the bucket" in typed.err
    assert typed.out.splitlines()[0] == f"restored {ID}: 2 experiments, 1 run, 0 models, 2 artifacts made current again"
    assert typed.out.splitlines()[1].endswith(f"backup restore {UNDO}")


def test_a_restore_after_which_something_is_missing_is_no_success(backups: Backups, fake: FakeMlflow) -> None:
    restoring(fake)
    fake.will_answer("runs/search", {"runs": [{}]}, {"runs": []})
    assert "the backup holds 2 experiments, 1 run, 0 models, and MLflow shows 2 experiments, 0 runs" in refused(
        backups("restore", ID, "--yes")
    )


@pytest.mark.parametrize("command", ["restore", "remove"])
def test_a_backup_that_is_not_there_is_named(backups: Backups, command: str) -> None:
    assert f"there is no backup '{UNDO}'" in refused(backups(command, UNDO))


def test_a_backup_that_fails_says_why(backups: Backups, fake: FakeMlflow) -> None:
    fake.will_answer(BACKUPS, {"backups": []}, (202, {"id": UNDO}))
    fake.will_answer(f"{BACKUPS}/{UNDO}", {"id": UNDO, "state": "failed", "whole": False, "error": "OSError: no"})
    assert f"{UNDO} failed: OSError: no" in refused(backups("create"))


def test_whoever_is_no_administrator_is_told_who_makes_backups(backups: Backups, fake: FakeMlflow) -> None:
    fake.will_answer("users/current", {"user": {"username": "bob", "is_admin": False}})
    for command in (("create",), ("list",), ("restore", ID, "--yes"), ("remove", ID)):
        assert "bob is no administrator of this MLflow" in refused(backups(*command))


def test_where_the_server_makes_no_backups_it_is_said_what_does(backups: Backups, fake: FakeMlflow) -> None:
    fake.will_answer(BACKUPS, (404, "<html>"))
    assert "this MLflow makes no backups" in refused(backups("create"))
    assert "the platform on this machine has no server" in refused(backups("list", MLFLOW_TRACKING_URI=""))


def test_a_platform_that_only_a_file_describes_is_no_local_one(backups: Backups, fake: FakeMlflow) -> None:
    known = {"deployment_mode": "custom", "tracking_uri": fake.uri, "mlflow_ui_url": fake.uri}
    (backups.root / "platform.json").write_text(json.dumps({name: {"value": value} for name, value in known.items()}))
    listed = backups("list", MLFLOW_TRACKING_URI="", YOLOPS_PLATFORM="platform.json")
    assert ID in listed.out, listed.err


def test_a_platform_is_backed_up_and_restored(server: Server, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    shutil.copy(server.directory / "ca.pem", tmp_path / "ca.pem")
    backups = Backups(
        tmp_path,
        {
            "HOME": str(tmp_path),
            "MLFLOW_TRACKING_URI": server.url,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(tmp_path / "ca.pem"),
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": SECRET["admin_password"],
        },
    )
    server.ask("/api/2.0/mlflow/experiments/create", {"name": "cells"})
    server.ask("/api/2.0/mlflow/registered-models/create", {"name": "detector"})
    made = backups("create", "--json")
    assert made.code == 0, made.err
    assert made.json["counts"] == {"experiments": 2, "runs": 0, "models": 1}
    server.ask("/api/2.0/mlflow/registered-models/create", {"name": "another"})
    server.ask("/api/2.0/mlflow/experiments/delete", {"experiment_id": "0"})

    typed = backups("restore", made.json["id"], "--yes", "--json")
    assert typed.code == 0, typed.err
    assert "now: 2 experiments, 0 runs, 2 models" in typed.err
    assert server.ask("/api/2.0/mlflow/registered-models/get?name=another").status == 404
    assert backups("remove", typed.json["undo"]).code == 0
    assert [one["id"] for one in backups("list", "--json").json] == [made.json["id"]]
