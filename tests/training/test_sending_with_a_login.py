"""The sender's own process against a real MLflow with logins and TLS: what is refused waits, and nothing is lost."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import psutil

from tests.certificates import signed
from tests.secure_mlflow import ADMIN, SecureMlflow
from yolops.platform.access import Access, Credentials
from yolops.platform.trust import Trust
from yolops.running_processes import ProcessIdentity, stop
from yolops.tracking.run_logger import RunEnd, RunLogger
from yolops.tracking.spool import RunIntent, Spool
from yolops.training.sending import send_what_waits, wait_until_delivered

WRONG = Credentials(ADMIN.username, "a canary of a password")
FIVE = [float(number) for number in range(5)]


def ended(directory: Path, uri: str, name: str) -> Spool:
    """A run that has ended, with five points and a file, and whose training is gone."""
    directory.mkdir(exist_ok=True)
    spool = Spool.create(directory / "spool", RunIntent(name, uri, "cells", name, int(time.time() * 1000)))
    logger = RunLogger(spool)
    for step, value in enumerate(FIVE):
        logger.metrics({"loss": value}, step=step)
    plot = directory / "plot.png"
    plot.write_bytes(b"png")
    logger.file(plot, "plots")
    logger.end(RunEnd.FINISHED)
    return spool


def points(mlflow: SecureMlflow, spool: Spool) -> list[float]:
    run: dict[str, Any] = mlflow.rest().get("runs/get", run_id=spool.progress().run_id)["run"]
    assert run["info"]["status"] == "FINISHED"
    history = mlflow.rest().get("metrics/get-history", run_id=run["info"]["run_id"], metric_key="loss")
    return [float(point["value"]) for point in history["metrics"]]


def sent(spool: Spool, access: Access) -> tuple[bool, list[str]]:
    """Send a run; return whether all of it arrived, and what a person was told."""
    told: list[str] = []
    [(_, sender)] = send_what_waits([spool], access)
    arrived = wait_until_delivered(spool, sender, access, told.append)
    stop(sender, 5)
    return arrived, told


def shown_of(sender: ProcessIdentity) -> tuple[list[str], list[str]]:
    """Return what the system shows of a process: its arguments, and the values of its environment."""
    process = psutil.Process(sender.pid)
    deadline = time.monotonic() + 30
    while not (environment := process.environ()):  # for a moment, a program that begins has neither
        assert time.monotonic() < deadline
    words = process.cmdline()
    assert "yolops" in " ".join(words)
    return words, list(environment.values())


def test_a_run_whose_login_is_refused_waits_and_arrives_with_the_right_one(
    mlflow: SecureMlflow, tmp_path: Path
) -> None:
    spool = ended(tmp_path, mlflow.uri, "first")
    arrived, told = sent(spool, mlflow.access(WRONG))
    assert (arrived, told) == (False, ["MLflow does not let you in (401): the name, password or token is wrong"])
    assert "canary" not in "".join(path.read_text() for path in spool.directory.iterdir())

    arrived, _ = sent(spool, mlflow.access())
    assert arrived, spool.log_file.read_text()
    assert points(mlflow, spool) == FIVE
    assert spool.progress().rejected == 0
    assert ADMIN.password not in spool.log_file.read_text()


def test_a_run_that_somebody_may_not_log_waits_for_the_permission(mlflow: SecureMlflow, tmp_path: Path) -> None:
    root = mlflow.rest()
    root.post("users/create", username="ana", password="the password of ana")
    if not root.post("experiments/search", max_results=10, filter="name = 'cells'").get("experiments"):
        root.post("experiments/create", name="cells")
    ana = mlflow.access(Credentials("ana", "the password of ana"))
    spool = ended(tmp_path, mlflow.uri, "of ana")
    arrived, told = sent(spool, ana)
    assert arrived is False
    assert "does not let you do this (403)" in told[0]
    experiment = root.get("experiments/get-by-name", experiment_name="cells")["experiment"]["experiment_id"]
    permission = {"username": "ana", "resource_type": "experiment", "permission": "EDIT"}
    root.post("/api/3.0/mlflow/users/permissions/grant", **permission, resource_id=experiment)
    assert sent(spool, ana)[0], spool.log_file.read_text()
    assert points(mlflow, spool) == FIVE


def test_a_certificate_that_is_not_believed_is_said_and_a_new_root_in_its_file_helps(
    mlflow: SecureMlflow, tmp_path: Path
) -> None:
    kept = tmp_path / "trusted.pem"
    shutil.copy(signed(tmp_path / "other").root, kept)
    spool = ended(tmp_path, mlflow.uri, "third")
    access = Access(mlflow.uri, ADMIN, Trust(kept))
    arrived, told = sent(spool, access)
    assert (arrived, told) == (False, ["the certificate of the server is not trusted"])
    shutil.copy(mlflow.files.root, kept)
    assert sent(spool, access)[0], spool.log_file.read_text()
    assert points(mlflow, spool) == FIVE


def test_a_login_stands_in_the_environment_alone_and_goes_to_no_other_server(
    mlflow: SecureMlflow, tmp_path: Path
) -> None:
    elsewhere = Access("https://mlflow.example", ADMIN, Trust(mlflow.files.root))
    for name, access, knows in (("own", mlflow.access(), True), ("other", elsewhere, False)):
        spool = ended(tmp_path / name, mlflow.uri, name)
        [(_, sender)] = send_what_waits([spool], access)
        words, values = shown_of(sender)
        stop(sender, 0)
        assert (ADMIN.password in values, ADMIN.password in " ".join(words)) == (knows, False)
