"""A schedule that failed must be one that can be had again."""

from __future__ import annotations

from tests.faults.faults import FAULTS
from tests.faults.schedule import LOAD_S, LONGEST_S, MOST_FAULTS, draw

SCHEDULES = [draw(f"seed-{number}", FAULTS) for number in range(500)]


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another() -> None:
    assert draw("seed-1", FAULTS) == SCHEDULES[1]
    assert len(set(SCHEDULES)) == len(SCHEDULES)


def test_every_fault_is_drawn_and_many_are_drawn_together() -> None:
    drawn = [{event.fault for event in schedule.events} for schedule in SCHEDULES]
    assert set().union(*drawn) == set(FAULTS)
    assert sum(len(names) > 1 for names in drawn) > len(drawn) / 2


def test_faults_happen_during_the_load_and_end() -> None:
    for schedule in SCHEDULES:
        assert LOAD_S[0] <= schedule.load_s <= LOAD_S[1]
        assert 1 <= len(schedule.events) <= MOST_FAULTS
        assert all(0 < event.at <= schedule.load_s and 0 < event.seconds <= LONGEST_S for event in schedule.events)
        assert [event.at for event in schedule.events] == sorted(event.at for event in schedule.events)


def test_what_cannot_happen_here_is_not_drawn() -> None:
    assert {event.fault for number in range(50) for event in draw(str(number), ["disk full"]).events} == {"disk full"}
