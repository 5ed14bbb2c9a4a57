"""The one server process of a rehearsal: started once, found again, ended whole, and forgotten."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.rehearsal.conftest import Aws, wait_for
from yolops.errors import YolopsError
from yolops.platform.workspace import Workspace
from yolops.rehearsal.environment import enter, environment
from yolops.rehearsal.rehearsal import Rehearsal
from yolops.running_processes import find_background

START = (
    "import sys; from pathlib import Path\n"
    "from yolops.rehearsal.rehearsal import Rehearsal; from yolops.platform.workspace import Workspace\n"
    "print(Rehearsal(Workspace(Path(sys.argv[1]))).start())"
)


def state(aws: Aws) -> Path:
    return aws.root / ".yolops" / "rehearsal"


def test_two_starts_at_once_give_one_server(workspace: Workspace) -> None:
    argv = [sys.executable, "-c", START, str(workspace.root)]
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        said = {child.communicate(timeout=90)[0] for child in both}
        assert len(said) == 1
        assert len(find_background(workspace.state / "rehearsal")) == 1
    finally:
        Rehearsal(workspace).reset()


def test_a_second_start_finds_the_first(aws: Aws) -> None:
    pid = aws.rehearsal.status().pid
    assert aws.rehearsal.start() == aws.url
    assert aws.rehearsal.status().pid == pid


def test_nothing_listens_on_an_address_that_others_can_reach(aws: Aws) -> None:
    import psutil

    [server] = find_background(state(aws))
    addresses = {item.laddr.ip for item in psutil.Process(server.pid).net_connections() if item.status == "LISTEN"}
    assert addresses == {"127.0.0.1"}


def test_what_it_keeps_can_be_read_and_written_by_its_owner_only(aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket="kept")
    wait_for((state(aws) / "aws.pickle").exists, True)
    assert (state(aws) / "aws.pickle").stat().st_mode & 0o777 == 0o600
    assert state(aws).stat().st_mode & 0o777 == 0o700


def test_it_comes_back_after_a_crash_with_what_it_had_saved(aws: Aws) -> None:
    aws.client("ssm").put_parameter(Name="/yolops/mode", Value="studio", Type="String")
    wait_for(lambda: b"/yolops/mode" in (state(aws) / "aws.pickle").read_bytes(), True)
    [server] = find_background(state(aws))
    os.kill(server.pid, 9)
    aws.rehearsal.start()
    assert aws.client("ssm").get_parameters_by_path(Path="/yolops/")["Parameters"][0]["Value"] == "studio"


def test_what_somebody_else_may_have_written_is_not_read(tmp_path: Path) -> None:
    from yolops.rehearsal import snapshot

    file = tmp_path / "aws.pickle"
    snapshot.load(file)  # nothing was saved yet
    snapshot.save(file)
    snapshot.load(file)
    file.chmod(0o606)
    with pytest.raises(YolopsError, match="others could have written it"):
        snapshot.load(file)
    file.chmod(0o600)
    file.write_bytes(pickle.dumps(("moto 1.0 on Python 2.7", {})))
    with pytest.raises(YolopsError, match=r"written by moto 1\.0") as caught:
        snapshot.load(file)
    assert caught.value.hint == "yolops rehearsal reset"
    file.write_bytes(b"this is no snapshot")
    with pytest.raises(YolopsError, match="cannot be read"):
        snapshot.load(file)


def test_a_reset_leaves_no_process_and_no_file(aws: Aws) -> None:
    assert aws.rehearsal.reset()
    assert find_background(state(aws)) == []
    assert not state(aws).exists()
    assert not aws.rehearsal.status().running
    assert not aws.rehearsal.reset()


def test_an_untouched_workspace_has_nothing_to_end_and_stays_untouched(workspace: Workspace) -> None:
    rehearsal = Rehearsal(workspace)
    assert (rehearsal.stop(), rehearsal.reset(), rehearsal.status().running) == (False, False, False)
    assert list(workspace.root.iterdir()) == []


def test_nothing_of_a_real_account_is_left_in_the_environment() -> None:
    url = "http://127.0.0.1:4570"
    real = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/admin",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere",
        "AWS_REGION": "eu-west-1",
        "NO_PROXY": "intern",
        "PATH": "/bin",
    }
    enter(real, url)
    assert {name: value for name, value in real.items() if name.startswith(("AWS", "SAGEMAKER", "MLFLOW"))} == (
        environment(url, "eu-west-1")
    )
    assert real["NO_PROXY"] == "intern,127.0.0.0/8,127.0.0.1,localhost"
    assert real["PATH"] == "/bin"


def test_many_requests_at_once_lose_nothing(tmp_path: Path) -> None:
    from yolops.rehearsal.turns import Turns

    turns, inside, seen = Turns(), [0], []

    def request() -> None:
        for _ in range(200):
            with turns.request():
                inside[0] += 1
                inside[0] -= 1

    threads = [threading.Thread(target=request) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        with turns.alone():
            seen.append(turns._requests)
    for thread in threads:
        thread.join()
    assert set(seen) == {0}
