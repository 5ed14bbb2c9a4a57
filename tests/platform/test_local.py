"""The local platform with real MLflow servers: started, killed, paused, raced for, and found again.

A cold start takes seconds, so the tests of one module share a server where they can.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from tests.answering import Healthy, answering
from yolops.errors import YolopsError
from yolops.platform.local import LocalPlatform, State
from yolops.platform.server_command import server_version
from yolops.platform.server_record import ServerRecord, read_record, write_record
from yolops.platform.workspace import Workspace
from yolops.process import start_background
from yolops.running_processes import ProcessIdentity, find_background

UP = (
    "import sys; from pathlib import Path\n"
    "from yolops.platform.local import LocalPlatform; from yolops.platform.workspace import Workspace\n"
    "platform = LocalPlatform(Workspace(Path(sys.argv[1])), say=lambda line: print(line, file=sys.stderr))\n"
    "print(platform.up().tracking_uri)"
)
# What another MLflow's user may have in the shell.
FOREIGN_SETTINGS = {
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "MLFLOW_ARTIFACTS_ONLY": "true",
    "MLFLOW_STATIC_PREFIX": "/elsewhere",
    "MLFLOW_GUNICORN_OPTS": "--timeout 1",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
    "MLFLOW_SERVER_X_FRAME_OPTIONS": "NONE",
    "http_proxy": "http://127.0.0.1:9",
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlatform]:
    """One platform, in a directory whose name would break an address that is not quoted."""
    root = tmp_path_factory.mktemp("work") / "a b#c?d%20e"
    platform = LocalPlatform(Workspace(root))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        platform.up(port)  # later starts use it again, and race with nobody on this machine for 5000
        yield platform
    finally:
        platform.down()


@pytest.fixture
def small(workspace: Workspace) -> Iterator[LocalPlatform]:
    """A platform of one test."""
    platform = LocalPlatform(workspace)
    try:
        yield platform
    finally:
        platform.down()


def call(url: str, *, method: str = "GET", data: bytes | None = None, headers: dict[str, str] | None = None):
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return answer.headers, answer.read()


def new_experiment(uri: str, name: str) -> None:
    body = json.dumps({"name": name}).encode()
    call(
        f"{uri}/api/2.0/mlflow/experiments/create",
        method="POST",
        data=body,
        headers={"Content-Type": "application/json"},
    )


def has_experiment(uri: str, name: str) -> bool:
    return name.encode() in call(f"{uri}/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}")[1]


def port_of(uri: str) -> int:
    return int(uri.rpartition(":")[2])


def remember(platform: LocalPlatform, state: Path, process: ProcessIdentity | None, port: int) -> None:
    write_record(state / "server.json", ServerRecord(port, server_version(), datetime.now(UTC), process))


def test_the_first_up_starts_a_server_and_the_second_finds_it(platform: LocalPlatform) -> None:
    first = platform.up()
    pid = platform.status().pid
    begun = time.monotonic()
    assert platform.up() == first == platform.outputs()
    assert time.monotonic() - begun < 2
    assert platform.status().pid == pid


def test_what_runs_keep_lies_in_the_state_directory(platform: LocalPlatform) -> None:
    outputs = platform.up()
    call(f"{outputs.tracking_uri}/api/2.0/mlflow-artifacts/artifacts/1/weights.pt", method="PUT", data=b"weights")
    kept = platform.log.parent / "artifacts" / "1" / "weights.pt"
    assert kept.read_bytes() == b"weights"
    assert kept.as_uri().startswith(outputs.artifact_uri)


def test_status_says_what_runs_and_how_much_it_keeps(platform: LocalPlatform) -> None:
    platform.up()
    status = platform.status()
    assert status.state is State.RUNNING
    assert status.version == server_version()
    assert status.database_bytes > 100_000
    assert status.since is not None
    assert (datetime.now(UTC) - status.since).total_seconds() < 300


def test_a_request_under_another_host_s_name_is_refused(platform: LocalPlatform) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(f"{platform.up().tracking_uri}/api/2.0/mlflow/experiments/search", headers={"Host": "evil.example"})
    caught.value.close()
    assert caught.value.code == 403


def test_a_page_of_another_site_can_create_nothing(platform: LocalPlatform) -> None:
    url = f"{platform.up().tracking_uri}/api/2.0/mlflow/experiments/create"
    headers = {"Content-Type": "application/json", "Origin": "https://evil.example"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(url, method="POST", data=b'{"name": "evil"}', headers=headers)
    caught.value.close()
    assert caught.value.code == 403


def test_the_server_starts_no_job_workers(platform: LocalPlatform) -> None:
    platform.up()
    assert len(find_background(platform.log)) == 1


def test_another_port_than_the_running_one_s_is_refused(platform: LocalPlatform) -> None:
    uri = platform.up().tracking_uri
    with pytest.raises(YolopsError, match=f"{uri}: the server of this workspace already runs there") as caught:
        platform.up(port_of(uri) + 1)
    assert "yolops down" in caught.value.hint


def test_two_ups_at_once_after_a_kill_give_one_server_with_all_its_runs(platform: LocalPlatform) -> None:
    before = platform.up()
    new_experiment(before.tracking_uri, "kept")
    os.kill(platform.status().pid or 0, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not platform.status().died:
        assert time.monotonic() < deadline
    assert platform.status().state is State.STOPPED
    argv = [sys.executable, "-c", UP, str(platform.log.parent.parent)]
    environment = {**os.environ, **FOREIGN_SETTINGS}
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    addresses = [one.communicate(timeout=120)[0].strip() for one in both]
    assert addresses == [before.tracking_uri] * 2  # also the address stayed the same
    assert len(find_background(platform.log)) == 1
    assert has_experiment(before.tracking_uri, "kept")
    assert call(before.tracking_uri)[0]["X-Frame-Options"] == "SAMEORIGIN"  # the shell's settings changed nothing


def test_what_a_killed_server_had_started_is_seen_and_ended(small: LocalPlatform, workspace: Workspace) -> None:
    workspace.create_state()
    start_background([sys.executable, "-c", "import time; time.sleep(60)"], log=small.log)
    assert small.status().state is State.UNHEALTHY
    assert small.down()
    assert small.status().state is State.STOPPED


def test_a_server_that_hangs_is_replaced(platform: LocalPlatform) -> None:
    uri = platform.up().tracking_uri
    hung = find_background(platform.log)
    for identity in hung:
        os.kill(identity.pid, signal.SIGSTOP)
    with pytest.raises(YolopsError, match=r"does not answer \(log: .*server\.log\)"):
        platform.outputs()
    assert platform.up().tracking_uri == uri
    assert not set(hung) & set(find_background(platform.log))
    assert has_experiment(uri, "kept")


def test_down_ends_every_process_and_the_second_down_finds_none(platform: LocalPlatform) -> None:
    platform.up()
    pids = [identity.pid for identity in find_background(platform.log)]
    assert len(pids) == 1
    assert platform.down()
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)
    assert not platform.down()
    assert platform.status().state is State.STOPPED


def test_outputs_of_a_stopped_platform_say_how_to_start_it(platform: LocalPlatform) -> None:
    platform.down()
    with pytest.raises(YolopsError, match=r"not running \(log: .*server\.log\)") as caught:
        platform.outputs()
    assert caught.value.hint == "yolops up"


def test_a_stranger_with_our_port_and_a_stranger_with_our_number_are_left_alone(platform: LocalPlatform) -> None:
    state = platform.log.parent
    platform.down()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with answering(Healthy) as foreign_uri:
            port = port_of(foreign_uri)
            earlier = ProcessIdentity(stranger.pid, psutil.Process(stranger.pid).create_time() - 3600)
            remember(platform, state, earlier, port)
            assert platform.status().state is State.STOPPED
            uri = platform.up().tracking_uri
            assert port_of(uri) != port
            assert has_experiment(uri, "kept")
            assert call(f"http://127.0.0.1:{port}/health")[0] is not None
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        platform.down()


def test_a_port_lost_while_starting_is_an_error_that_names_who_has_it(
    small: LocalPlatform, workspace: Workspace
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    raised: list[YolopsError] = []

    def start() -> None:
        try:
            small.up(port)
        except YolopsError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    while read_record(workspace.state / "server.json") is None:
        time.sleep(0.01)
    with socket.create_server(("127.0.0.1", port)):
        thread.join()
    assert f"port {port} is taken by" in raised[0].message
    assert f"process {os.getpid()}" in raised[0].message
    assert find_background(small.log) == []


def test_a_taken_port_that_was_asked_for_is_refused_at_once(small: LocalPlatform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(YolopsError, match=f"port {port} is taken by .*process {os.getpid()}") as caught:
            small.up(port)
    assert "--port" in caught.value.hint


def test_a_server_that_dies_at_its_start_is_reported_with_its_last_words(
    small: LocalPlatform, workspace: Workspace
) -> None:
    state = workspace.create_state()
    (state / "mlflow.db").write_bytes(b"this is no database" * 100)
    remember(small, state, None, 5000)
    begun = time.monotonic()
    with pytest.raises(YolopsError, match=r"ended while it was starting \(log: .*server\.log\)\n") as caught:
        small.up()
    assert "file is not a database" in caught.value.message
    assert time.monotonic() - begun < 60
    assert small.status().state is State.STOPPED


def test_a_state_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(YolopsError, match="cannot be written"):
        LocalPlatform(Workspace(tmp_path / "file" / "below")).up()


def test_an_untouched_workspace_has_nothing_to_end_and_stays_untouched(workspace: Workspace) -> None:
    platform = LocalPlatform(workspace)
    assert not platform.down()
    status = platform.status()
    assert (status.state, status.version, status.database_bytes) == (State.STOPPED, None, 0)
    assert list(workspace.root.iterdir()) == []


def test_an_interrupted_start_leaves_no_process_but_the_copy_of_a_database_of_another_mlflow(
    small: LocalPlatform, workspace: Workspace
) -> None:
    state = workspace.create_state()
    with closing(sqlite3.connect(state / "mlflow.db")) as database:
        database.execute("CREATE TABLE runs (name)")
    write_record(state / "server.json", ServerRecord(5000, "3.0.0", datetime.now(UTC), None))
    starting = subprocess.Popen([sys.executable, "-c", UP, str(workspace.root)], stderr=subprocess.PIPE, text=True)
    while not find_background(small.log):
        time.sleep(0.05)
    starting.send_signal(signal.SIGINT)
    said = starting.communicate(timeout=30)[1]
    assert "KeyboardInterrupt" in said
    assert find_background(small.log) == []
    copy = state / f"mlflow.db.before-{server_version()}"
    assert copy.exists()
    assert f"the database is from MLflow 3.0.0; before MLflow {server_version()} may change it" in said
    assert str(copy) in said
