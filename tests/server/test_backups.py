"""A backup holds runs, models, users and artifacts; a restore brings them back, and can be undone, and killed."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.rehearsal.conftest import wait_for
from tests.server.conftest import BUCKET, Server

pytestmark = pytest.mark.timeout(600)
BACKUPS = "/api/2.0/yolops/backups"
API, ARTIFACTS = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"
ADA = ("ada", "the-password-of-ada")
BEN = ("ben", "the-password-of-ben")


def said(server: Server, path: str, body: object = None, **more: Any) -> dict[str, Any]:
    """Ask what must succeed."""
    answer = server.ask(path, body, **more)
    assert answer.status in {200, 202}, answer.body
    return dict(answer.json) if answer.body else {}


def a_run(server: Server, experiment: str, value: float) -> str:
    run = said(server, f"{API}/runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    metrics = [{"key": "mAP50", "value": value * step, "timestamp": step, "step": step} for step in range(50)]
    params = [{"key": "epochs", "value": "50 % ü"}]
    said(server, f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
    return str(run)


def put(server: Server, name: str, content: str) -> None:
    said(server, f"{ARTIFACTS}/{name}", content, method="PUT")


def everything(server: Server) -> dict[str, Any]:
    """Return what people see of the platform, whole."""
    ids = [item["experiment_id"] for item in _all(server, "experiments", view_type="ALL")]
    runs = _all(server, "runs", experiment_ids=ids, run_view_type="ALL")
    history = "{}/metrics/get-history?run_id={}&metric_key=mAP50&max_results=999"
    users = said(server, f"{API}/users/list")["users"]
    artifacts = {}
    for run in runs:
        for name in ("best.pt", "results.csv", "late.txt"):
            answer = server.ask(f"{ARTIFACTS}/{run['info']['experiment_id']}/{run['info']['run_id']}/artifacts/{name}")
            artifacts[run["info"]["run_id"], name] = answer.body if answer.status == 200 else answer.status
    return {
        "experiments": sorted(map(json.dumps, _all(server, "experiments", view_type="ALL"))),
        "runs": sorted(map(json.dumps, runs)),
        "metrics": {run: server.ask(history.format(API, run)).body for run in (run["info"]["run_id"] for run in runs)},
        "models": said(server, f"{API}/registered-models/search?max_results=100"),
        "users": sorted(json.dumps(user, sort_keys=True) for user in users),
        "artifacts": artifacts,
    }


def _all(server: Server, what: str, **asked: Any) -> list[dict[str, Any]]:
    return list(said(server, f"{API}/{what}/search", {"max_results": 900, **asked}).get(what, []))


def ended(server: Server, backup: str) -> dict[str, Any]:
    """Return how a backup or a restore ended."""
    path = f"{BACKUPS}/{backup}"
    wait_for(lambda: said(server, path)["state"] != "running" and not children(backup), True, 90)
    return said(server, path)


def done(server: Server, backup: str) -> dict[str, Any]:
    found = ended(server, backup)
    assert (found["state"], found["whole"]) == ("done", True), found
    return found


def backed_up(server: Server) -> str:
    backup = said(server, BACKUPS, {})["id"]
    done(server, backup)
    return str(backup)


def restored(server: Server, backup: str) -> str:
    undo = said(server, f"{BACKUPS}/{backup}/restore", {})["id"]
    done(server, undo)
    return str(undo)


def children(backup: str) -> list[int]:
    """Return the processes that make or restore a backup."""
    listed = subprocess.run(["ps", "-ewwo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    found = [line.split(None, 2) for line in listed.splitlines() if "-m yolops_server.backup " in line]
    return [int(pid) for pid, state, arguments in found if backup in arguments and "Z" not in state]


def test_a_restore_brings_all_of_it_back_and_can_be_undone(server: Server) -> None:
    experiment = said(server, f"{API}/experiments/create", {"name": "cells"})["experiment_id"]
    run, gone = a_run(server, experiment, 1 / 3), a_run(server, experiment, 0.1)
    said(server, f"{API}/runs/delete", {"run_id": gone})
    said(server, f"{API}/registered-models/create", {"name": "detector"})
    said(server, f"{API}/users/create", {"username": ADA[0], "password": ADA[1]})
    place = f"{experiment}/{run}/artifacts"
    put(server, f"{place}/best.pt", "the weights")
    put(server, f"{place}/results.csv", "the results")
    before = everything(server)

    backup = backed_up(server)

    put(server, f"{place}/best.pt", "other weights")
    assert server.ask(f"{ARTIFACTS}/{place}/results.csv", method="DELETE").status in {200, 204}
    late = a_run(server, experiment, 2)
    put(server, f"{experiment}/{late}/artifacts/late.txt", "later")
    said(
        server,
        f"{API}/runs/log-batch",
        {"run_id": run, "metrics": [{"key": "a", "value": 1, "timestamp": 1, "step": 1}]},
    )
    said(server, f"{API}/runs/restore", {"run_id": gone})
    said(server, f"{API}/registered-models/delete", {"name": "detector"}, method="DELETE")
    said(server, f"{API}/users/delete", {"username": ADA[0]}, method="DELETE")
    said(server, f"{API}/users/create", {"username": BEN[0], "password": BEN[1]})
    after = everything(server)
    assert after != before

    undo = restored(server, backup)
    assert everything(server) == before
    assert server.ask(f"{API}/users/current", login=ADA).status == 200
    assert a_run(server, experiment, 3)
    assert done(server, undo)["restores"] == backup
    assert done(server, undo)["result"] == {"artifacts": 2, "lost": 0}

    again = restored(server, undo)
    seen = everything(server)
    assert seen["artifacts"].pop((run, "results.csv")) == '"the results"', (
        "what only a backup holds stays in the bucket"
    )
    after["artifacts"].pop((run, "results.csv"))
    assert seen == after
    assert server.ask(f"{API}/users/current", login=BEN).status == 200
    listed = {item["id"]: item for item in said(server, BACKUPS)["backups"]}
    assert [listed[one]["runs"] for one in (backup, undo, again)] == [2, 3, 3]
    assert (listed[backup]["why"], listed[backup]["models"], listed[backup]["artifacts"]) == ("asked for", 1, 2)
    assert said(server, f"{BACKUPS}/{again}", method="DELETE") == {"id": again}
    assert server.ask(f"{BACKUPS}/{again}").status == 404


def test_backups_are_for_administrators(server: Server) -> None:
    login = ("cleo", "the-password-of-cleo")
    said(server, f"{API}/users/create", {"username": login[0], "password": login[1]})
    backup = backed_up(server)
    for method, path in (
        ("GET", BACKUPS),
        ("POST", BACKUPS),
        ("GET", f"{BACKUPS}/{backup}"),
        ("DELETE", f"{BACKUPS}/{backup}"),
        ("POST", f"{BACKUPS}/{backup}/restore"),
    ):
        for who, status in ((login, 403), (None, 401)):
            assert server.ask(path, {}, login=who, method=method).status == status, (method, path)
    assert done(server, backup)


@pytest.mark.parametrize("backup", ["20260101-000000-0000", "..", "%2e%2e%2fartifacts", "1"])
def test_what_is_no_backup_is_not_there(server: Server, backup: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/restore")):
        assert server.ask(f"{BACKUPS}/{backup}{path}", {}, method=method).status in {404, 405}


def test_a_backup_that_is_not_what_was_written_is_refused_and_nothing_changes(server: Server) -> None:
    backup = backed_up(server)
    before = everything(server)
    s3, key = server.aws.client("s3"), f"backups/{backup}/database.jsonl.gz"
    content = gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(content.replace(b"admin", b"hacks")))
    refused = ended(server, said(server, f"{BACKUPS}/{backup}/restore", {})["id"])
    assert (refused["state"], refused["whole"]) == ("failed", False)
    assert "is not what was written; nothing was changed" in refused["error"]
    assert everything(server) == before


def test_a_backup_of_another_mlflow_is_refused(server: Server) -> None:
    backup = backed_up(server)
    s3, key = server.aws.client("s3"), f"backups/{backup}/manifest.json"
    manifest = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    manifest |= {"mlflow": "2.22.0", "revisions": manifest["revisions"] | {"runs": "0123456789ab"}}
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(manifest).encode())
    refused = ended(server, said(server, f"{BACKUPS}/{backup}/restore", {})["id"])
    assert refused["error"].startswith(f"backup {backup} is of MLflow 2.22.0")


@pytest.mark.parametrize(
    "phase",
    ["comparing table metrics", "moving tables", "reading table runs", "making artifacts current"],
)
def test_a_restore_that_is_killed_loses_nothing_and_is_finished_by_the_next_one(server: Server, phase: str) -> None:
    experiment = said(server, f"{API}/experiments/create", {"name": f"killed at {phase}"})["experiment_id"]
    run = a_run(server, experiment, 1)
    put(server, f"{experiment}/{run}/artifacts/best.pt", "before")
    before = everything(server)
    backup = backed_up(server)
    a_run(server, experiment, 2)
    put(server, f"{experiment}/{run}/artifacts/best.pt", "after")
    after = everything(server)

    undo = said(server, f"{BACKUPS}/{backup}/restore", {})["id"]
    kill_at(server, undo, phase)

    def rows(seen: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in seen.items() if name != "artifacts"}

    seen = everything(server)
    assert rows(seen) in (rows(before), rows(after))
    backed_up(server)  # finishes it
    if rows(seen) == rows(after):
        assert everything(server) == after
        restored(server, backup)
        assert everything(server) == before
    else:
        assert everything(server) == before
        restored(server, undo)
        assert everything(server) == after


def kill_at(server: Server, backup: str, phase: str) -> None:
    """Kill what restores when it says that something comes next, or as soon after that as can be."""
    log = server.directory / "server.log"
    wanted = re.compile(rf"^{backup}: {phase}", re.MULTILINE)
    deadline = time.monotonic() + 60
    while not wanted.search(log.read_text(errors="replace")):
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.001)
    running = children(backup)
    assert running
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: children(backup), [])


def test_a_restore_that_runs_already_is_not_joined_by_another_one(server: Server) -> None:
    first = said(server, BACKUPS, {})["id"]
    others = [server.ask(BACKUPS, {}) for _ in range(3)]
    states = [ended(server, answer.json["id"])["state"] for answer in others if answer.status == 202]
    assert ended(server, first)["state"] in {"done", "failed"}
    refused = [answer.status for answer in others if answer.status != 202]
    assert set(states) <= {"failed", "done"}
    assert set(refused) <= {409}
    backed_up(server)
