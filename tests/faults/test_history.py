"""A checker that cannot fail proves nothing: here are the histories that it must refuse, and those it must not."""

from __future__ import annotations

import pytest

from tests.faults.history import History, Outcome, stale

PLACE = ("tag", "run", "colour")


def history(*said: tuple[str, Outcome]) -> History:
    made = History()
    for value, outcome in said:
        made.end(made.begin({PLACE: value}), outcome)
    return made


def verdict(made: History, *found: str) -> list[str]:
    return [item.what for item in made.check({PLACE: found} if found else {})]


def test_what_was_acknowledged_and_is_there_once_is_right() -> None:
    assert verdict(history(("red", Outcome.ACKNOWLEDGED)), "red") == []


def test_what_was_acknowledged_and_is_gone_is_lost() -> None:
    assert verdict(history(("red", Outcome.ACKNOWLEDGED))) == ["lost"]


@pytest.mark.parametrize("outcome", [Outcome.ACKNOWLEDGED, Outcome.UNKNOWN, Outcome.FAILED])
def test_what_is_there_twice_is_doubled(outcome: Outcome) -> None:
    assert verdict(history(("red", outcome)), "red", "red") == ["doubled"]


def test_what_nobody_asked_for_is_invented() -> None:
    assert [item.what for item in History().check({PLACE: ["red"]})] == ["invented"]
    assert verdict(history(("red", Outcome.ACKNOWLEDGED)), "green") == ["invented"]
    assert verdict(history(("red", Outcome.UNKNOWN)), "re") == ["invented"]


def test_what_was_refused_must_not_be_there() -> None:
    assert verdict(history(("red", Outcome.REFUSED))) == []
    assert verdict(history(("red", Outcome.REFUSED)), "red") == ["invented"]


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.FAILED])
def test_what_may_have_worked_may_be_there_or_not(outcome: Outcome) -> None:
    assert verdict(history(("red", outcome))) == []
    assert verdict(history(("red", outcome)), "red") == []


def test_a_repeated_attempt_that_is_acknowledged_settles_the_one_whose_answer_got_lost() -> None:
    repeated = history(("red", Outcome.UNKNOWN), ("red", Outcome.ACKNOWLEDGED))
    assert verdict(repeated, "red") == []
    assert verdict(repeated) == ["lost"]
    assert verdict(repeated, "red", "red") == ["doubled"]


def test_the_last_acknowledged_value_counts_and_not_one_before_it() -> None:
    overwritten = history(("red", Outcome.ACKNOWLEDGED), ("green", Outcome.ACKNOWLEDGED))
    assert verdict(overwritten, "green") == []
    assert verdict(overwritten, "red") == ["lost"]


def test_only_an_attempt_that_nobody_answered_can_come_late() -> None:
    assert verdict(history(("red", Outcome.UNKNOWN), ("green", Outcome.ACKNOWLEDGED)), "red") == []
    assert verdict(history(("red", Outcome.FAILED), ("green", Outcome.ACKNOWLEDGED)), "red") == ["lost"]
    assert verdict(history(("green", Outcome.ACKNOWLEDGED), ("red", Outcome.FAILED)), "red") == []


def test_a_request_that_is_still_under_way_counts_as_unknown() -> None:
    made = History()
    made.begin({PLACE: "red"})
    assert made.count(Outcome.UNKNOWN, "tag") == 1
    assert verdict(made) == verdict(made, "red") == []


def test_a_violation_says_where_and_what_was_asked_for() -> None:
    wrong = history(("red", Outcome.UNKNOWN), ("red", Outcome.ACKNOWLEDGED)).check({})
    assert [str(item) for item in wrong] == [
        "lost: ('tag', 'run', 'colour') holds []; asked for: 'red' (unknown), 'red' (acknowledged)"
    ]


def test_the_latest_value_of_a_metric_is_that_of_its_last_point() -> None:
    points = {"loss": [(2, 20, 0.5), (1, 10, 0.9)]}
    assert stale(points, {"loss": 0.5}) == []
    assert stale(points, {"loss": 0.9}) == ["loss"]
    assert stale(points, {}) == ["loss"]
    assert stale({}, {"loss": 0.5}) == ["loss"]
