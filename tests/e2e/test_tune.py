"""`yolops tune` with real trainings and a real MLflow, killed in the middle."""

from __future__ import annotations

import shlex
import signal
from typing import Any

from tests.e2e.conftest import Yolops
from yolops.tracking.rest import MlflowRest

TUNE = [
    *("tune", "shapes", "--model", "micro.yaml", "--epochs", "3", "--imgsz", "32", "--batch", "8", "--device", "cpu"),
    *("plots=False", "--space", "lr0=1e-3..1e-1:log", "--space", "mosaic=0..1", "--space", "optimizer=SGD|AdamW"),
]


def _children(rest: MlflowRest, parent: str) -> list[dict[str, Any]]:
    experiment = rest.get("runs/get", run_id=parent)["run"]["info"]["experiment_id"]
    wanted = f"tags.`mlflow.parentRunId` = '{parent}'"
    return list(rest.post("runs/search", experiment_ids=[experiment], filter=wanted, max_results=100)["runs"])


def _tags(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def _steps(rest: MlflowRest, run_id: str, metric: str) -> list[int]:
    points = rest.get("metrics/get-history", run_id=run_id, metric_key=metric)["metrics"]
    return [int(point["step"]) for point in points]


def test_a_search_that_is_killed_goes_on_counts_each_trial_once_and_says_what_to_train(yolops: Yolops) -> None:
    process = yolops.start(*TUNE, "--trials", "3")
    assert process.stderr is not None
    epochs = 0
    for line in process.stderr:
        epochs += line.startswith("epoch")
        if epochs == 5:  # in the second trial, whose first epochs have a checkpoint
            process.send_signal(signal.SIGKILL)
            break
    process.communicate(timeout=60)
    interrupted = yolops.interrupt_after(3, signal.SIGINT, "tune", "--resume", "last")
    assert interrupted.code == 130, interrupted.err
    assert "yolops tune --resume tune" in interrupted.err

    done = yolops.ok("tune", "--resume", "tune", "--json").json
    assert [(trial["number"], trial["state"]) for trial in done["trials"]] == [(n, "complete") for n in (1, 2, 3)]
    rest = MlflowRest(yolops.ok("status", "--json").json["url"])
    children = _children(rest, done["run_id"])
    assert sorted(run["info"]["run_name"] for run in children) == ["tune-1", "tune-2", "tune-3"]
    for run in children:
        assert run["info"]["status"] == "FINISHED"
        assert not _tags(run)["yolops.error"]
        assert _steps(rest, run["info"]["run_id"], "metrics/mAP50-95_B") == [1, 2, 3]

    parent = rest.get("runs/get", run_id=done["run_id"])["run"]
    assert parent["info"]["status"] == "FINISHED"
    tags, best = _tags(parent), done["best"]
    assert tags["yolops.best_trial"] == str(best["number"])
    assert tags["best/lr0"] == str(best["arguments"]["lr0"])
    [best_run] = [run for run in children if run["info"]["run_id"] == tags["yolops.best_run"]]
    measured = {metric["key"]: metric["value"] for metric in best_run["data"]["metrics"]}
    assert measured["best/mAP50-95"] == best["value"]
    assert _steps(rest, done["run_id"], "trial/mAP50-95") == [1, 2, 3]
    kept = {item["path"] for item in rest.get("artifacts/list", run_id=done["run_id"])["files"]}
    assert {"trials.csv", "best.yaml"} <= kept

    words = shlex.split(done["train"])
    again = yolops.ok(*words[words.index("train") :], "--epochs=1", "--name", "again", "--json").json
    found = rest.get("runs/get", run_id=again["run_id"])["run"]["data"]["params"]
    params = {one["key"]: one["value"] for one in found}
    drawn = {name: str(value) for name, value in best["arguments"].items()}
    assert {name: params[name] for name in drawn} == drawn
    assert (params["model"], params["plots"], params["imgsz"]) == ("micro.yaml", "False", "32")


def test_a_wrong_word_is_refused_before_the_dataset_is_read(yolops: Yolops) -> None:
    for words, says in (
        (["--metric", "loss"], "--metric loss: is not measured"),
        (["--epoks", "3"], "--epoks is no argument"),
        (["--space", "lr0=0..1", "--lr0", "0.1"], "--lr0: is varied, and has one value"),
    ):
        refused = yolops("tune", "not/there", *words)
        assert (refused.code, says in refused.err) == (2, True), refused.err


def test_what_would_make_a_search_another_one_is_refused_beside_resume(yolops: Yolops) -> None:
    for words in (["--space", "lr0=0..1"], ["--metric", "mAP50"], ["--epochs", "9"]):
        refused = yolops("tune", "--resume", "last", *words)
        assert refused.code == 2
        assert "goes on as it began" in refused.err
    assert "which dataset?" in yolops("tune").err
    wrong = yolops("tune", "shapes", "--model", "micro.yaml", "--space", "close_mosaic=0..10", timeout=60)
    assert (wrong.code, "close_mosaic" in wrong.err) == (2, True), wrong.err
