from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from yolops.models.request import ModelRequest, Registration

# In a process of its own, as in production: mlflow warns while it is imported, and saving changes what is imported.
SAVE = """
import sys
from pathlib import Path

from yolops.models.flavor import requirements, save
from yolops.models.request import ModelRequest

here = Path(sys.argv[1])
path = list(sys.path)
for name, example in (("model", str(here / "cell.png")), ("bare", ""), ("late", str(here / "removed.png"))):
    save(here / name, ModelRequest(weights=str(here / "best.pt"), example=example, imgsz=416))
assert sys.path == path
(here / "expected.txt").write_text("\\n".join(requirements()))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model made of a checkpoint that nobody loads."""
    directory = tmp_path_factory.mktemp("saved")
    (directory / "best.pt").write_bytes(b"weights")
    Image.new("RGBA", (1000, 500), "red").save(directory / "cell.png")
    done = subprocess.run(
        [sys.executable, "-c", SAVE, str(directory)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=directory,
    )
    assert done.returncode == 0, done.stderr
    return directory / "model"


@pytest.fixture(scope="module")
def described(saved: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((saved / "MLmodel").read_text())
    return content


def test_a_model_says_what_it_takes_and_gives(described: dict[str, Any]) -> None:
    signature = {part: json.loads(described["signature"][part]) for part in ("inputs", "outputs", "params")}
    assert [column["type"] for column in signature["inputs"]] == ["any"]
    names = [column["name"] for column in signature["outputs"]]
    assert names == ["image", "x1", "y1", "x2", "y2", "score", "class", "name"]
    assert {param["name"]: param["default"] for param in signature["params"]} == {
        "conf": 0.25,
        "iou": 0.7,
        "imgsz": 416,
        "max_det": 300,
    }


def test_no_file_of_a_model_runs_code_when_it_is_read(saved: Path) -> None:
    files = [path for path in saved.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in {".pkl", ".pickle", ".joblib", ".dill"}]
    weights = saved / "artifacts" / "best.pt"
    # A pickle of protocol 2 and newer begins with these two bytes.
    assert not [path for path in files if path != weights and path.read_bytes()[:1] == b"\x80"]
    assert weights.read_bytes() == b"weights"


def test_the_code_that_runs_a_model_travels_with_it(saved: Path, described: dict[str, Any]) -> None:
    code = saved / described["flavors"]["python_function"]["code"] / "yolo_detector"
    assert {path.name for path in code.glob("*.py")} >= {"detector.py", "images.py", "torchvision_repair.py"}
    assert not [path for path in code.rglob("*.py") if "import yolops" in path.read_text()]
    assert not [path for path in code.rglob("*.py") if "from yolops" in path.read_text()]


def test_what_a_model_needs_is_pinned_and_asks_for_no_build(saved: Path) -> None:
    lines = (saved / "requirements.txt").read_text().split()
    assert lines == (saved.parent / "expected.txt").read_text().split()
    assert all(line.count("==") == 1 and "+" not in line for line in lines)
    assert {line.partition("==")[0] for line in lines} >= {"mlflow", "numpy", "pillow"}


def test_the_example_is_a_small_picture_as_a_caller_over_http_sends_it(saved: Path) -> None:
    (text,) = json.loads((saved / "input_example.json").read_text())
    with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (320, 160))


@pytest.mark.parametrize("name", ["bare", "late"])
def test_a_dataset_without_a_picture_or_with_one_that_was_removed_makes_a_model_without_an_example(
    saved: Path, name: str
) -> None:
    assert (saved.parent / name / "MLmodel").is_file()
    assert not list((saved.parent / name).glob("*example*"))


def test_a_request_survives_the_spool() -> None:
    request = ModelRequest("best.pt", "cell.png", 640)
    assert ModelRequest.from_record({"kind": "model", "time": 1, **asdict(request)}) == request
    registration = Registration("cells", "candidate", {"mAP50": 0.5})
    assert Registration.from_record({"kind": "registration", "time": 1, **asdict(registration)}) == registration
