"""Whatever breaks while trainings write: each write that was acknowledged is there once, and nothing is invented."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.faults.client import API
from tests.faults.deployment import DATABASE_PATIENCE_S, Deployment
from tests.faults.faults import FAULTS
from tests.faults.history import Outcome
from tests.faults.readers import patiently
from tests.faults.schedule import Event, Result, Schedule, draw, run

pytestmark = pytest.mark.timeout(900)
# A handful, or as many as `make faults` says.
SCHEDULES = int(os.environ.get("YOLOPS_SCHEDULES", "5"))
TRAININGS = 24
SEED = os.environ.get("YOLOPS_SEED") or str(random.SystemRandom().randrange(10**6))


def possible(deployment: Deployment) -> list[str]:
    """Return the faults that can happen here."""
    return [name for name in FAULTS if name != "disk full" or deployment.uploads is not None]


def whole(deployment: Deployment, schedule: Schedule) -> Result:
    """Run a schedule and make sure that nothing was lost, doubled or invented."""
    print(f"{schedule}; again: YOLOPS_SEED={SEED} YOLOPS_SCHEDULES={SCHEDULES}, and this test alone")
    result = run(deployment, schedule)
    print(result)
    assert result.wrong == []
    assert result.refusals == [], "the sender would not send these again"
    assert result.history.count(Outcome.ACKNOWLEDGED) > 0
    return result


def once(deployment: Deployment, name: str, uploads: int = 3) -> Result:
    """Have one fault happen in the middle of a load."""
    if name not in possible(deployment):
        pytest.skip("only root may mount the small file system that is filled")
    result = whole(deployment, Schedule(f"{SEED}-{name}", 3.0, (Event(0.7, name, 1.5),), uploads))
    assert result.effects[name] > 0
    return result


def test_nothing_is_lost_when_the_server_is_killed(deployment: Deployment) -> None:
    before = deployment.server.starts
    result = once(deployment, "server killed")
    assert deployment.server.starts > before
    assert result.history.count(Outcome.UNKNOWN) + result.history.count(Outcome.REFUSED) > 0


def test_nothing_is_lost_when_the_database_is_killed(deployment: Deployment) -> None:
    before = deployment.database.starts
    result = once(deployment, "database killed")
    assert deployment.database.starts == before + 1
    assert result.history.count(Outcome.FAILED) > 0


def test_nothing_is_lost_when_server_and_database_stand_still(deployment: Deployment) -> None:
    assert once(deployment, "both paused").effects["both paused"] >= 2


def test_nothing_is_lost_when_connections_are_reset(deployment: Deployment) -> None:
    result = once(deployment, "connections reset")
    assert result.history.count(Outcome.UNKNOWN) + result.history.count(Outcome.FAILED) > 0


def test_nothing_is_lost_when_the_database_is_out_of_reach(deployment: Deployment) -> None:
    result = once(deployment, "database out of reach")
    assert result.history.count(Outcome.UNKNOWN) + result.history.count(Outcome.FAILED) > 0


def test_nobody_waits_for_ever_for_a_database_out_of_reach(deployment: Deployment) -> None:
    client = deployment.client(60.0)
    deployment.back.hold()
    began = time.monotonic()
    try:
        reply = client.get(f"{API}/experiments/get?experiment_id=0")
    finally:
        deployment.back.let_through()
        client.close()
    assert reply.outcome is Outcome.FAILED
    # The connection that is tried first is lost, and so is a new one.
    assert time.monotonic() - began < 4 * DATABASE_PATIENCE_S
    deployment.settle()


def test_nothing_is_lost_when_s3_refuses_a_third_of_the_requests(deployment: Deployment) -> None:
    assert once(deployment, "S3 answers 503", uploads=20).history.count(Outcome.ACKNOWLEDGED, "file") > 0


def test_nothing_is_lost_when_the_password_of_the_database_is_rotated(deployment: Deployment) -> None:
    once(deployment, "password rotated")


def test_nothing_is_lost_when_the_disk_is_full_during_an_upload(deployment: Deployment) -> None:
    result = once(deployment, "disk full", uploads=20)
    assert result.history.count(Outcome.FAILED, "file") > 0
    assert result.history.count(Outcome.FAILED, "metric") == 0


def test_more_trainings_than_there_are_connections_do_not_wait_for_each_other(deployment: Deployment) -> None:
    reader = deployment.client()
    values = {"experiment_id": "0", "run_name": "shared"}
    run_id = patiently(partial(reader.post, "runs/create", **values)).json["run"]["info"]["run_id"]
    reader.close()
    together = threading.Barrier(TRAININGS)

    def write(number: int) -> list[int]:
        client, said = deployment.client(120.0), []
        together.wait(60)
        for step in range(3):
            points = [{"key": f"loss-{number}", "value": step, "timestamp": step, "step": step}]
            params = [{"key": f"param-{number}-{step}", "value": "1"}]
            said.append(client.post("runs/log-batch", run_id=run_id, metrics=points, params=params).status)
        client.close()
        return said

    with ThreadPoolExecutor(TRAININGS) as pool:
        assert list(pool.map(write, range(TRAININGS))) == [[200] * 3] * TRAININGS


def test_a_database_that_forgets_what_it_acknowledged_is_found_out(deployment: Deployment) -> None:
    deployment.query("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
    schedule = Schedule(f"{SEED}-forgets", 3.0, (Event(2.0, "database killed", 0.2),), 3)
    assert {line.partition(":")[0] for line in run(deployment, schedule).wrong} >= {"lost"}
    assert deployment.query("SELECT @@innodb_flush_log_at_trx_commit") == ["1"], "it was started again as it was"


@pytest.mark.parametrize("number", range(SCHEDULES))
def test_nothing_is_lost_whatever_happens_at_any_time(deployment: Deployment, number: int) -> None:
    whole(deployment, draw(f"{SEED}-{number}", possible(deployment)))
