"""What holds of every check, in each mode."""

from __future__ import annotations

import re
from typing import Any

import pytest

from yolops.diagnosis import account, custom, custom_database, local_server, machine, mlflow_server, packages, studio
from yolops.diagnosis.catalogue import GROUPS
from yolops.diagnosis.check import Check

EVERYWHERE = (*packages.CHECKS, *machine.CHECKS)
AWS = (*EVERYWHERE, *account.CHECKS, *mlflow_server.CHECKS)
MODES: dict[str, tuple[Check[Any], ...]] = {
    "local": (*EVERYWHERE, *local_server.CHECKS),
    "custom": (*AWS, *custom.CHECKS, *custom_database.CHECKS),
    "studio": (*AWS, *studio.CHECKS),
}


@pytest.mark.parametrize("mode", MODES)
def test_each_check_has_a_name_of_its_own_and_stands_behind_what_it_needs(mode: str) -> None:
    known: list[str] = []
    for check in MODES[mode]:
        assert check.name not in known
        assert set(check.needs) <= set(known), check.name
        known.append(check.name)


def test_the_catalogue_holds_every_check_once() -> None:
    listed = [check for _, group in GROUPS for check in group]
    assert len(listed) == len(set(listed))
    assert set(listed) == {check for checks in MODES.values() for check in checks}


@pytest.mark.parametrize("check", [check for _, group in GROUPS for check in group], ids=lambda check: check.name)
def test_each_check_says_in_a_sentence_what_must_be_true(check: Check[Any]) -> None:
    assert re.fullmatch(r"[A-Z].{10,110}\.", check.about)
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+", action) for action in check.actions)
    assert 0 < check.patience_s <= 120
