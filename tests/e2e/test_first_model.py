"""From a dataset to a model that another process loads by its alias."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import LEARNING, Yolops
from yolops.datasets.sample import write_sample
from yolops.tracking.rest import MlflowRest
from yolops.tracking.runs import RunSummary, find_run

TRAIN = ("train", "learn/data.yaml", *LEARNING, "--register-as", "shapes", "--alias", "champion", "--seed", "7")


@pytest.fixture(scope="module")
def trained(yolops: Yolops) -> dict[str, Any]:
    """A training that learned something, as `--json` tells of it."""
    write_sample(yolops.root / "learn", images=(200, 40, 4))
    result: dict[str, Any] = yolops.ok(*TRAIN, "--name", "first", "--json").json
    return result


@pytest.fixture(scope="module")
def rest(yolops: Yolops, trained: dict[str, Any]) -> MlflowRest:
    return MlflowRest(yolops.ok("status", "--json").json["url"])


@pytest.fixture(scope="module")
def run(rest: MlflowRest, trained: dict[str, Any]) -> RunSummary:
    return find_run(rest, trained["run_id"])


def _artifacts(rest: MlflowRest, run_id: str, path: str = "") -> Iterator[str]:
    for item in rest.get("artifacts/list", run_id=run_id, path=path).get("files", []):
        if item.get("is_dir"):
            yield from _artifacts(rest, run_id, item["path"])
        else:
            yield item["path"]


def test_the_detector_learns(trained: dict[str, Any]) -> None:
    assert trained["metrics"]["mAP50"] > 0.5
    assert trained["delivered"]
    assert set(trained["per_class"]) == {"circle", "square", "triangle"}


def test_the_run_is_finished_and_holds_every_effective_setting(run: RunSummary) -> None:
    assert run.status == "FINISHED"
    assert run.experiment == "learn"
    assert {"epochs": "3", "seed": "7", "momentum": "0.937", "optimizer": "AdamW"}.items() <= run.params.items()
    assert len(run.params) > 100


def test_the_run_says_where_it_came_from(run: RunSummary) -> None:
    assert {
        "mlflow.source.name",
        "version.python",
        "version.torch",
        "version.ultralytics-opencv-headless",
        "hardware.cpu",
        "hardware.cores",
        "hardware.device",
    } <= run.tags.keys()
    assert run.tags["mlflow.source.name"].startswith("yolops train learn/data.yaml")
    assert run.tags["yolops.weights"] == "random"


def test_the_dataset_is_an_input_of_the_run_with_its_fingerprint(
    yolops: Yolops, rest: MlflowRest, trained: dict[str, Any]
) -> None:
    inputs = rest.get("runs/get", run_id=trained["run_id"])["run"]["inputs"]["dataset_inputs"]
    dataset = inputs[0]["dataset"]
    report = yolops.ok("dataset", "check", "learn", "--json").json
    assert (dataset["name"], dataset["digest"]) == ("learn", report["digest"])
    assert json.loads(dataset["schema"])["names"] == ["circle", "square", "triangle"]
    assert json.loads(dataset["profile"])["train"]["images"] == 200


@pytest.mark.parametrize(
    "metric",
    [
        "train/box_loss",
        "val/cls_loss",
        "metrics/precision_B",
        "metrics/recall_B",
        "metrics/mAP50_B",
        "metrics/mAP50-95_B",
        "lr/pg0",
        "speed/epoch_s",
        "speed/train_images_per_s",
    ],
)
def test_each_metric_has_one_point_per_epoch_and_none_beyond(
    rest: MlflowRest, trained: dict[str, Any], metric: str
) -> None:
    points = rest.get("metrics/get-history", run_id=trained["run_id"], metric_key=metric)["metrics"]
    assert [int(point.get("step", 0)) for point in points] == [1, 2, 3]


def test_the_end_is_summed_up_by_class_and_the_machine_was_watched(run: RunSummary) -> None:
    assert {"best/mAP50", "per_class/mAP50/circle", "per_class/mAP50-95/triangle"} <= run.metrics.keys()
    assert "system/cpu_utilization_percentage" in run.metrics


def test_the_files_a_person_wants_to_see_are_with_the_run(rest: MlflowRest, trained: dict[str, Any]) -> None:
    assert {
        "weights/best.pt",
        "weights/last.pt",
        "results.csv",
        "args.yaml",
        "plots/BoxPR_curve.png",
        "plots/confusion_matrix.png",
        "plots/labels.jpg",
        "plots/val_batch0_pred.jpg",
        "environment/packages.txt",
        "environment/dataset.json",
    } <= set(_artifacts(rest, trained["run_id"]))


def test_the_model_is_registered_with_its_metrics_and_found_by_the_command_line(yolops: Yolops) -> None:
    versions = yolops.ok("models", "show", "shapes", "--json").json
    assert versions[0]["aliases"] == ["champion"]
    assert float(versions[0]["tags"]["mAP50"]) > 0.5
    assert yolops.ok("models", "list", "--json").json[0]["name"] == "shapes"
    assert "first" in yolops.ok("runs", "list").out
    shown = yolops.ok("runs", "show", "first").out
    assert "mAP50" in shown
    assert "\ncommand " in shown


PREDICT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow, numpy
from PIL import Image
model = mlflow.pyfunc.load_model("models:/shapes@champion")
path = sys.argv[1]
content = open(path, "rb").read()
array = numpy.asarray(Image.open(path).convert("RGB"))
seen = [model.predict(given) for given in (path, content, array)]
assert all(frame.round(2).equals(seen[0].round(2)) for frame in seen), seen
several = model.predict([path, content, array])
assert sorted(set(several["image"])) == [0, 1, 2]
signature = model.metadata.signature
answer = {"columns": list(seen[0].columns), "names": sorted(set(seen[0]["name"])), "found": len(seen[0]),
          "inputs": str(signature.inputs), "params": str(signature.params)}
answer["has_example"] = model.input_example is not None
print("ANSWER" + json.dumps(answer))
"""


