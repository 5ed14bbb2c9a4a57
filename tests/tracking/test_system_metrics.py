from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.tracking.fakes import FakeTracking
from yolops.tracking.batches import MAX_METRICS
from yolops.tracking.system_metrics import SystemSampler

STARTED_MS = 10_000


class FakeMonitor:
    """Counts its samples; fails while told to."""

    def __init__(self, name: str = "cpu", *, width: int = 1) -> None:
        self._names = [f"{name}_{index}" for index in range(width)] if width > 1 else [name]
        self._sampled = 0
        self._taken: list[int] = []
        self.is_broken = False

    def collect_metrics(self) -> None:
        if self.is_broken:
            raise RuntimeError("the driver has gone away")
        self._sampled += 1
        self._taken.append(self._sampled)

    def aggregate_metrics(self) -> Mapping[str, float]:
        return {name: sum(self._taken) / len(self._taken) for name in self._names}

    def clear_metrics(self) -> None:
        self._taken.clear()


class Clock:
    """Five seconds pass between two looks."""

    def __init__(self) -> None:
        self.now = STARTED_MS / 1000

    def __call__(self) -> float:
        self.now += 5.0
        return self.now


def _sampler(server: FakeTracking, *monitors: FakeMonitor) -> SystemSampler:
    return SystemSampler(server, "run-1", STARTED_MS, list(monitors), Clock())


def test_a_sample_is_a_point_of_mlflows_system_metrics_at_the_seconds_since_the_start() -> None:
    server = FakeTracking()
    sampler = _sampler(server, FakeMonitor("cpu_utilization_percentage"))
    sampler.sample()
    sampler.sample()
    assert server.series("system/cpu_utilization_percentage") == [(5, 1.0), (10, 2.0)]
    assert {time for _, _, time, _ in server.points} == {15_000, 20_000}


def test_while_the_server_is_away_points_are_kept_and_sent_later_in_order() -> None:
    server = FakeTracking()
    sampler = _sampler(server, FakeMonitor())
    server.is_away = lambda call: call <= 3
    for _ in range(3):
        with pytest.raises(ConnectionError):
            sampler.sample()
    assert server.points == set()
    sampler.sample()
    assert server.series("system/cpu") == [(5, 1.0), (10, 2.0), (15, 3.0), (20, 4.0)]


def test_an_answer_that_got_lost_makes_no_second_point() -> None:
    server = FakeTracking()
    sampler = _sampler(server, FakeMonitor())
    server.loses_answer = lambda call: call == 1
    with pytest.raises(ConnectionError):
        sampler.sample()
    sampler.sample()
    assert server.series("system/cpu") == [(5, 1.0), (10, 2.0)]


def test_after_a_long_outage_points_are_sent_in_calls_that_the_server_takes() -> None:
    server = FakeTracking()
    sampler = _sampler(server, FakeMonitor(width=MAX_METRICS // 2))
    server.is_away = lambda call: call <= 4
    for _ in range(4):
        with pytest.raises(ConnectionError):
            sampler.sample()
    sampler.sample()
    assert server.calls == 4 + 3
    assert len(server.points) == 5 * (MAX_METRICS // 2)


def test_a_part_of_the_machine_that_cannot_be_read_any_more_does_not_silence_the_others() -> None:
    server = FakeTracking()
    gpu = FakeMonitor("gpu")
    sampler = _sampler(server, FakeMonitor("cpu"), gpu, FakeMonitor("disk"))
    sampler.sample()
    gpu.is_broken = True
    sampler.sample()
    assert server.series("system/gpu") == [(5, 1.0)]
    assert server.series("system/cpu") == server.series("system/disk") == [(5, 1.0), (10, 2.0)]


def test_the_last_sample_is_taken_when_it_is_stopped() -> None:
    server = FakeTracking()
    sampler = _sampler(server, FakeMonitor())
    sampler.start()
    sampler.stop()
    assert server.series("system/cpu")[-1][0] >= 5
    taken = len(server.points)
    sampler.stop()
    assert len(server.points) == taken, "stopping twice changes nothing"


def test_one_that_was_never_started_can_be_stopped() -> None:
    _sampler(FakeTracking(), FakeMonitor()).stop()
