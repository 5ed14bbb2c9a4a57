from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracking.conftest import World
from tests.tracking.fakes import FakeTracking
from yolops.tracking.run_logger import DatasetInput, RunEnd, RunLogger
from yolops.tracking.sender import LOGIN_PATIENCE_S, Sender, Surroundings
from yolops.tracking.spool import RunIntent, Spool
from yolops.tracking.tracking_server import NotLetIn


def _train(spool: Spool, epochs: int, *, end: RunEnd | None = RunEnd.FINISHED) -> None:
    logger = RunLogger(spool, clock=lambda: 7.0)
    logger.params({"epochs": epochs})
    for epoch in range(1, epochs + 1):
        logger.metrics({"metrics/mAP50(B)": epoch / 10, "train/loss": -epoch}, step=epoch)
    if end:
        logger.end(end)


def test_everything_a_training_said_arrives_and_the_run_says_how_it_ended(
    spool: Spool, world: World, tmp_path: Path
) -> None:
    weights = tmp_path / "best.pt"
    weights.write_bytes(b"w")
    logger = RunLogger(spool)
    logger.tags({"who": "me"})
    logger.dataset(DatasetInput("cells", "abc", "/d", {}, {}), "training")
    logger.metrics({"metrics/mAP50(B)": 0.5}, step=1)
    logger.file(weights, "weights")
    logger.summary({"best/mAP50": 0.5})
    logger.end(RunEnd.FINISHED)
    server = FakeTracking()
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.series("metrics/mAP50_B") == [(1, 0.5)]
    assert server.series("best/mAP50") == [(0, 0.5)]
    assert (server.tags["who"], server.datasets, server.files) == ("me", ["abc"], ["weights/best.pt"])
    assert server.statuses == ["FINISHED"]
    assert spool.is_delivered()


def test_a_server_that_is_away_for_a_while_misses_nothing(spool: Spool, world: World) -> None:
    _train(spool, 50)
    server = FakeTracking()
    server.is_away = lambda call: 2 <= call <= 12
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.series("train/loss") == [(epoch, -epoch) for epoch in range(1, 51)]
    assert max(world.slept) <= 5.0, "it looks again at least every five seconds"


def test_an_answer_that_got_lost_makes_no_second_run_and_no_second_point(spool: Spool, world: World) -> None:
    _train(spool, 20)
    server = FakeTracking()
    server.loses_answer = lambda call: call in {1, 2, 4}
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert len(server.runs) == 1
    assert server.series("train/loss") == [(epoch, -epoch) for epoch in range(1, 21)]


def test_one_setting_that_the_server_refuses_costs_only_itself(spool: Spool, world: World) -> None:
    logger = RunLogger(spool)
    logger.params({"good": 1})
    logger.params({"bad": 2})
    logger.metrics({"loss": 1.0}, step=1)
    logger.end(RunEnd.FINISHED)
    server = FakeTracking()
    server.refuses = lambda name: name == "bad"
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.params == {"good": "1"}
    assert server.series("loss") == [(1, 1.0)]
    assert spool.progress().rejected == 1
    assert "bad is not welcome" in spool.rejected_file.read_text()


def test_two_writers_that_meet_in_the_database_cost_nothing(spool: Spool, world: World) -> None:
    _train(spool, 3)
    server = FakeTracking()
    server.doubts = lambda call: call in {2, 3}
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.series("train/loss") == [(1, -1), (2, -2), (3, -3)]
    assert spool.progress().rejected == 0


def test_a_file_that_is_gone_does_not_hold_up_the_rest(spool: Spool, world: World, tmp_path: Path) -> None:
    logger = RunLogger(spool)
    logger.file(tmp_path / "gone.png", "plots")
    logger.end(RunEnd.FINISHED)
    server = FakeTracking()
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.statuses == ["FINISHED"]
    assert spool.progress().rejected == 1


def test_a_training_that_is_killed_leaves_a_run_that_says_so_with_its_checkpoint(
    spool: Spool, world: World, tmp_path: Path
) -> None:
    last = tmp_path / "last.pt"
    last.write_bytes(b"w")
    RunLogger(spool).keep_if_killed([last, tmp_path / "best.pt"], "weights")
    _train(spool, 3, end=None)
    world.owner_lives = False
    server = FakeTracking()
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.series("train/loss") == [(1, -1), (2, -2), (3, -3)]
    assert server.statuses == ["FAILED"]
    assert "killed" in server.tags["yolops.error"]
    assert server.files == ["weights/last.pt"]


def test_what_a_training_says_just_before_it_ends_is_not_taken_for_a_kill(spool: Spool, world: World) -> None:
    def ends_while_the_sender_sleeps() -> Iterator[None]:
        _train(spool, 2)
        world.owner_lives = False
        yield

    world.on_sleep = ends_while_the_sender_sleeps()
    server = FakeTracking()
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.statuses == ["FINISHED"]


def test_a_resumed_training_goes_on_in_the_same_run_and_repeats_no_epoch(spool: Spool, world: World) -> None:
    _train(spool, 3, end=RunEnd.KILLED)
    server = FakeTracking()
    assert Sender(spool, server, {}, world.surroundings()).run()
    logger = RunLogger(spool)
    logger.resumed()
    for epoch in (3, 4, 5):
        logger.metrics({"train/loss": -epoch * 100}, step=epoch)
    logger.end(RunEnd.FINISHED)
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert len(server.runs) == 1
    assert server.series("train/loss") == [(1, -1), (2, -2), (3, -3), (4, -400), (5, -500)]
    assert server.statuses == ["KILLED", "RUNNING", "FINISHED"]


