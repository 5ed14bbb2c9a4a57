from __future__ import annotations

import os
from pathlib import Path

import psutil

from yolops.platform.access import Access
from yolops.running_processes import ProcessIdentity
from yolops.tracking.spool import Progress, RunIntent, Spool
from yolops.training.sending import model_of, send_what_waits, wait_until_delivered

NOBODY = ProcessIdentity(0, 0.0)
MOVED = Access("http://127.0.0.1:10")


def _spool(directory: Path) -> Spool:
    return Spool.create(directory, RunIntent("id", "http://127.0.0.1:9", "cells", "first", 0))


def test_a_run_that_is_delivered_is_not_waited_for(tmp_path: Path) -> None:
    spool = _spool(tmp_path / "spool")
    spool.save_progress(Progress(ended=True))
    assert wait_until_delivered(spool, NOBODY, MOVED, lambda trouble: None)
    assert send_what_waits([spool], MOVED) == []


def test_a_run_that_is_being_trained_has_its_own_sender(tmp_path: Path) -> None:
    spool = _spool(tmp_path / "spool")
    spool.set_owner(ProcessIdentity(os.getpid(), psutil.Process().create_time()))
    assert send_what_waits([spool], MOVED) == []
    assert spool.intent().tracking_uri == MOVED.tracking_uri, "and that one goes on at the new address"


def test_a_training_that_was_killed_before_it_had_a_spool_is_in_nobodys_way(tmp_path: Path) -> None:
    assert send_what_waits([Spool(tmp_path / "runs" / "first" / "spool")], MOVED) == []


def test_what_became_of_the_model_is_known_once_it_was_made() -> None:
    assert model_of(Progress()) == {}
    results = {"model": {"model_id": "m-1"}, "registration": {"version": "3"}}
    assert model_of(Progress(results=results)) == {"model_id": "m-1", "version": "3"}
