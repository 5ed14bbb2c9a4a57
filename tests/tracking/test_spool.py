from __future__ import annotations

import json
from pathlib import Path

import pytest

from yolops.errors import YolopsError
from yolops.tracking.spool import MEMORY_LIMIT, Progress, RunIntent, Spool, SpoolWriter


def test_records_come_back_in_order_with_the_offset_behind_each(spool: Spool) -> None:
    writer = SpoolWriter(spool)
    for number in range(5):
        writer.append({"kind": "tags", "time": number, "values": {"n": number}})
    first = spool.read(0, most=2)
    rest = spool.read(first[-1][0], most=10)
    assert [record["time"] for _, record in first + rest] == [0, 1, 2, 3, 4]
    assert rest[-1][0] == spool.size()


def test_a_line_that_was_cut_off_by_a_crash_is_no_record_and_is_removed_by_the_next_writer(spool: Spool) -> None:
    SpoolWriter(spool).append({"kind": "tags", "time": 1})
    with spool.records_file.open("a") as file:
        file.write('{"kind": "metr')
    assert len(spool.read(0, most=10)) == 1
    SpoolWriter(spool).append({"kind": "tags", "time": 2})
    assert [record["time"] for _, record in spool.read(0, most=10)] == [1, 2]


def test_while_the_disk_refuses_records_wait_in_memory_and_are_written_later(spool: Spool) -> None:
    writer = SpoolWriter(spool)
    kept = spool.records_file.read_bytes()
    spool.records_file.unlink()
    spool.records_file.mkdir()  # a file that cannot be opened, as on a full or vanished disk
    writer.append({"kind": "tags", "time": 1})
    writer.append({"kind": "tags", "time": 2})
    spool.records_file.rmdir()
    spool.records_file.write_bytes(kept)
    writer.append({"kind": "tags", "time": 3})
    assert [record["time"] for _, record in spool.read(0, most=10)] == [1, 2, 3]


def test_a_memory_that_was_full_is_written_once_the_disk_accepts_again(spool: Spool) -> None:
    writer = SpoolWriter(spool)
    spool.records_file.unlink()
    spool.records_file.mkdir()
    for number in range(MEMORY_LIMIT + 1):
        writer.append({"kind": "tags", "time": number})
    spool.records_file.rmdir()
    spool.records_file.touch()
    writer.append({"kind": "tags", "time": -1})
    said = [record["time"] for _, record in spool.read(0, most=MEMORY_LIMIT + 2)]
    assert said == [*range(MEMORY_LIMIT), -1], "but for the one that found no room"


def test_progress_is_read_back_and_is_empty_before_the_first(spool: Spool) -> None:
    assert spool.progress() == Progress()
    spool.save_progress(Progress(offset=7, run_id="r", results={"model": {"version": "3"}}))
    assert spool.progress().results == {"model": {"version": "3"}}


def test_a_run_is_delivered_only_when_it_has_ended_and_nothing_is_left(spool: Spool) -> None:
    SpoolWriter(spool).append({"kind": "end", "time": 1})
    assert not spool.is_delivered()
    spool.save_progress(Progress(offset=spool.size()))
    assert not spool.is_delivered()
    spool.save_progress(Progress(offset=spool.size(), ended=True))
    assert spool.is_delivered()


def test_only_one_process_at_a_time_may_write(spool: Spool) -> None:
    with spool.locked("writer") as first, Spool(spool.directory).locked("writer") as second:
        assert (first, second) == (True, False)
    with spool.locked("writer") as again:
        assert again


def test_nobody_else_on_the_machine_can_read_a_spool(spool: Spool) -> None:
    assert spool.directory.stat().st_mode & 0o077 == 0


def test_a_directory_that_is_no_spool_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match="not the record of a run"):
        Spool(tmp_path).intent()


def test_a_spool_of_a_newer_yolops_is_not_touched(spool: Spool) -> None:
    (spool.directory / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(YolopsError, match="another yolops"):
        spool.intent()


def test_a_spool_cannot_be_made_where_a_file_stands_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(YolopsError, match="cannot be recorded"):
        Spool.create(tmp_path / "file" / "spool", RunIntent("i", "u", "e", "r", 0))


def test_a_damaged_record_of_progress_means_that_all_is_sent_anew(spool: Spool) -> None:
    (spool.directory / "progress.json").write_text("")
    assert spool.progress() == Progress()
