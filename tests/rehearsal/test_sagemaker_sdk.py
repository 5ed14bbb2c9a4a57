"""The SageMaker sample with both SDKs: the examples' own scripts, started as a person starts them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MICRO
from tests.rehearsal.conftest import Aws, wait_for
from yolops.datasets.sample import write_sample
from yolops.rehearsal.job_container import has_namespaces

pytestmark = pytest.mark.timeout(600)
EXAMPLE = Path(__file__).parents[2] / "examples" / "sagemaker"
PROJECT, BUCKET = "cells", "cells-bucket"
ROLE = "arn:aws:iam::123456789012:role/cells-training"
EPOCHS = 2
QUICK = ["model=micro.yaml", f"epochs={EPOCHS}", "imgsz=32", "batch=8"]
# The SDKs would tell AWS how they are used.
SDK_SETTINGS = "SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"
# AWS's image has a torchvision that fits its torch; this machine's may not, and the job is handed the one that works.
FITTING_TORCHVISION = """
import sys
sys.path.insert(0, {source!r})
from yolops.models.yolo_detector.torchvision_repair import ensure_torchvision
sys.path.pop(0)
here = sys.path.pop(0)
del sys.modules["torchvision"]
ensure_torchvision()
sys.path.insert(0, here)
"""


def sdk_environment(version: int) -> Path:
    """`make` installs each SDK into an environment of its own."""
    found = Path(sys.prefix) / f"sagemaker-sdk{version}" / "bin"
    if not found.is_dir():
        pytest.skip(f"SDK {version} is not installed; `make .venv/sagemaker.done` installs it")
    return found


def copied(root: Path) -> Path:
    """The example, with a torchvision that fits."""
    example = shutil.copytree(EXAMPLE, root / "sagemaker")
    shim = example / "job" / "torchvision" / "__init__.py"
    shim.parent.mkdir()
    shim.write_text(FITTING_TORCHVISION.format(source=str(EXAMPLE.parents[1] / "src")))
    return example


@pytest.fixture(scope="module")
def platform(aws: Aws) -> dict[str, str]:
    """Terraform's outputs for a bucket and a managed MLflow that are there."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    sagemaker = aws.client("sagemaker")
    app = sagemaker.create_mlflow_app(Name=PROJECT, ArtifactStoreUri=f"s3://{BUCKET}/mlflow/artifacts", RoleArn=ROLE)
    wait_for(lambda: sagemaker.describe_mlflow_app(Arn=app["Arn"])["Status"], "Created")
    return {
        "aws_region": "us-east-1",
        "project_name": PROJECT,
        "bucket_name": BUCKET,
        "training_role_arn": ROLE,
        "sagemaker_instance_type": "ml.g4dn.xlarge",
        "training_tracking_uri": app["Arn"],
    }


@pytest.fixture(scope="module")
def launched(
    aws: Aws, platform: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[int, subprocess.Popen[str]]]:
    """Both launch scripts side by side: they look at their jobs twice a minute."""
    root = tmp_path_factory.mktemp("example")
    example = copied(root)
    (example / "job" / "micro.yaml").write_text(MICRO)
    (root / "sdk.yaml").write_text(SDK_SETTINGS)
    (root / "outputs.json").write_text(json.dumps({name: {"value": value} for name, value in platform.items()}))
    environment = aws.environment() | {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(root / "sdk.yaml"), "HOME": str(root)}
    write_sample(root / "beverages", images=(8, 4, 0), size=32)
    uri = f"s3://{BUCKET}/datasets/beverages/"
    sync = [str(sdk_environment(2) / "python"), str(sdk_environment(2) / "aws"), "s3", "sync", "./beverages/", uri]
    subprocess.run(sync, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=60)
    processes = {}
    for version in (2, 3):
        command = [str(sdk_environment(version) / "python"), str(example / f"sdk{version}.py"), uri, *QUICK]
        with (root / "outputs.json").open() as outputs, (root / f"sdk{version}.log").open("w") as log:
            processes[version] = subprocess.Popen(
                command, cwd=root, env=environment, stdin=outputs, stdout=log, stderr=log, text=True
            )
    yield processes
    for process in processes.values():
        process.kill()
        process.wait()


def job_of(aws: Aws, version: int) -> dict[str, Any]:
    sagemaker = aws.client("sagemaker")
    [job] = sagemaker.list_training_jobs(NameContains=f"{PROJECT}-sdk{version}-")["TrainingJobSummaries"]
    return dict(sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"]))


def ask_mlflow(aws: Aws, path: str, body: dict[str, Any] | None = None) -> Any:
    url = aws.rehearsal.status().mlflow[0]["url"]
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.parametrize("version", [2, 3])
def test_the_sample_trains_with_either_sdk_and_its_run_is_in_the_platform(
    aws: Aws, launched: dict[int, subprocess.Popen[str]], version: int
) -> None:
    if version == 3 and not has_namespaces():
        pytest.skip("the scripts that SDK 3 brings along name /opt/ml, which a job has as root on Linux only")
    assert launched[version].wait(timeout=500) == 0
    job = job_of(aws, version)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")

    experiment = ask_mlflow(aws, "experiments/get-by-name?experiment_name=yolo-v11-experiment")["experiment"]
    runs = ask_mlflow(aws, "runs/search", {"experiment_ids": [experiment["experiment_id"]]})["runs"]
    [run] = [run for run in runs if run["info"]["run_name"] == job["TrainingJobName"]]
    assert run["info"]["status"] == "FINISHED"
    assert {"key": "epochs", "value": str(EPOCHS)} in run["data"]["params"]
    assert "map50" in {metric["key"] for metric in run["data"]["metrics"]}
    of_run = f"run_id={run['info']['run_id']}&metric_key=train/box_loss"
    assert [point["step"] for point in ask_mlflow(aws, f"metrics/get-history?{of_run}")["metrics"]] == [0, 1]
    artifacts = ask_mlflow(aws, f"artifacts/list?run_id={run['info']['run_id']}")["files"]
    assert [artifact["path"] for artifact in artifacts] == ["best.pt"]


def test_nothing_is_written_where_the_roles_of_the_platform_may_not_write(
    aws: Aws, launched: dict[int, subprocess.Popen[str]]
) -> None:
    for process in launched.values():
        process.wait(timeout=500)
    s3 = aws.client("s3")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert {key.split("/")[0] for key in keys} == {"datasets", "jobs", "mlflow"}
    for version in (2, 3):
        assert f"jobs/{job_of(aws, version)['TrainingJobName']}/output/model.tar.gz" in keys


def test_processes_that_load_images_can_import_the_script_once_more(tmp_path: Path) -> None:
    """As those of multiprocessing do wherever they are not forked: Python 3.14 no longer does."""
    code = "import runpy; runpy.run_path('train.py', run_name='__mp_main__')"
    environment = {**os.environ, "HOME": str(tmp_path)}
    job = copied(tmp_path) / "job"
    again = [sys.executable, "-c", code]
    done = subprocess.run(again, cwd=job, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
