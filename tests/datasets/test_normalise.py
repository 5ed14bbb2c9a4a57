"""What ultralytics is given to train on: nothing foreign beside it, and the user's files out of its reach."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.datasets.dataset_builder import Builder, picture
from yolops.datasets.check import check
from yolops.datasets.description import label_path, read_dataset
from yolops.datasets.normalise import write_training_yaml
from yolops.errors import YolopsError

needs_ultralytics = pytest.mark.skipif(
    importlib.util.find_spec("ultralytics") is None, reason="ULTRALYTICS MISSING: install the `train` extra"
)
READ = """
import sys, yaml
from ultralytics.data.dataset import YOLODataset
with open(sys.argv[1]) as file:
    data = yaml.safe_load(file)
found = YOLODataset(img_path=data["train"], data={"names": data["names"], "channels": 3}, task="detect", augment=False)
print(len(found.labels), sum(len(label["cls"]) for label in found.labels))
"""


class Payload:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def read_as_ultralytics(data: Path, settings: Path) -> str:
    environment = {**os.environ, "YOLO_CONFIG_DIR": str(settings), "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    done = subprocess.run(
        [sys.executable, "-c", READ, str(data)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_description_says_where_the_splits_are_and_nothing_else(builder: Builder, tmp_path: Path) -> None:
    builder.yaml.write_text(builder.yaml.read_text() + "download: print(1)\nflip_idx: [0]\n")
    written = write_training_yaml(read_dataset(builder.yaml), tmp_path / "run")
    assert yaml.safe_load(written.read_text()) == {
        "path": str(tmp_path / "run"),
        "train": str(tmp_path / "run/images/train"),
        "val": str(tmp_path / "run/images/val"),
        "names": {0: "cat", 1: "dog"},
    }


def test_the_same_images_and_labels_are_seen_through_it(builder: Builder, tmp_path: Path) -> None:
    builder.add("train/.hidden/c.png", labels="1 0.5 0.5 0.1 0.1\n")
    (builder.root / "train.txt").write_text("images/train/a.png\nimages/train/.hidden/c.png\n")
    builder.yaml.write_text("train: train.txt\nval: images/val\nnames: [cat, dog]\n")
    dataset = read_dataset(builder.yaml)
    seen = read_dataset(write_training_yaml(dataset, tmp_path / "run"))
    assert [image.resolve() for image in seen.splits["train"]] == list(dataset.splits["train"])
    assert check(seen).splits == check(dataset).splits


def test_images_of_one_name_in_two_directories_stay_apart(builder: Builder, tmp_path: Path) -> None:
    builder.add("more/a.png", labels="1 0.1 0.1 0.1 0.1\n")
    builder.yaml.write_text("train: [images/train, images/more]\nval: images/val\nnames: [cat, dog]\n")
    seen = read_dataset(write_training_yaml(read_dataset(builder.yaml), tmp_path / "run"))
    assert [label_path(image).read_text() for image in seen.splits["train"]] == [
        "1 0.1 0.1 0.1 0.1\n",
        "0 0.25 0.5 0.2 0.2\n1 0.75 0.5 0.2 0.2\n",
    ]


def test_a_second_call_replaces_the_first_and_no_file_of_the_user(builder: Builder, tmp_path: Path) -> None:
    dataset = read_dataset(builder.yaml)
    first = write_training_yaml(dataset, tmp_path / "run")
    (tmp_path / "run/labels/train.cache").write_bytes(b"left behind")
    assert write_training_yaml(dataset, tmp_path / "run") == first
    assert not (tmp_path / "run/labels/train.cache").exists()
    assert check(dataset).findings == ()


def test_a_directory_of_something_else_is_refused_and_kept(builder: Builder, tmp_path: Path) -> None:
    other = tmp_path / "run"
    other.mkdir()
    (other / "data.yaml").write_text("names: [mine]\n")
    with pytest.raises(YolopsError, match="something else"):
        write_training_yaml(read_dataset(builder.yaml), other)
    with pytest.raises(YolopsError, match="something else"):
        write_training_yaml(read_dataset(builder.yaml), builder.root)
    assert (other / "data.yaml").read_text() == "names: [mine]\n"


def test_images_with_very_long_names_are_linked(builder: Builder, tmp_path: Path) -> None:
    builder.add(f"train/{'ü' * 120}.png", labels="1 0.1 0.1 0.1 0.1\n")
    seen = read_dataset(write_training_yaml(read_dataset(builder.yaml), tmp_path / "run"))
    assert check(seen).errors == []


@needs_ultralytics
def test_a_foreign_cache_is_unpickled_without_us_and_never_with_us(builder: Builder, tmp_path: Path) -> None:
    trace = tmp_path / "unpickled"
    for place in (builder.root / "labels/train.cache", builder.root / "labels.cache"):
        with place.open("wb") as file:
            np.save(file, np.array({"version": Payload(trace)}, dtype=object), allow_pickle=True)
    pickle.dumps(Payload(trace))  # making one leaves no trace
    lists = builder.root / "train.txt"
    lists.write_text(str(builder.root / "images/train/a.png"))
    as_list = tmp_path / "list.yaml"
    as_list.write_text(f"train: {lists}\nnames: {{0: cat, 1: dog}}\n")

    ours = write_training_yaml(read_dataset(builder.yaml), tmp_path / "run")
    assert read_as_ultralytics(ours, tmp_path / "settings") == "1 2"
    assert not trace.exists()
    # The attack is real, also through a list of images: otherwise this test would prove nothing.
    read_as_ultralytics(as_list, tmp_path / "settings")
    assert trace.exists()


@needs_ultralytics
def test_what_ultralytics_writes_while_it_reads_stays_in_our_directory(builder: Builder, tmp_path: Path) -> None:
    photo = picture(7, form="JPEG", size=(64, 64)) + b"trailing"
    builder.add("train/c.jpg", image=photo, labels="1 0.5 0.5 0.1 0.1\n")
    before = {path: path.read_bytes() for path in builder.root.rglob("*") if path.is_file()}
    ours = write_training_yaml(read_dataset(builder.yaml), tmp_path / "run")
    assert read_as_ultralytics(ours, tmp_path / "settings") == "2 3"
    assert {path: path.read_bytes() for path in builder.root.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "run/images/train/000001-c.jpg").is_symlink()  # it was rewritten: here, not there