def test_a_fresh_process_loads_the_champion_and_predicts_from_path_bytes_array_and_list(
    yolops: Yolops, rest: MlflowRest, trained: dict[str, Any], tmp_path: Path
) -> None:
    picture = next((yolops.root / "learn/images/val").iterdir())
    process = subprocess.run(
        [sys.executable, "-c", PREDICT, str(picture)],
        cwd=tmp_path,
        env={"MLFLOW_TRACKING_URI": rest.base, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    answer = json.loads(process.stdout.partition("ANSWER")[2])
    assert answer["columns"] == ["image", "x1", "y1", "x2", "y2", "score", "class", "name"]
    assert answer["found"] >= 1
    assert set(answer["names"]) <= {"circle", "square", "triangle"}
    assert "Any" in answer["inputs"]
    assert "conf" in answer["params"]
    assert answer["has_example"]


def test_mlflow_serves_the_champion_over_http(
    yolops: Yolops, rest: MlflowRest, trained: dict[str, Any], tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "serve.log").open("w")
    serve = ["models", "serve", "-m", "models:/shapes@champion", "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *serve, "--host", "127.0.0.1", "--port", str(port)],
        env={"MLFLOW_TRACKING_URI": rest.base, "PATH": path, "HOME": str(tmp_path)},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", server)
        content = base64.b64encode(next((yolops.root / "learn/images/val").iterdir()).read_bytes()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps({"inputs": [content], "params": {"conf": 0.1}}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)["predictions"]
        assert found
        assert {"x1", "score", "name"} <= found[0].keys()
        on_the_server = next((yolops.root / "learn/images/val").iterdir())
        request.data = json.dumps({"inputs": [str(on_the_server)]}).encode()
        request.add_header("Content-Length", str(len(request.data)))
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert "not base64 text of a picture" in refused.value.read().decode()
        refused.value.close()
    finally:
        _end(server)
        log.close()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, "the scoring server ended"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"{url} never answered")


def _end(server: subprocess.Popen[bytes]) -> None:
    import psutil

    family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)
    server.wait(timeout=10)
