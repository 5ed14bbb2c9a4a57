"""What ultralytics' trainer refuses before anything is written, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolops.errors import UsageError, YolopsError
from yolops.training.ultralytics_trainer import UltralyticsTrainer


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"modle": "yolo11n.pt"}, "--modle is no argument of the trainer (did you mean --model?)"),
        ({"registr_as": "cells"}, "--registr_as is no argument of the trainer (did you mean --register-as?)"),
        ({"epoks": 3}, "--epoks is no argument of the trainer (did you mean --epochs?)"),
        ({"device": "gpu"}, "--device gpu: this machine does not have it"),
        ({"batch": 0}, "--batch 0: no number of images"),
        ({"batch": -4}, "--batch -4: no number of images"),
    ],
)
def test_what_was_mistyped_is_named_with_what_was_meant(
    tmp_path: Path, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        UltralyticsTrainer(tmp_path).check(arguments, "yolo11n.yaml")
    assert caught.value.message == said


@pytest.mark.parametrize("batch", [1, 0.7, -1])
def test_a_batch_may_be_a_number_a_part_of_the_memory_or_the_trainers_choice(tmp_path: Path, batch: float) -> None:
    UltralyticsTrainer(tmp_path).check({"batch": batch}, "yolo11n.yaml")


@pytest.mark.parametrize(
    "text", ["train: images/train\nval: images/val\nnames: [a]\n", "train: [", "", "- a\n", "nc: !!bool x"]
)
def test_a_yaml_that_describes_no_model_is_no_model(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(YolopsError, match="describes no model"):
        UltralyticsTrainer(tmp_path).check({}, str(tmp_path / "data.yaml"))
