"""An upgrade migrates what is there, and killed anywhere it leaves a server that serves all of it."""

from __future__ import annotations

import os
import signal
import urllib.error
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import Engine

from tests.server.mlflow_versions import Running
from tests.server.upgradable import ADA, ADMIN, BESIDE, NEW, UPGRADE, Platform, seen, upgradable, write
from yolops_server.prepare import REFUSED
from yolops_server.table_swap import run

pytestmark = pytest.mark.timeout(1200)
# One of the tables that only the newer version has.
MADE = "sql_trace_metric_daily_rollups"
# What the way of an upgrade is decided by; everything else works on copies.
DECIDES = ("RENAME", "REPLACE INTO `mlflow_upgrade`", "DELETE FROM `mlflow_upgrade`", "DROP TRIGGER", "CREATE TRIGGER")
KILLS = int(os.environ.get("YOLOPS_KILLS", "6"))


@pytest.fixture(scope="module")
def platform(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with upgradable(engine, tmp_path_factory.mktemp("upgrade")) as made:
        yield made


@pytest.fixture(autouse=True)
def _anew(platform: Platform) -> None:
    platform.reset()


def test_a_server_that_a_test_has_left_is_none_of_the_next_ones_business(platform: Platform) -> None:
    left, killed = platform.serving(platform.old), platform.old.start(kill_at=1)
    assert not killed.serves()
    again = platform.serving(platform.old)
    platform.reset()
    assert killed.ended == -signal.SIGKILL
    assert None not in {left.ended, again.ended}
    assert len({left.pid, killed.pid, again.pid}) == 3


def test_nothing_is_migrated_that_was_not_ordered(platform: Platform) -> None:
    server = platform.new.start()
    assert not server.serves()
    assert server.end() == REFUSED
    assert "is of another MLflow" in platform.new.log()
    assert platform.held() == platform.content
    server = platform.serving(platform.old)
    assert seen(server) == platform.seen
    server.end()


def test_an_upgrade_that_was_ordered_migrates_what_is_there(platform: Platform) -> None:
    platform.order()
    server = platform.serving(platform.old)
    write(server, "after the order")
    server.end()

    server = platform.serving(platform.new)
    now = seen(server)
    assert now.pop("experiments") == ["Default", "after the order", "cells"]
    assert now == {name: value for name, value in platform.seen.items() if name != "experiments"}
    assert server.ask(UPGRADE, login=ADMIN) == {"mlflow": NEW, "order": {"to": NEW, "failure": ""}}
    assert platform.beside() == BESIDE
    write(server, "after the upgrade")
    assert server.ask(UPGRADE, login=ADMIN) == {"mlflow": NEW, "order": None}
    assert platform.beside() == []
    server.end()


def test_a_migration_that_fails_gives_its_reason_and_the_old_version_serves_again(platform: Platform) -> None:
    platform.order()
    with platform.engine.connect() as connection:
        # The migration that follows makes a table of this name.
        run(connection, f"CREATE TABLE mlflow.{MADE} (id INT)")
    for _ in range(2):  # it is not tried again
        server = platform.new.start()
        assert not server.serves()
        assert server.end() == REFUSED
        assert "the upgrade failed, and the old tables come back with the next start" in platform.new.log()
        assert f"'{MADE}' already exists" in platform.new.log()
    server = platform.serving(platform.old)
    assert seen(server) == platform.seen
    assert platform.held() == platform.content
    assert platform.beside() == []
    answer = server.ask(UPGRADE, login=ADMIN)
    assert f"'{MADE}' already exists" in answer["order"]["failure"]
    assert server.ask(UPGRADE, method="DELETE", login=ADMIN)["order"] is None
    server.end()


def test_the_old_version_serves_again_what_nobody_has_written_to(platform: Platform) -> None:
    platform.order()
    server = platform.serving(platform.new)
    assert seen(server) == platform.seen
    server.end()
    server = platform.serving(platform.old)
    assert seen(server) == platform.seen
    assert platform.beside() == []
    server.end()


def test_orders_are_for_administrators_and_name_a_version(platform: Platform) -> None:
    server = platform.serving(platform.old)
    for method in ("GET", "POST", "DELETE"):
        assert refused(server, {}, method, ADA) == 403
        assert refused(server, {}, method, ("nobody", "a wrong password")) == 401
    for body in ({}, {"to": 3}, {"to": ""}):
        assert refused(server, body, "POST", ADMIN) == 400
    server.end()


def refused(server: Running, body: object, method: str, login: tuple[str, str]) -> int:
    with pytest.raises(urllib.error.HTTPError) as error:
        server.ask(UPGRADE, body, method, login)
    error.value.close()
    return error.value.code


@pytest.fixture(scope="module")
def points(platform: Platform) -> list[int]:
    """Where an upgrade is killed: before each statement that decides something, and evenly between those."""
    platform.reset()
    platform.place_order()
    server = platform.serving(platform.new)
    write(server, "the first")
    server.end()
    said = platform.new.statements()
    first = next(number for number, one in enumerate(said, 1) if one.startswith("REPLACE INTO `mlflow_upgrade`"))
    last = next(
        number
        for number, one in enumerate(said, 1)
        if "mlflow_users_former" in one and "DROP" in one and number > first + 50
    )
    decides = [number for number in range(first, last + 1) if said[number - 1].startswith(DECIDES)]
    others = [number for number in range(first, last + 1) if number not in decides]
    half = KILLS // 2
    return sorted([*_spread(decides, half), *_spread(others, KILLS - half)])


def _spread(numbers: list[int], count: int) -> list[int]:
    return [numbers[len(numbers) * each // count] for each in range(count)]


@pytest.mark.parametrize("number", range(KILLS))
def test_an_upgrade_that_is_killed_leaves_a_server_that_serves_everything(
    platform: Platform, points: list[int], number: int
) -> None:
    point = points[number]
    platform.place_order()
    killed = platform.new.start(kill_at=point)
    if killed.serves():
        with pytest.raises(OSError, match=r"(?i)remote|reset|refused"):
            write(killed, "never acknowledged")
    assert killed.end() == -signal.SIGKILL
    confirmed = any(line.startswith("DELETE FROM `mlflow_upgrade`") for line in platform.new.statements()[: point - 1])

    which = (platform.old, platform.new)[number % 2]
    server = which.start()
    if not server.serves():
        assert which is platform.old
        assert confirmed, which.log()[-3000:]
        assert server.end() == REFUSED
        server = platform.serving(platform.new)
    assert seen(server) == platform.seen
    assert platform.held() == platform.content
    write(server, "after the kill")
    assert platform.beside() == []
    now = seen(server)
    assert now.pop("experiments") == sorted([*platform.seen["experiments"], "after the kill"])
    assert now == {name: value for name, value in platform.seen.items() if name != "experiments"}
    server.end()
