"""The journal reaches CloudWatch whole and in order, whatever CloudWatch does meanwhile."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolops_server.journal import MOST_BYTES, MOST_EVENTS, Line, batches, measure, parse, pulse, ship
from yolops_server.settings import Settings

SETTINGS = Settings("cells", "r", 1, 9, (), "s", "d", "m", "u", "b", "x", "l")


def entry(**fields: object) -> str:
    about = {"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1700000000123456", "_SYSTEMD_UNIT": "mlflow.service"}
    return json.dumps({**about, **fields})


def test_a_line_says_which_service_wrote_it_and_when() -> None:
    assert parse(entry(MESSAGE="started")) == Line(1700000000123, "mlflow: started", "s=1")


def test_bytes_that_are_no_text_are_shipped_and_lines_that_say_nothing_are_not() -> None:
    line = parse(entry(MESSAGE=[255, 97]))
    assert line is not None
    assert line.message == "mlflow: \ufffda"
    assert parse(entry(MESSAGE=None)) is None


@given(st.lists(st.integers(0, 400_000), max_size=40))
def test_every_batch_is_one_that_cloudwatch_takes_and_no_line_is_missing(sizes: list[int]) -> None:
    lines = [Line(number, "x" * size) for number, size in enumerate(sizes)]
    found = list(batches(lines))
    assert [line for group in found for line in group] == lines
    assert all(sum(line.size for line in group) <= MOST_BYTES and len(group) <= MOST_EVENTS for group in found)


def test_many_short_lines_go_in_batches_of_as_many_as_may_go_at_once() -> None:
    found = list(batches(Line(0, "x") for _ in range(MOST_EVENTS + 1)))
    assert [len(group) for group in found] == [MOST_EVENTS, 1]


def test_what_cloudwatch_refuses_is_sent_again_and_the_cursor_waits(capsys: pytest.CaptureFixture[str]) -> None:
    refusals, sent, kept, pauses = [OSError("throttled")] * 2, [], [], []

    def put(group: list[Line]) -> None:
        assert kept == []
        if refusals:
            raise refusals.pop()
        sent.extend(group)

    lines = [Line(2, "second", "b"), Line(1, "first", "a")]
    ship(lines, put, kept.append, lambda: pauses.append(1))

    assert [line.message for line in sent] == ["first", "second"]
    assert kept == ["a"]
    assert len(pauses) == 2
    assert "throttled" in capsys.readouterr().err


def test_a_full_disk_ends_no_shipping_and_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    sent: list[Line] = []

    def keep(_: str) -> None:
        raise OSError("No space left on device")

    ship([Line(1, "first", "a")], sent.extend, keep, lambda: None)
    assert [line.message for line in sent] == ["first"]
    assert "No space left on device" in capsys.readouterr().err


def test_the_pulse_is_a_line_that_cloudwatch_turns_into_metrics() -> None:
    said = json.loads(pulse(SETTINGS, "i-1", 5, measure(SETTINGS)).message)
    [metrics] = said["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "cells"
    assert metrics["Dimensions"] == [["InstanceId"], []]
    names = [metric["Name"] for metric in metrics["Metrics"]]
    assert names == ["disk_used_percent", "memory_used_percent", "healthy"]
    assert all(isinstance(said[name], float) for name in names)
    assert said["InstanceId"] == "i-1"
    assert said["healthy"] == 0  # nothing listens there
