"""A trial of an upgrade says what would happen, while everybody goes on, and leaves nothing, wherever it is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from tests.rehearsal.conftest import wait_for
from tests.server import memory
from tests.server.mlflow_versions import Running, interpreter
from tests.server.upgradable import ADA, ADMIN, API, NEW, OLD, UPGRADE, Platform, seen, upgradable
from yolops_server.table_swap import run
from yolops_server.work import KILLED

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="a trial ends with its parent on Linux only"),
]
TRIAL, BACKUPS = f"{UPGRADE}/trial", "/api/2.0/yolops/backups"
# What only the newer version has.
MADE = "sql_trace_metric_daily_rollups"
# What a trial may take beside MLflow (docs/how-to/upgrade.md), less than it needs to begin, and more than MLflow has.
ENOUGH, TOO_LITTLE, MORE = 600 << 20, 64 << 20, 500 << 20
# Where a trial is killed: at the first line that begins with this.
MOMENTS = (
    "trial: installing MLflow",
    "trial: loading the backup: writing table metrics",
    "trial: copying table metrics",
    "trial: migrating the tables of runs",
    "trial: comparing table metrics",
)


@pytest.fixture(scope="module")
def platform(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with upgradable(engine, tmp_path_factory.mktemp("trial")) as made:
        yield made


@pytest.fixture
def server(platform: Platform) -> Iterator[Running]:
    """A server of the old version, with what that holds."""
    platform.reset()
    running = platform.serving(platform.old)
    yield running
    running.end()


def tried(server: Running, **asked: str) -> dict[str, Any]:
    """Try an upgrade; return how that ended."""
    assert server.ask(TRIAL, {"to": NEW, **asked}, login=ADMIN)["trial"]["state"] == "running"
    wait_for(lambda: server.ask(TRIAL, login=ADMIN)["trial"]["state"] != "running", True, 600)
    return dict(server.ask(TRIAL, login=ADMIN)["trial"])


def left(platform: Platform) -> list[str]:
    """Return what a trial has left: schemas, files, processes."""
    with platform.engine.connect() as connection:
        schemas = connection.execute(text("SHOW DATABASES LIKE '%\\_trial\\_%'")).scalars().all()
    processes = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    place = platform.old.directory / "trial"
    return [
        *schemas,
        *(str(path) for path in [place] if path.exists()),
        *(line for line in processes.splitlines() if str(place) in line),
    ]


@contextmanager
def under_load(server: Running) -> Iterator[list[str]]:
    """Have people write and read all the time; yields what went wrong, and at last how often they did."""
    wrong: list[str] = []
    counts = {"write": 0, "read": 0}
    ended = threading.Event()
    run_id = server.ask(f"{API}/runs/create", {"experiment_id": "0"}, login=ADMIN)["run"]["info"]["run_id"]

    def go_on(what: str, path: str, body: dict[str, Any]) -> None:
        while not ended.wait(0.02):
            try:
                server.ask(path, body, login=ADMIN)
                counts[what] += 1
            except OSError as error:
                wrong.append(f"{what}: {error}")

    points = [{"key": "loss", "value": 1, "timestamp": 1, "step": 1}]
    threads = [
        threading.Thread(target=go_on, args=("write", f"{API}/runs/log-batch", {"run_id": run_id, "metrics": points})),
        threading.Thread(target=go_on, args=("read", f"{API}/runs/search", {"experiment_ids": ["0", "1"]})),
    ]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert min(counts.values()) > 20, counts


def test_a_trial_says_what_an_upgrade_would_do_and_nobody_notices(platform: Platform, server: Running) -> None:
    assert server.ask(TRIAL, login=ADMIN) == {"versions": [OLD, NEW], "trial": None}
    room: AbstractContextManager[None] = memory.limited(server.pid, ENOUGH) if memory.groups() else nullcontext()
    with under_load(server) as wrong, room:
        trial = tried(server)
    assert wrong == []
    assert (trial["state"], trial["to"]) == ("done", NEW), trial
    report = trial["report"]
    assert report["mlflow"] == OLD
    assert any("add sql trace analytics schema" in line for line in report["migrations"]["runs"])
    rows = {one["table"]: one["rows"] for one in report["tables"]}
    assert (rows["spans"], rows["users"]) == (4, 2)
    assert rows["metrics"] >= 200
    assert all(one["bytes"] > 0 for one in report["tables"])
    assert min(report[name] for name in ("install_s", "load_s", "copy_s", "migrate_s", "compare_s")) > 0
    assert report["environment_bytes"] > 50e6
    assert left(platform) == []
    # It made a backup, since there was none.
    [backup] = server.ask(BACKUPS, login=ADMIN)["backups"]
    assert (backup["id"], backup["why"]) == (report["backup"], "made for a trial of an upgrade")
    assert server.ask(UPGRADE, login=ADMIN) == {"mlflow": OLD, "order": None}


def test_a_trial_of_a_migration_that_would_fail_says_why(platform: Platform, server: Running) -> None:
    with platform.engine.connect() as connection:
        # The migration makes a table of this name.
        run(connection, f"CREATE TABLE mlflow.{MADE} (id INT)")
    backup = server.ask(BACKUPS, {}, login=ADMIN)["id"]
    wait_for(lambda: server.ask(f"{BACKUPS}/{backup}", login=ADMIN)["state"], "done", 60)
    trial = tried(server, backup=backup)
    assert trial["state"] == "failed"
    assert f"'{MADE}' already exists" in trial["error"]
    server.ask(f"{BACKUPS}/{backup}", method="DELETE", login=ADMIN)  # the latest one is what others are tried on
    assert left(platform) == []
    assert seen(server) == platform.seen


@pytest.mark.skipif(not memory.groups(), reason="only root may limit memory, on a Linux that lets it")
def test_a_trial_that_memory_is_too_short_for_is_ended_and_says_so_while_mlflow_serves(
    platform: Platform, server: Running
) -> None:
    with memory.limited(server.pid, TOO_LITTLE, MORE):
        trial = tried(server)
        assert (trial["state"], trial["error"]) == ("failed", KILLED)
        assert seen(server) == platform.seen
    assert left(platform) == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_trial_that_is_killed_leaves_nothing_after_the_next_start(
    platform: Platform, server: Running, moment: str
) -> None:
    command = [interpreter(OLD), "-W", "ignore", "-m", "yolops_server.trial", NEW]
    with subprocess.Popen(command, env=platform.old.environ(), stdout=subprocess.PIPE, text=True) as trial:
        assert trial.stdout is not None
        said = next((line for line in trial.stdout if line.startswith(moment)), None)
        time.sleep(0.2)
        trial.kill()
    assert said is not None, "it ended before"
    assert trial.returncode == -9
    assert left(platform) != []
    assert seen(server) == platform.seen
    server.end()

    again = platform.serving(platform.old)
    assert left(platform) == []
    assert seen(again) == platform.seen
    assert platform.held() == platform.content
    again.end()


def test_trials_are_for_administrators_of_versions_and_backups_that_are_there(server: Running) -> None:
    for method in ("GET", "POST"):
        assert refused(server, {}, method, ADA)[0] == 403
        assert refused(server, {}, method, ("nobody", "a wrong password"))[0] == 401
    for wrong in ({}, {"to": "2.22.0"}, {"to": "../3.17.2"}, {"to": ["3.17.2"]}):
        assert refused(server, wrong) == (
            400,
            f"MLflow {wrong.get('to')}: this server cannot try it; it can try {OLD}, {NEW}",
        )
    assert refused(server, {"to": NEW, "backup": "20260102-030405-00aa"})[0] == 404


def test_there_is_one_trial_at_a_time_and_no_backup_meanwhile(platform: Platform, server: Running) -> None:
    with platform.engine.connect() as connection:
        connection.execute(text("SELECT GET_LOCK('yolops-backups', 0)"))
        assert refused(server, {"to": NEW})[0] == 409


def refused(server: Running, body: object, method: str = "POST", login: tuple[str, str] = ADMIN) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.ask(TRIAL, body, method, login)
    with caught.value as error:
        said = error.read().decode()
    try:
        return error.code, json.loads(said)["message"]
    except ValueError:
        return error.code, said
