from __future__ import annotations

import gc

from yolops.imports import importing


def test_what_was_imported_is_out_of_the_collectors_way_and_collecting_goes_on() -> None:
    before = gc.get_freeze_count()
    with importing():
        assert not gc.isenabled()
        loaded: list[list[int]] = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(loaded)
