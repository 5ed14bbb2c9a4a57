"""`yolops train --on sagemaker` typed on a platform in studio mode: planned, looked at, trained, followed, paid."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.rehearsal import PROJECT, Rehearsed
from tests.e2e.studio_with_data import studio

pytestmark = pytest.mark.timeout(1500)
TINY = ("--model", "micro.yaml", "--imgsz", "32", "--batch", "8", "--device", "cpu", "plots=False")
JOB = ("--on", "sagemaker", *TINY)
TRAIN = ("train", "shapes/data.yaml", *JOB)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Rehearsed]:
    with studio(tmp_path_factory.mktemp("aws"), provider) as rehearsed:
        yield rehearsed


def jobs(platform: Rehearsed) -> list[Any]:
    return list(platform.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])


def objects(platform: Rehearsed, prefix: str) -> list[str]:
    bucket = platform.outputs()["bucket_name"]
    found = platform.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [item["Key"] for item in found]


def test_a_dry_run_shows_the_job_its_price_and_every_check_and_starts_nothing(platform: Rehearsed) -> None:
    planned = platform.json(*TRAIN, "--epochs", "2", "--spot", "--dry-run")
    assert planned["job"]["environment"] == {"MLFLOW_TRACKING_URI": platform.outputs()["tracking_uri"]}
    assert planned["create_training_job"]["RoleArn"] == platform.outputs()["training_role_arn"]
    checks = {check["check"]: (check["verdict"], check["found"]) for check in planned["checks"]}
    assert {verdict for verdict, _ in checks.values()} == {"ok"}, checks
    assert checks["price"][1] == "0.736 USD an hour, 17.66 USD at most in 24 h; spot takes up to 90 % off"
    assert checks["dataset"][1] == "is pushed first"
    assert (jobs(platform), objects(platform, "jobs/"), objects(platform, "datasets/")) == ([], [], [])
    assert platform.json("runs", "list") == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ("--instance-type", "ml.g5.12xlarge", "--spot"),
            "the quota 'ml.g5.12xlarge for spot training job usage' is 0",
        ),
        (("--image", "v1"), "there is no such image"),
        (("--image", "docker.io/library/python:3"), "is no image of Amazon ECR"),
    ],
)
def test_a_job_that_would_not_work_is_not_submitted(platform: Rehearsed, arguments: tuple[str, ...], why: str) -> None:
    refused = platform(*TRAIN, *arguments, code=1)
    assert why in refused
    assert "Traceback" not in refused
    assert (jobs(platform), platform.json("runs", "list")) == ([], [])


def test_several_instances_are_refused_with_the_reason_and_options_of_jobs_without_a_job(platform: Rehearsed) -> None:
    refused = platform(*TRAIN, "--instance-count", "2", code=2)
    assert "ultralytics trains on one instance" in refused
    assert "yolops --rehearsal tune" in refused
    assert "--spot: is about a training job" in platform("train", "shapes/data.yaml", "--spot", code=2)
    beside = platform("train", "--resume", "last", "--on", "sagemaker", "--epochs", "3", code=2)
    assert "a job goes on as it began, so --epochs cannot be given" in beside


def test_a_job_trains_for_real_and_its_run_has_metrics_model_and_what_it_cost(platform: Rehearsed) -> None:
    said = platform(*TRAIN, "--epochs", "2", "--spot", "--wait", "--register-as", "cells", "--name", "tiny")
    assert "price: 0.736 USD an hour" in said
    assert "epoch 2/2" in said
    assert "model    models:/cells@candidate (version 1)" in said
    [run] = platform.json("runs", "list", "--experiment", "shapes")
    assert (run["name"], run["status"]) == ("tiny", "FINISHED")
    assert {"best/mAP50", "metrics/mAP50_B"} <= run["metrics"].keys()
    [job] = platform.json("jobs", "list")
    assert job["name"] == f"cells-tiny-{run['run_id'][:8]}"
    tags = run["tags"]
    assert (tags["yolops.job.status"], tags["yolops.job.arn"]) == ("Completed", job["arn"])
    assert tags["yolops.job.instance_type"] == "ml.g4dn.xlarge"
    assert tags["yolops.job.billed_seconds"] == str(job["billed_seconds"])
    assert float(tags["yolops.job.spot_saving"]) > 0.5
    assert float(tags["yolops.job.cost_usd"]) == pytest.approx(job["billed_seconds"] / 3600 * 0.736, abs=1e-4)
    assert job["name"] in tags["yolops.job.log"]
    assert [model["name"] for model in platform.json("models", "list")] == ["cells"]
    tagged = platform.client("sagemaker").list_tags(ResourceArn=job["arn"])["Tags"]
    assert {"Key": "Project", "Value": PROJECT} in tagged


def test_a_version_in_the_bucket_is_trained_on_without_the_dataset_here_and_must_be_whole(platform: Rehearsed) -> None:
    [version] = [one["version"] for one in platform.json("dataset", "list", "shapes")]
    (platform.root / "shapes").rename(platform.root / "away")
    refused = platform("train", "shapes@00000000", *JOB, code=1)
    assert "there is no version '00000000'" in refused
    assert version[:12] in refused
    assert "dataset list" in platform("train", "cats", *JOB, code=1)
    bucket = platform.outputs()["bucket_name"]
    planned = platform.json("train", f"s3://{bucket}/datasets/shapes@{version[:8]}", *JOB, "--dry-run")
    assert planned["job"]["request"]["version"] == version
    assert {check["check"]: check["found"] for check in planned["checks"]}["dataset"] == f"shapes@{version[:12]}"
    [pack] = objects(platform, "datasets/shapes/.yolops/packs/")
    kept = platform.client("s3").get_object(Bucket=bucket, Key=pack)["Body"].read()
    platform.client("s3").delete_object(Bucket=bucket, Key=pack)
    assert "shapes@" + version[:12] + ": has lost objects" in platform("train", "shapes", *JOB, code=1)
    platform.client("s3").put_object(Bucket=bucket, Key=pack, Body=kept)


def test_ctrl_c_leaves_a_followed_job_running_and_its_facts_come_when_it_is_shown(platform: Rehearsed) -> None:
    following = platform.start("train", "shapes", *JOB, "--epochs", "1", "--name", "later", "--wait")
    assert following.stderr is not None
    said = ""
    for line in following.stderr:
        said += line
        if line.startswith("job: "):
            break
    following.send_signal(signal.SIGINT)
    _, rest = following.communicate(timeout=60)
    assert following.returncode == 130
    [name] = [job["name"] for job in platform.json("jobs", "list") if "later" in job["name"]]
    assert f"the job goes on; follow it: yolops --rehearsal jobs logs --follow {name}" in said + rest
    assert f"stop it: yolops --rehearsal jobs stop {name}" in said + rest
    platform("jobs", "logs", "--follow", name)
    shown = platform.json("jobs", "show", name)
    run = platform.json("runs", "show", shown["run_id"])
    assert (shown["status"], run["status"]) == ("Completed", "FINISHED")
    assert run["tags"]["yolops.job.cost_usd"] == str(shown["cost_usd"])
    [listed] = platform.json("dataset", "list", "shapes")
    assert listed["runs"] == ["later", "tiny"], "a version that was named is what the run says it was trained on"


def test_a_job_that_was_stopped_goes_on_in_another_from_its_checkpoint_in_the_same_run(platform: Rehearsed) -> None:
    resume, epochs = ("train", "--on", "sagemaker", "--resume"), 20
    began = platform.json(
        "train", "shapes", *JOB, "--epochs", str(epochs), "--name", "long", "--spot", "--register-as", "cells"
    )
    first, run_id = began["job"], began["run_id"]
    assert f"its job {first} has not ended" in platform(*resume, "long", code=1)
    assert eventually(lambda: objects(platform, f"jobs/{first}/checkpoints/"), seconds=300)
    platform.client("sagemaker").stop_training_job(TrainingJobName=first)
    assert eventually(lambda: platform.json("jobs", "show", first)["status"] == "Stopped", seconds=120)
    assert platform.json("runs", "show", run_id)["status"] == "KILLED"
    planned = platform.json(*resume, run_id[:8], "--dry-run")
    assert (planned["job"]["spot"], planned["job"]["request"]["run_id"]) == (True, run_id)
    assert 1 <= planned["behind_epoch"] < epochs

    ended = platform.json(*resume, "last", "--wait", "--no-spot")
    assert (ended["status"], ended["run_id"], ended["job"]["name"]) == ("FINISHED", run_id, f"{first}-2")
    assert ended["model"] == {"name": "cells", "version": "2", "alias": "candidate"}
    assert "going on behind epoch" in platform("jobs", "logs", f"{first}-2")
    steps = platform.steps(run_id, "metrics/mAP50_B")
    assert steps == list(range(1, epochs + 1)), "no epoch twice, and none missing"
    jobs_of_run = [platform.json("jobs", "show", name) for name in (first, f"{first}-2")]
    tags = platform.json("runs", "show", run_id)["tags"]
    assert (tags["yolops.job.status"], tags["yolops.job.earlier"]) == ("Completed", first)
    assert tags["yolops.job.billed_seconds"] == str(sum(job["billed_seconds"] for job in jobs_of_run))
    assert float(tags["yolops.job.cost_usd"]) == pytest.approx(sum(job["cost_usd"] for job in jobs_of_run))
    assert "this training is finished" in platform(*resume, "long", code=1)


def test_the_second_job_sends_neither_code_nor_dataset_again_and_nothing_was_missing(platform: Rehearsed) -> None:
    assert len(objects(platform, "jobs/code/")) == 1
    assert len(objects(platform, "jobs/models/")) == 1
    assert len(platform.json("dataset", "list", "shapes")) == 1
    assert platform.unimplemented() == []
