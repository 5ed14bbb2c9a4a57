"""Ctrl-C, kill, a server that goes away: what is left says what happened, and nothing is missing."""

from __future__ import annotations

import os
import signal
import socket
from statistics import median
from typing import Any

import psutil

from tests.e2e.conftest import QUICK, Yolops, eventually
from yolops.tracking.rest import MlflowRest
from yolops.tracking.runs import RunSummary, find_run
from yolops.tracking.spool import Spool


def _rest(yolops: Yolops) -> MlflowRest:
    return MlflowRest(yolops.ok("status", "--json").json["url"])


def _ended(rest: MlflowRest, name: str) -> RunSummary:
    """Wait until the sender has said how the run ended."""

    def ended() -> RunSummary | None:
        try:
            run = find_run(rest, name)
        except Exception:  # noqa: BLE001 - the run may not be there yet
            return None
        return run if run.status != "RUNNING" else None

    run = eventually(ended, seconds=60)
    assert run is not None, f"{name} never ended"
    return run


def _steps(rest: MlflowRest, run: RunSummary, metric: str = "metrics/mAP50_B") -> list[int]:
    points = rest.get("metrics/get-history", run_id=run.run_id, metric_key=metric)["metrics"]
    return [int(point["step"]) for point in points]


def test_ctrl_c_leaves_a_run_that_says_so_and_resume_finishes_it(yolops: Yolops) -> None:
    version = yolops.ok("dataset", "push", "shapes", "--json").json["version"]
    stopped = yolops.interrupt_after(
        2, signal.SIGINT, "train", "shapes@", *QUICK, "--epochs", "5", "--name", "stopped", "--seed", "1"
    )
    assert stopped.code == 130, stopped.err
    assert "yolops train --resume stopped" in stopped.err
    assert "Traceback" not in stopped.err
    rest = _rest(yolops)
    run = _ended(rest, "stopped")
    assert run.status == "KILLED"
    assert "stopped after" in run.tags["yolops.error"]

    resumed = yolops.ok("train", "--resume", "stopped", "--json").json
    run = find_run(rest, "stopped")
    assert (resumed["run_id"], run.status) == (run.run_id, "FINISHED")
    assert _steps(rest, run) == [1, 2, 3, 4, 5]
    assert not run.tags["yolops.error"]
    assert run.experiment == "shapes"
    [listed] = yolops.ok("dataset", "list", "shapes", "--json").json
    assert (listed["version"], listed["runs"]) == (version, ["stopped"]), "a version that was named is the run's own"

    again = yolops("train", "--resume", "stopped")
    assert again.code == 1
    assert "finished" in again.err
    run = find_run(rest, "stopped")
    assert (run.status, run.tags["yolops.epochs"]) == ("FINISHED", "5"), "a refused resume leaves the run as it was"


def test_a_terminated_training_ends_like_an_interrupted_one(yolops: Yolops) -> None:
    stopped = yolops.interrupt_after(
        1, signal.SIGTERM, "train", "shapes", *QUICK, "--epochs", "9", "--name", "terminated"
    )
    assert stopped.code == 143, stopped.err
    assert _ended(_rest(yolops), "terminated").status == "KILLED"


def test_a_killed_training_leaves_a_run_that_says_so_with_its_checkpoint(yolops: Yolops) -> None:
    yolops.interrupt_after(2, signal.SIGKILL, "train", "shapes", *QUICK, "--epochs", "50", "--name", "killed")
    rest = _rest(yolops)
    run = _ended(rest, "killed")
    assert run.status == "FAILED"
    assert "killed" in run.tags["yolops.error"]
    kept = {item["path"] for item in rest.get("artifacts/list", run_id=run.run_id, path="weights")["files"]}
    assert "weights/last.pt" in kept
    assert _steps(rest, run)[:2] == [1, 2]


def test_two_processes_cannot_train_into_one_run(yolops: Yolops) -> None:
    first = yolops.start("train", "shapes", *QUICK, "--epochs", "200", "--name", "busy")
    try:
        last = yolops.root / "runs/busy/weights/last.pt"
        assert eventually(last.exists, seconds=60)
        second = yolops("train", "--resume", "busy")
        assert second.code == 1
        assert "is being trained right now" in second.err
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)


def test_two_trainings_at_once_are_two_runs(yolops: Yolops) -> None:
    train = ("train", "shapes", *QUICK, "--epochs", "1", "--name", "twin", "--json")
    processes = [yolops.start(*train) for _ in range(2)]
    results = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    runs = yolops.ok("runs", "list", "--json").json
    assert {"twin", "twin-2"} <= {run["name"] for run in runs}


def test_a_server_killed_in_mid_training_misses_no_epoch_and_holds_nothing_up(yolops: Yolops) -> None:
    epochs, outage, server = 80, range(4, 13), yolops.server_pid()
    training = yolops.start("train", "shapes", *QUICK, "--epochs", str(epochs), "--name", "outage", "--json")
    assert training.stderr is not None
    times: list[float] = []
    for line in training.stderr:
        if line.startswith("epoch"):
            times.append(float(line.split()[-2]))
        if line.startswith(f"epoch {outage.start - 1:2}/"):
            _kill_family(server)
        if line.startswith(f"epoch {outage.stop - 1:2}/"):
            # These epochs came while nobody answered. The training goes on, and what it says waits in the pipe.
            yolops.ok("up")
        if len(times) == epochs:
            break
    _, err = training.communicate(timeout=120)
    assert training.returncode == 0, err
    rest = _rest(yolops)
    run = find_run(rest, "outage")
    assert run.status == "FINISHED"
    for metric in ("metrics/mAP50_B", "train/box_loss", "lr/pg0"):
        assert _steps(rest, run, metric) == list(range(1, epochs + 1))
    # Half of them, since on a busy machine any one may take long.
    assert median(times[epoch - 1] for epoch in outage) < max(times[1:3]) + 2.0, f"epochs took {times}"


def test_a_training_without_a_server_at_its_end_is_kept_and_sent_later(yolops: Yolops) -> None:
    server = yolops.server_pid()
    training = yolops.start("train", "shapes", *QUICK, "--epochs", "60", "--name", "kept")
    spool = Spool(yolops.root / "runs/kept/spool")
    assert eventually(lambda: spool.progress().last_step >= 1, seconds=60), "MLflow has heard of an epoch"
    _kill_family(server)
    _, err = training.communicate(timeout=200)
    assert training.returncode == 1
    assert "yolops runs sync" in err
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        elsewhere = free.getsockname()[1]
    yolops.ok("up", "--port", str(elsewhere))
    sent: dict[str, Any] = yolops.ok("runs", "sync", "--json").json
    assert sent["delivered"]
    rest = _rest(yolops)
    run = find_run(rest, "kept")
    assert run.status == "FINISHED"
    assert _steps(rest, run) == list(range(1, 61))


def _kill_family(pid: int) -> None:
    server = psutil.Process(pid)
    for process in [*server.children(recursive=True), server]:
        os.kill(process.pid, signal.SIGKILL)
