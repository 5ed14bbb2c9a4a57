"""The functions of a notebook, called as the example notebook calls them, against an MLflow of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import MICRO
from tests.e2e.studio_space import example_code
from yolops.datasets.sample import write_sample

pytestmark = pytest.mark.timeout(600)
DATABASE = "sqlite:///mlflow.db"


def run(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=dict(os.environ) | {"MLFLOW_TRACKING_URI": DATABASE},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


SHOW = """
import json
client, logged = mlflow.MlflowClient(), mlflow.get_logged_model(uri.removeprefix("models:/"))
seen = client.get_run(logged.source_run_id)
print(json.dumps({
    "model": logged.name,
    "status": seen.info.status,
    "params": seen.data.params,
    "metrics": {name: [point.step for point in client.get_metric_history(seen.info.run_id, name)]
                for name in ("map50", "train/box_loss")},
    "weights": [file.path for file in client.list_artifacts(seen.info.run_id, "weights")],
}))
"""


def test_the_example_trains_logs_and_loads_its_model(tmp_path: Path) -> None:
    write_sample(tmp_path / "shapes", images=(16, 4, 0))
    (tmp_path / "micro.yaml").write_text(MICRO)
    example = example_code(data_path="shapes", model_name="micro.yaml", epochs=2, imgsz=32)
    result = run(f"{example}\n{SHOW}", tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    seen = json.loads(result.stdout.splitlines()[-1])
    assert (seen["model"], seen["status"]) == ("yolo-model", "FINISHED")
    assert (seen["params"]["epochs"], seen["params"]["model"]) == ("2", "micro.yaml")
    assert seen["metrics"] == {"map50": [0], "train/box_loss": [1, 2]}
    assert seen["weights"] == ["weights/best.pt"]


def test_without_a_run_it_says_how_to_make_one(tmp_path: Path) -> None:
    result = run("from yolops.training.notebook import train_yolo_model\ntrain_yolo_model('shapes')", tmp_path)
    assert result.returncode == 1
    assert "no run of MLflow is active" in result.stderr


def test_a_dataset_with_errors_is_not_trained_on(tmp_path: Path) -> None:
    write_sample(tmp_path / "shapes", images=(4, 2, 0))
    next((tmp_path / "shapes" / "labels" / "train").iterdir()).write_text("9 0.5 0.5 0.1 0.1\n")
    code = "import mlflow\nwith mlflow.start_run():\n    train_yolo_model('shapes', 'yolo11n.yaml')"
    result = run(f"from yolops.training.notebook import train_yolo_model\n{code}", tmp_path)
    assert result.returncode == 1
    assert "YolopsError" in result.stderr
    assert not list(tmp_path.rglob("best.pt"))
