"""The faults. Each has a real effect for some seconds, undoes it, and returns how much it did."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.faults.deployment import DATABASE, DATABASE_PATIENCE_S, Deployment
from tests.faults.programs import wait_until
from tests.server.conftest import SECRET

PATIENCE_S = 120.0
# What S3 answers with 503.
SHARE = 1 / 3

Effect = Callable[[Deployment, float, random.Random], int]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        effect: has it happen for some seconds and returns how much happened.
        parts: what it needs for itself: faults with a part in common come one after the other.
        weight: how often it is drawn; a server needs many seconds to start again.
    """

    effect: Effect
    parts: tuple[str, ...]
    weight: int = 4


def kill_server(deployment: Deployment, seconds: float, drawn: random.Random) -> int:
    """Kill the server, which is started again after some seconds."""
    return deployment.server.kill(seconds)


def kill_database(deployment: Deployment, seconds: float, drawn: random.Random) -> int:
    """Kill the database, which is started again after some seconds."""
    killed = deployment.database.kill(seconds)
    wait_until(deployment.database_answers, PATIENCE_S)
    return killed


def pause_both(deployment: Deployment, seconds: float, drawn: random.Random) -> int:
    """Stop server and database, one a moment after the other, and let them go on in any order."""
    programs = [deployment.server, deployment.database]
    drawn.shuffle(programs)
    stopped = 0
    try:
        for program in programs:
            stopped += program.pause()
            time.sleep(drawn.uniform(0, 0.1))
        time.sleep(seconds)
    finally:
        drawn.shuffle(programs)
        for program in programs:
            program.resume()
            time.sleep(drawn.uniform(0, 0.1))
    return stopped


def reset_connections(deployment: Deployment, seconds: float, drawn: random.Random) -> int:
    """Reset connections again and again, those of people or those to the database."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        count += drawn.choice((deployment.front, deployment.back)).reset()
        time.sleep(drawn.uniform(0.02, 0.5))
    return count


def lose_database(deployment: Deployment, seconds: float, drawn: random.Random) -> int:
    """Let nothing through between server and database, for longer than the server waits for an answer."""
    held = deployment.back.hold()
    try:
        time.sleep(DATABASE_PATIENCE_S + seconds)
    finally:
        deployment.back.let_through()
    return held


def refuse_files(deployment: Deployment, seconds: float, drawn: random.Random) -> int:
    """Have S3 answer 503 to a third of the requests."""
    before = deployment.storage.refused
    deployment.storage.share = SHARE
    time.sleep(seconds)
    deployment.storage.share = 0.0
    return deployment.storage.refused - before


def rotate_password(deployment: Deployment, seconds: float, drawn: random.Random) -> int:
    """Change the password of the database and the secret, one some time after the other, then end its connections."""
    new = f"password-{drawn.randrange(10**12)}"
    old = deployment.password
    steps = [lambda: _change_database(deployment, new), lambda: _change_secret(deployment, new)]
    drawn.shuffle(steps)
    steps[0]()
    time.sleep(seconds / 2)
    steps[1]()
    deployment.password = new
    listed = deployment.query("SELECT id FROM information_schema.processlist WHERE user = 'mlflow'")
    for number in listed:
        with suppress(subprocess.CalledProcessError):  # it has ended by itself
            deployment.query(f"KILL {number}")
    time.sleep(seconds / 2)
    assert not deployment.logs_in(old), "the former password still counts"
    return len(listed)


def _change_database(deployment: Deployment, password: str) -> None:
    deployment.aws.client("rds").modify_db_instance(DBInstanceIdentifier=DATABASE, MasterUserPassword=password)
    wait_until(lambda: deployment.logs_in(password), PATIENCE_S)


def _change_secret(deployment: Deployment, password: str) -> None:
    values = json.dumps(SECRET | {"password": password})
    deployment.aws.client("secretsmanager").put_secret_value(SecretId=deployment.secret, SecretString=values)


def fill_disk(deployment: Deployment, seconds: float, drawn: random.Random) -> int:
    """Fill the file system that uploads pass through; return how many bytes that took."""
    assert deployment.uploads is not None
    filling, written = deployment.uploads / "filling", 0
    until = time.monotonic() + seconds
    try:
        with filling.open("wb", buffering=0) as stream:
            # An upload that was under way gives its space back when it ends: that is taken too.
            while time.monotonic() < until:
                with suppress(OSError):
                    while True:
                        written += stream.write(bytes(4096))
                time.sleep(0.005)
    finally:
        filling.unlink(missing_ok=True)
    return written


FAULTS = {
    "server killed": Fault(kill_server, ("server",), 1),
    "database killed": Fault(kill_database, ("database",)),
    "both paused": Fault(pause_both, ("server", "database")),
    "connections reset": Fault(reset_connections, ("connections",)),
    "database out of reach": Fault(lose_database, ("connections", "database")),
    "S3 answers 503": Fault(refuse_files, ("storage",)),
    "password rotated": Fault(rotate_password, ("database",)),
    "disk full": Fault(fill_disk, ("disk",)),
}
