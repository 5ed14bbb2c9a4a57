from __future__ import annotations

import math

from yolops.tracking.run_logger import MAX_PARAM_LENGTH, VALUES_PER_RECORD, RunEnd, RunLogger
from yolops.tracking.spool import Spool


def _records(spool: Spool) -> list[dict[str, object]]:
    return [record for _, record in spool.read(0, most=10_000)]


def test_a_point_carries_the_time_at_which_it_was_said(spool: Spool) -> None:
    RunLogger(spool, clock=lambda: 12.345).metrics({"loss": 1.0}, step=3)
    assert _records(spool)[0] == {"kind": "metrics", "time": 12345, "values": {"loss": 1.0}, "step": 3}


def test_many_settings_are_divided_so_that_each_record_fits_into_one_call(spool: Spool) -> None:
    RunLogger(spool).params({f"p{number}": number for number in range(VALUES_PER_RECORD * 2 + 1)})
    assert [len(record["values"]) for record in _records(spool)] == [VALUES_PER_RECORD, VALUES_PER_RECORD, 1]  # type: ignore[arg-type]


def test_a_setting_too_long_for_the_server_is_cut(spool: Spool) -> None:
    RunLogger(spool).params({"p": "x" * 10_000})
    assert len(_records(spool)[0]["values"]["p"]) == MAX_PARAM_LENGTH  # type: ignore[index]


def test_a_loss_that_is_not_a_number_is_kept_as_such(spool: Spool) -> None:
    RunLogger(spool).metrics({"loss": math.nan, "other": math.inf}, step=1)
    values = _records(spool)[0]["values"]
    assert math.isnan(values["loss"])  # type: ignore[index]
    assert values["other"] == math.inf  # type: ignore[index]


def test_the_end_is_the_last_record(spool: Spool) -> None:
    logger = RunLogger(spool)
    logger.tags({"a": "b"})
    logger.end(RunEnd.KILLED)
    assert _records(spool)[-1]["status"] == "KILLED"


def test_a_step_counted_from_nought_is_kept_too(spool: Spool) -> None:
    RunLogger(spool).metrics({"loss": 1.0}, step=0)
    assert [record["step"] for record in _records(spool)] == [0]
