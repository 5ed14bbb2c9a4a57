"""The lock of a state is taken from an owner who is dead, and from nobody else: on disk, and in a simulated bucket."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.platform.conftest import REGION
from tests.platform.tiny_terraform import tiny
from yolops.aws import Aws
from yolops.errors import YolopsError
from yolops.platform.recovery import Recovery
from yolops.platform.remote_state import backend, ensure_bucket
from yolops.platform.state_lock import NOTE, STATE, take_over
from yolops.platform.terraform import Terraform

HERE = f"root@{socket.gethostname()}"
HOLD = """
import fcntl, sys, time
stream = open(sys.argv[1], "r+b")
fcntl.lockf(stream, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def note(who: str) -> str:
    return json.dumps({"ID": "1f2e", "Who": who, "Created": "2026-11-23T17:00:00Z", "Operation": "apply"})


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    return tiny(tmp_path)


def test_without_a_lock_there_is_nothing_to_take(terraform: Terraform) -> None:
    assert take_over(terraform) is None


def test_the_note_of_an_owner_who_is_dead_is_removed(terraform: Terraform) -> None:
    (terraform.directory / STATE).write_text("{}")
    (terraform.directory / NOTE).write_text(note(HERE))
    lock = take_over(terraform)
    assert lock is not None
    assert (lock.id, lock.who) == ("1f2e", HERE)
    assert not (terraform.directory / NOTE).exists()


def test_an_owner_who_lives_keeps_the_lock(terraform: Terraform) -> None:
    state = terraform.directory / STATE
    state.write_text("{}")
    (terraform.directory / NOTE).write_text(note(HERE))
    with subprocess.Popen([sys.executable, "-c", HOLD, str(state)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        with pytest.raises(YolopsError, match=r"is locked by .* who is at work"):
            take_over(terraform)
        owner.kill()
    assert (terraform.directory / NOTE).exists()


def test_a_terraform_that_somebody_started_by_hand_is_left_alone(terraform: Terraform) -> None:
    terraform.init()
    by_hand = subprocess.Popen(
        [terraform._binary, "apply", "-auto-approve", "-var=seconds=30"],
        cwd=terraform.directory,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not (terraform.directory / "begun").exists():
            time.sleep(0.05)
        recovery = Recovery(terraform, Aws(REGION), "cells", say=lambda _: None)
        with pytest.raises(YolopsError, match=rf"Terraform is at work here \(process {by_hand.pid}\)"):
            recovery.take_over()
        assert by_hand.poll() is None
    finally:
        by_hand.send_signal(signal.SIGINT)
        by_hand.wait()


@pytest.fixture
def remote(tmp_path: Path, simulated_aws: dict[str, str]) -> Terraform:
    """A configuration whose state is in a bucket, applied once."""
    aws = Aws(REGION)
    ensure_bucket(aws, "states")
    (tmp_path / "backend.tf").write_text(backend("states", "cells", REGION))
    terraform = tiny(tmp_path)
    terraform.init()
    terraform.plan()
    terraform.apply(lambda _: None)
    return terraform


def test_a_state_in_a_bucket_is_locked_unlocked_and_taken_over(remote: Terraform) -> None:
    aws = Aws(REGION)
    lock = {"Bucket": "states", "Key": "cells/terraform.tfstate.tflock"}
    assert take_over(remote) is None
    aws.call("s3", "put_object", **lock, Body=note("jane@another-machine").encode())
    with pytest.raises(YolopsError, match="is locked by jane@another-machine") as caught:
        take_over(remote)
    assert "terraform force-unlock 1f2e" in caught.value.hint
    aws.call("s3", "put_object", **lock, Body=note(HERE).encode())
    with pytest.raises(YolopsError, match="Error acquiring the state lock"):
        remote.plan()
    taken = take_over(remote)
    assert taken is not None
    assert taken.who == HERE
    remote.plan()


def test_the_bucket_of_states_is_private_keeps_versions_and_is_made_once(simulated_aws: dict[str, str]) -> None:
    aws = Aws(REGION)
    assert ensure_bucket(aws, "other-states")
    assert not ensure_bucket(aws, "other-states")
    closed = aws.call("s3", "get_public_access_block", Bucket="other-states")["PublicAccessBlockConfiguration"]
    assert all(closed.values())
    assert aws.call("s3", "get_bucket_versioning", Bucket="other-states")["Status"] == "Enabled"
    aws.call("s3", "put_bucket_versioning", Bucket="other-states", VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(YolopsError, match="keeps no versions"):
        ensure_bucket(aws, "other-states")
