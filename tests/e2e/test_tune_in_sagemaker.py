"""`yolops tune --on sagemaker` typed on a platform in studio mode: looked at, searched, left, and come back to."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.rehearsal import Rehearsed
from tests.e2e.studio_with_data import studio

pytestmark = pytest.mark.timeout(1500)
TINY = ("--model", "micro.yaml", "--epochs", "15", "--imgsz", "32", "--batch", "8", "--device", "cpu", "plots=False")
SPACE = ("--space", "lr0=1e-3..1e-1:log", "--space", "close_mosaic=0..5:int", "--space", "optimizer=SGD|AdamW")
TUNE = ("tune", "shapes/data.yaml", "--on", "sagemaker", "--trials", "2", *TINY, *SPACE)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Rehearsed]:
    with studio(tmp_path_factory.mktemp("aws"), provider) as rehearsed:
        yield rehearsed


def searches(platform: Rehearsed) -> list[Any]:
    client = platform.client("sagemaker")
    return list(client.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"])


def trial_with_a_checkpoint(platform: Rehearsed, search: str) -> str:
    """Wait until a trial has a checkpoint in S3, below the name of its own job, and return that name."""
    asked = {"Bucket": platform.outputs()["bucket_name"], "Prefix": f"jobs/{search}/checkpoints/"}
    store, end = platform.client("s3"), time.monotonic() + 300
    while time.monotonic() < end:
        for item in store.list_objects_v2(**asked).get("Contents", []):
            return str(item["Key"]).split("/")[3]
        time.sleep(0.1)
    raise AssertionError("no checkpoint came")


def test_a_dry_run_shows_the_search_and_what_all_of_it_costs_at_most_and_starts_nothing(platform: Rehearsed) -> None:
    planned = platform.json(*TUNE, "--spot", "--max-run", "3600", "--dry-run")
    checks = {check["check"]: (check["verdict"], check["found"]) for check in planned["checks"]}
    assert {verdict for verdict, _ in checks.values()} == {"ok"}, checks
    assert checks["price"][1].startswith("0.736 USD an hour, 1.47 USD at most in 2 jobs of 1 h")
    limits = planned["create_hyper_parameter_tuning_job"]["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits == {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1}
    assert (searches(platform), platform.json("runs", "list")) == ([], [])


def test_what_sagemaker_would_refuse_costs_nothing(platform: Rehearsed) -> None:
    assert "and 2 jobs would run side by side" in platform(*TUNE, "--parallel", "2", code=1)
    assert "there are only 2 trials" in platform(*TUNE, "--parallel", "3", code=2)
    assert "--spot: is about jobs in SageMaker" in platform("tune", "shapes", "--spot", code=2)
    assert "there is no search in SageMaker yet" in platform("tune", "--on", "sagemaker", "--resume", "last", code=1)
    assert (searches(platform), platform.json("runs", "list")) == ([], [])


def test_a_search_that_is_left_and_interrupted_goes_on_and_whoever_comes_back_finds_all_of_it(
    platform: Rehearsed,
) -> None:
    following = platform.start(*TUNE, "--spot", "--name", "warm")
    assert following.stderr is not None
    said = ""
    for line in following.stderr:
        said += line
        if line.startswith("search "):
            break
    following.send_signal(signal.SIGINT)
    _, rest = following.communicate(timeout=60)
    assert following.returncode == 130
    [search] = searches(platform)
    name = search["HyperParameterTuningJobName"]
    assert f"follow it: yolops --rehearsal tune --on sagemaker --resume {name}" in said + rest

    interrupted = trial_with_a_checkpoint(platform, name)
    platform.yolops.ok("rehearsal", "interrupt", interrupted)
    found = platform.json("tune", "--on", "sagemaker", "--resume", name)
    assert [(trial["number"], trial["state"]) for trial in found["trials"]] == [(1, "complete"), (2, "complete")]
    parent = platform.json("runs", "show", found["run_id"])
    assert (parent["name"], parent["status"]) == ("warm", "FINISHED")
    assert parent["params"]["space/lr0"] == "1e-3..1e-1:log"
    assert parent["tags"]["yolops.best_trial"] == str(found["best"]["number"])
    for trial in found["trials"]:
        run = platform.json("runs", "show", trial["run_id"])
        assert (run["name"], run["status"]) == (trial["job"], "FINISHED")
        assert run["tags"]["mlflow.parentRunId"] == found["run_id"]
        assert run["tags"]["yolops.job.status"] == "Completed"
        assert {key: run["params"][key] for key in trial["arguments"]} == {
            key: str(value) for key, value in trial["arguments"].items()
        }
        assert run["metrics"]["best/mAP50-95"] == pytest.approx(trial["value"], abs=1e-6)
    assert found["cost_usd"] > 0
    assert platform.json("jobs", "show", interrupted)["interruptions"] == 1
    assert "going on behind epoch" in platform("jobs", "logs", interrupted)

    again = platform.json("tune", "--on", "sagemaker", "--resume", "last")
    assert again == found
    assert len(platform.json("runs", "list", "--experiment", "shapes")) == 3
    words = shlex.split(found["train"])
    assert {f"--lr0={found['best']['arguments']['lr0']}", "--model=micro.yaml", "--imgsz=32"} <= set(words)
    assert words[words.index("train") + 1] == str(platform.root / "shapes" / "data.yaml")
    assert "has ended already" in platform("jobs", "stop", name)
    assert platform.unimplemented() == []
