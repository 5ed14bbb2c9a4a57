"""Backups of a platform in custom mode, which its server makes and restores: asked for through REST.

They are no part of MLflow; the routes are those of `terraform/modules/custom/server/yolops_server/backup_routes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yolops.errors import YolopsError
from yolops.findings import counted
from yolops.tracking.rest import NotFoundError, search_all
from yolops.tracking.runs import experiment_names
from yolops.tracking.server_work import wait_for_end

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yolops.tracking.rest import MlflowRest

BACKUPS = "/api/2.0/yolops/backups"
EXPERIMENTS_AT_ONCE = 100


@dataclass(frozen=True)
class Counts:
    """How much there is in MLflow, deleted things that can still be restored among it."""

    experiments: int
    runs: int
    models: int

    def covers(self, other: Counts) -> bool:
        """Whether there is at least as much of each here."""
        return self.experiments >= other.experiments and self.runs >= other.runs and self.models >= other.models

    def __str__(self) -> str:
        words = ((self.experiments, "experiment"), (self.runs, "run"), (self.models, "model"))
        return ", ".join(counted(number, word) for number, word in words)


@dataclass(frozen=True)
class Backup:
    """One backup.

    Attributes:
        id: its ID.
        state: running, done, failed or interrupted.
        whole: whether it can be restored.
        made: when, as ISO 8601 in UTC; empty until it is whole.
        why: what it was made for.
        mlflow: the version of MLflow that it is of.
        counts: how much it holds; None until it is whole.
        database_bytes: how large it is, compressed.
        artifacts: how many artifacts it names.
        artifact_bytes: how large those are.
        restores: the ID of the backup that is restored, if this is of what was there before.
        phase: what is being done.
        error: why it failed.
        result: how many artifacts a restore made current again, and how many the bucket had no more.
    """

    id: str
    state: str
    whole: bool
    made: str = ""
    why: str = ""
    mlflow: str = ""
    counts: Counts | None = None
    database_bytes: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0
    restores: str = ""
    phase: str = ""
    error: str = ""
    result: Mapping[str, int] | None = None


def list_backups(rest: MlflowRest) -> list[Backup]:
    """Return the backups, the newest first, also those that failed.

    Raises:
        YolopsError: the server has none of them, or we are no administrator.
    """
    try:
        return [_backup(item) for item in rest.get(BACKUPS)["backups"]]
    except NotFoundError as error:
        raise YolopsError(
            f"{rest.base}: this MLflow makes no backups",
            "a platform in custom mode does; one that was made before yolops had backups: yolops up",
        ) from error


def find_backup(rest: MlflowRest, which: str) -> Backup:
    """Return one backup.

    Raises:
        NotFoundError: there is no such backup.
    """
    for backup in list_backups(rest):
        if backup.id == which:
            return backup
    raise NotFoundError(f"there is no backup {which!r}", "see what there is: yolops backup list")


def begin_backup(rest: MlflowRest) -> str:
    """Have the server begin a backup; return its ID.

    Raises:
        YolopsError: another one is under way, or we are no administrator.
    """
    return str(rest.post(BACKUPS)["id"])


def begin_restore(rest: MlflowRest, backup: str) -> str:
    """Have the server begin to restore a backup; return the ID of the one that it makes of what is there.

    Raises:
        YolopsError: another one is under way, or we are no administrator.
    """
    return str(rest.post(f"{BACKUPS}/{backup}/restore")["id"])


def remove_backup(rest: MlflowRest, backup: str) -> None:
    """Have the server forget a backup."""
    rest.send("DELETE", f"{BACKUPS}/{backup}")


def follow(rest: MlflowRest, backup: str, say: Callable[[str], object]) -> Backup:
    """Wait until a backup is made, or what it is made for is restored; `say` is told what is being done.

    Raises:
        YolopsError: it failed, or the server does not answer any more.
    """
    found = wait_for_end(lambda: _backup(rest.get(f"{BACKUPS}/{backup}")), say)
    if found.state != "done":
        raise YolopsError(
            f"{backup} {found.state}: {found.error or 'the server was stopped meanwhile'}",
            "nothing is lost: the next backup finishes what was begun: yolops backup create",
        )
    return found


def count(rest: MlflowRest) -> Counts:
    """Return how much there is, as whoever asks sees it."""
    experiments = list(experiment_names(rest, deleted=True))
    runs = 0
    for start in range(0, len(experiments), EXPERIMENTS_AT_ONCE):
        some = experiments[start : start + EXPERIMENTS_AT_ONCE]
        runs += sum(1 for _ in search_all(rest.post, "runs/search", experiment_ids=some, run_view_type="ALL"))
    # MLflow keeps prompts among its models, and shows them only when it is asked for them.
    models = sum(
        1
        for asked in ({}, {"filter": "tags.`mlflow.prompt.is_prompt` = 'true'"})
        for _ in search_all(rest.get, "registered-models/search", **asked)
    )
    return Counts(len(experiments), runs, models)


def _backup(said: Mapping[str, Any]) -> Backup:
    plain = {name: said[name] for name in Backup.__dataclass_fields__ if name in said}
    counts = Counts(said["experiments"], said["runs"], said["models"]) if said["whole"] else None
    return Backup(**{**plain, "counts": counts})
