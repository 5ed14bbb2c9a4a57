"""Every check there is, in the order in which people read them, by what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yolops.diagnosis import account, custom, custom_database, local_server, machine, mlflow_server, packages, studio

if TYPE_CHECKING:
    from yolops.diagnosis.check import Check

GROUPS: tuple[tuple[str, tuple[Check[Any], ...]], ...] = (
    ("In every mode", (*packages.CHECKS, *machine.CHECKS)),
    ("In local mode", local_server.CHECKS),
    ("In both modes in AWS", account.CHECKS),
    ("Of MLflow itself, in AWS and elsewhere", mlflow_server.CHECKS),
    ("In custom mode", (*custom.CHECKS, *custom_database.CHECKS)),
    ("In studio mode", studio.CHECKS),
)
