"""Real photographs: the BCCD blood-cell set from Pascal VOC to a run that MLflow's REST API tells about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Yolops
from yolops.tracking.rest import MlflowRest
from yolops.tracking.runs import find_run

pytestmark = pytest.mark.real_data


def test_the_photographs_are_converted_checked_trained_on_and_read_back(
    yolops: Yolops, blood_cells: Path, tmp_path: Path
) -> None:
    converted: dict[str, Any] = yolops.ok("dataset", "convert", str(blood_cells), "cells", "--json").json
    assert converted["images"] == {"train": 205, "val": 87, "test": 72}
    report = yolops.ok("dataset", "check", "cells", "--json").json
    assert report["names"] == ["Platelets", "RBC", "WBC"]
    assert report["splits"]["train"]["images"] == 205

    subset = yolops.root / "cells" / "subset.yaml"
    for split, count in (("train", 24), ("val", 8)):
        pictures = sorted((yolops.root / "cells/images" / split).iterdir())[:count]
        (subset.parent / f"{split}.txt").write_text("".join(f"{picture}\n" for picture in pictures))
    subset.write_text(f"train: train.txt\nval: val.txt\nnames: {json.dumps(report['names'])}\n")
    arguments = ("--model", "micro.yaml", "--epochs", "2", "--imgsz", "160", "--batch", "4", "--experiment", "blood")
    trained = yolops.ok("train", str(subset), *arguments, "--device", "cpu", "--json").json

    rest = MlflowRest(yolops.ok("status", "--json").json["url"])
    run = find_run(rest, trained["run_id"])
    assert (run.status, run.experiment) == ("FINISHED", "blood")
    dataset = rest.get("runs/get", run_id=run.run_id)["run"]["inputs"]["dataset_inputs"][0]["dataset"]
    assert json.loads(dataset["schema"])["names"] == ["Platelets", "RBC", "WBC"]
    points = rest.get("metrics/get-history", run_id=run.run_id, metric_key="train/box_loss")["metrics"]
    assert [int(point["step"]) for point in points] == [1, 2]