ADOPTED = RunIntent("id-2", "http://127.0.0.1:1", "cells", "first", 1_000, run_id="made-before")


def test_a_run_that_somebody_else_has_created_is_gone_on_with(tmp_path: Path, world: World) -> None:
    spool = Spool.create(tmp_path / "adopted", ADOPTED)
    _train(spool, 2)
    server = FakeTracking()
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert (server.runs, spool.progress().run_id) == ({"id-2": "made-before"}, "made-before")


def test_an_epoch_that_another_machine_has_said_already_is_not_said_twice(tmp_path: Path, world: World) -> None:
    server = FakeTracking()
    first = Spool.create(tmp_path / "first", ADOPTED)
    _train(first, 3, end=None)
    world.owner_lives = False
    Sender(first, server, {}, world.surroundings()).run()
    again = Spool.create(tmp_path / "second", ADOPTED)
    logger = RunLogger(again, clock=lambda: 8.0)  # the same epochs, at another time
    for epoch in range(2, 6):
        logger.metrics({"metrics/mAP50(B)": epoch / 10, "train/loss": -epoch, "new": 1.0}, step=epoch)
    logger.end(RunEnd.FINISHED)
    assert Sender(again, server, {}, world.surroundings()).run()
    assert server.series("train/loss") == [(epoch, -epoch) for epoch in range(1, 6)]
    assert server.series("new") == [(epoch, 1.0) for epoch in range(2, 6)], "of each metric what is missing of it"


def test_when_the_server_stays_away_the_run_is_kept_and_a_later_sender_brings_it(spool: Spool, world: World) -> None:
    _train(spool, 5)
    world.owner_lives = False
    server = FakeTracking()
    server.is_away = lambda _: True
    assert not Sender(spool, server, {}, world.surroundings(patience_s=60)).run()
    assert not spool.is_delivered()
    assert (spool.progress().trouble, spool.progress().gave_up) == ("no answer", True)
    server.is_away = lambda _: False
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.series("train/loss") == [(epoch, -epoch) for epoch in range(1, 6)]
    assert (spool.progress().trouble, spool.progress().gave_up) == ("", False)


def test_a_sender_whose_server_has_moved_has_not_given_up(spool: Spool, world: World) -> None:
    _train(spool, 5)
    server = FakeTracking()
    server.is_away = lambda _: True
    moved = replace(world.surroundings(), server_has_moved=lambda: True)
    assert not Sender(spool, server, {}, moved).run()
    assert spool.progress().gave_up is False, "whoever waits for it starts another one"


def test_a_login_that_is_refused_is_waited_for_during_a_training_and_hardly_after_it(
    spool: Spool, world: World
) -> None:
    class Closed(FakeTracking):
        def create_run(self, intent: RunIntent) -> tuple[str, str]:
            raise NotLetIn("not let in (401)")

    def training() -> Iterator[None]:
        while world.now < 2_000:
            yield
        world.owner_lives = False

    _train(spool, 5)
    world.on_sleep = training()
    assert not Sender(spool, Closed(), {}, world.surroundings(patience_s=600)).run()
    assert 1_000 < sum(world.slept) < 1_000 + 2 * LOGIN_PATIENCE_S
    assert (spool.progress().trouble, spool.progress().offset) == ("not let in (401)", 0)
    server = FakeTracking()
    assert Sender(spool, server, {}, world.surroundings()).run()
    assert server.series("train/loss") == [(epoch, -epoch) for epoch in range(1, 6)]


def test_a_handler_does_what_only_it_knows_and_its_result_is_kept(spool: Spool, world: World) -> None:
    logger = RunLogger(spool)
    logger.request("model", {"name": "cells"})
    logger.request("unheard-of", {})
    logger.end(RunEnd.FINISHED)
    server = FakeTracking()
    made = {"model": lambda experiment, run, record: {"version": f"{record['name']}-{experiment}-{run}"}}
    assert Sender(spool, server, made, world.surroundings()).run()
    assert spool.progress().results["model"] == {"version": "cells-1-run-1"}
    assert "unheard-of" in spool.rejected_file.read_text()


class _Died(BaseException):
    """A sender that is killed."""


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), epochs=st.integers(1, 30))
def test_whatever_dies_and_whenever_the_series_is_complete_and_counts_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory, seed: int, epochs: int
) -> None:
    chance = random.Random(seed)
    spool = Spool.create(tmp_path_factory.mktemp("run") / "spool", RunIntent("id", "u", "e", "r", 0))
    _train(spool, epochs)
    server = FakeTracking()
    server.is_away = lambda _: chance.random() < 0.3
    server.loses_answer = lambda _: chance.random() < 0.2

    def sleep(_seconds: float) -> None:
        if chance.random() < 0.3:
            raise _Died

    delivered = False
    for _ in range(200):
        try:
            delivered = Sender(spool, server, {}, Surroundings(lambda: True, sleep)).run()
        except _Died:
            continue
        break
    assert delivered
    assert len(server.runs) == 1
    assert server.series("train/loss") == [(epoch, -epoch) for epoch in range(1, epochs + 1)]
    assert set(server.statuses) == {"FINISHED"}
