"""Both modes in AWS, applied for real against the simulated one, switched, and destroyed without a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import MICRO
from tests.e2e.rehearsal import PROJECT, REGION, Rehearsed
from tests.e2e.studio_space import EXAMPLE, Space, example_code
from yolops.datasets.sample import write_sample

pytestmark = pytest.mark.timeout(1500)
KEPT = "datasets/cells/manifest.json"
# The outputs that have a value in both modes; Terraform leaves the others out where they are null.
SHARED = {
    *("aws_region", "project_name", "deployment_mode", "tracking_uri", "mlflow_ui_url", "bucket_name", "artifact_uri"),
    *("dataset_uri", "training_role_arn", "training_image_repository", "training_log_group", "training_subnet_ids"),
    *("training_image_registry", "kms_key_arn"),
    *("training_security_group_ids", "training_tracking_uri", "sagemaker_instance_type", "vpc_id", "dashboard_url"),
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Rehearsed]:
    """A platform in studio mode."""
    rehearsed = Rehearsed(tmp_path_factory.mktemp("aws"), provider).without_booting()
    rehearsed("init", "--mode", "studio", "--project", PROJECT, "--region", REGION, "--yes")
    rehearsed.settings(delete_bucket_contents="true", db_snapshot_on_destroy="false", admin_access='"ssm"')
    write_sample(rehearsed.root / "shapes", images=(24, 8, 4))
    try:
        rehearsed("up", "--yes")
        yield rehearsed
    finally:
        rehearsed.yolops("rehearsal", "reset")


@pytest.fixture(scope="module")
def space(platform: Rehearsed, tmp_path_factory: pytest.TempPathFactory) -> Space:
    """A new space whose app has started."""
    space = Space(platform, tmp_path_factory.mktemp("home"))
    space.start()
    assert space.end_of_start() == "ready", space.log
    return space


def test_studio_mode_takes_a_run_by_its_arn_and_a_second_plan_is_empty(platform: Rehearsed) -> None:
    assert platform.outputs()["tracking_uri"].startswith("arn:aws:sagemaker:")
    assert platform.log_a_run() == "0.9 1"
    assert platform.json("plan")["empty"], platform("plan")


def _trains_a_model(platform: Rehearsed) -> None:
    """Train, and find the run and the model again; nothing says where the platform is but the workspace."""
    mode = platform.outputs()["deployment_mode"]
    arguments = ("--epochs", "1", "--imgsz", "64", "--batch", "8", "--name", mode, "--register-as", "cells")
    platform("train", "shapes/data.yaml", *arguments)
    assert [(run["name"], run["status"]) for run in platform.json("runs", "list", "--experiment", "shapes")] == [
        (mode, "FINISHED")
    ]
    assert [model["name"] for model in platform.json("models", "list")] == ["cells"]


def test_the_same_train_command_works_with_managed_mlflow(platform: Rehearsed) -> None:
    _trains_a_model(platform)


def test_a_dataset_goes_to_the_bucket_and_comes_back_with_the_runs_that_used_it(platform: Rehearsed) -> None:
    version = platform.json("dataset", "push", "shapes", "--name", "shapes")["version"]
    uri = platform.outputs()["dataset_uri"]
    listed = platform.json("dataset", "list", "shapes")
    assert [(one["version"], one["runs"]) for one in listed] == [(version, ["studio"])]
    for which, target in ((f"shapes@{version[:8]}", "again"), (f"{uri}/shapes", "by-address")):
        assert platform.json("dataset", "pull", which, target)["version"] == version
        assert platform.json("dataset", "check", target)["fingerprint"] == version
    assert "nothing to remove" in platform("dataset", "prune", "--yes")


def test_a_new_space_finds_mlflow_yolops_and_an_example_that_trains(platform: Rehearsed, space: Space) -> None:
    assert (
        space.terminal("yolops --version; echo $MLFLOW_TRACKING_URI").split()[-1] == platform.outputs()["tracking_uri"]
    )
    s3, bucket, shapes = platform.client("s3"), platform.outputs()["bucket_name"], platform.root / "shapes"
    for file in (file for file in shapes.rglob("*") if file.is_file()):
        key = f"datasets/notebook/{file.relative_to(shapes).as_posix()}"
        s3.upload_file(str(file), bucket, key)
    (space.home / "micro.yaml").write_text(MICRO)
    # There is neither a state of Terraform in a space nor the dataset.
    assert json.loads(space.terminal("yolops jobs list --json")) == []
    planned = json.loads(space.terminal("yolops train shapes --model micro.yaml --on sagemaker --dry-run --json"))
    assert {check["verdict"] for check in planned["checks"]} == {"ok"}, planned["checks"]
    assert planned["job"]["role_arn"] == platform.outputs()["training_role_arn"]
    parameters = {"model_name": "micro.yaml", "epochs": 1, "imgsz": 64}
    space.notebook(example_code(data_path=f"s3://{bucket}/datasets/notebook/", **parameters))
    [run] = platform.json("runs", "list", "--experiment", "yolo-v11-experiment")
    assert run["status"] == "FINISHED"


def test_a_later_start_of_the_app_changes_nothing_and_keeps_what_somebody_wrote(space: Space) -> None:
    notebook, made = space.home / "yolops.ipynb", (space.home / ".yolops/venv/wanted").stat().st_mtime_ns
    assert notebook.read_bytes() == EXAMPLE.read_bytes()
    notebook.write_text("mine")
    assert "ready: nothing has changed" in space.start()
    assert (notebook.read_text(), (space.home / ".bashrc").read_text().count("\n")) == ("mine", 1)
    assert (space.home / ".yolops/venv/wanted").stat().st_mtime_ns == made
    notebook.unlink()
    space.start()
    assert notebook.read_bytes() == EXAMPLE.read_bytes()


def test_a_space_installs_nothing_that_somebody_else_has_put_into_the_bucket(
    platform: Rehearsed, tmp_path: Path
) -> None:
    s3, bucket = platform.client("s3"), platform.outputs()["bucket_name"]
    [wheel] = (
        item["Key"]
        for item in s3.list_objects_v2(Bucket=bucket, Prefix="studio/")["Contents"]
        if item["Key"].endswith(".whl")
    )
    own = s3.get_object(Bucket=bucket, Key=wheel)["Body"].read()
    s3.put_object(Bucket=bucket, Key=wheel, Body=own + b"x")
    space = Space(platform, tmp_path)
    space.start()
    ended = space.end_of_start()
    s3.put_object(Bucket=bucket, Key=wheel, Body=own)
    assert ended.startswith("not installed"), space.log
    assert "FAILED" in space.log
    assert not (tmp_path / ".local/share/jupyter").exists()


def test_a_switch_that_would_lose_runs_is_refused_with_the_command_that_moves_them(platform: Rehearsed) -> None:
    platform.settings(deployment_mode='"custom"')
    refused = platform("up", "--yes", code=1)
    assert "still holds runs" in refused
    assert "yolops migrate --to custom" in refused
    assert "discard_runs = true" in refused
    assert "Traceback" not in refused


def test_one_line_switches_to_custom_and_back_and_the_bucket_stays_as_it_is(platform: Rehearsed) -> None:
    platform.settings(deployment_mode='"studio"')
    before = platform.outputs()
    s3 = platform.client("s3")
    s3.put_object(Bucket=before["bucket_name"], Key=KEPT, Body=b"cells")
    for mode in ("custom", "studio"):
        platform.settings(deployment_mode=f'"{mode}"', discard_runs="true")
        built = platform("up", "--yes")
        assert "MLflow answers: http" in built
        assert "console.aws" not in built + platform("status"), "nothing of a rehearsal is there"
        assert platform.log_a_run() == "0.9 1"
        if mode == "custom":
            _trains_a_model(platform)
        assert platform.json("plan")["empty"], platform("plan")
        after = platform.outputs()
        assert after.keys() >= SHARED
        assert after["bucket_name"] == before["bucket_name"]
        assert s3.get_object(Bucket=after["bucket_name"], Key=KEPT)["Body"].read() == b"cells"
    assert platform.unimplemented() == []


def test_destroy_wants_the_name_of_the_project_and_leaves_nothing(platform: Rehearsed) -> None:
    assert "the project of this workspace is cells" in platform("destroy", "--yes", "yeast", "--discard-runs", code=1)
    platform("destroy", "--yes", PROJECT, "--discard-runs")
    tagged = platform.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "Project", "Values": [PROJECT]}]
    )
    assert tagged["ResourceTagMappingList"] == []
    assert platform.unimplemented() == []
