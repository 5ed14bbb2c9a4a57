"""Every check there is, in the order in which people read them, by what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yolops.diagnosis import local_server, machine, packages

if TYPE_CHECKING:
    from yolops.diagnosis.check import Check

GROUPS: tuple[tuple[str, tuple[Check[Any], ...]], ...] = (
    ("In every mode", (*packages.CHECKS, *machine.CHECKS)),
    ("In local mode", local_server.CHECKS),
)
