from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="TORCH MISSING: install yolops[train] to test what repairs torchvision")

from yolops.models.yolo_detector.torchvision_repair import nms  # noqa: E402 - after torch is known to be there

Box = tuple[int, int, int, int]
# Whole numbers this small are exact in 32 bits, so that a tie is a tie.
CORNER = st.integers(0, 24)
BOXES = st.lists(
    st.tuples(CORNER, CORNER, st.integers(0, 12), st.integers(0, 12)).map(
        lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
    ),
    max_size=25,
)
SCORES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
PLACES = """
import multiprocessing
import sys

sys.path.insert(0, sys.argv[1])
from yolo_detector.torchvision_repair import ensure_torchvision


def work(_):
    ensure_torchvision()
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 4.0], [8.0, 8.0, 9.0, 9.0]])
    return torchvision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist()


if __name__ == "__main__":
    print("here", work(0), work(0))
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.map(work, [0])[0])
"""


def _overlap_is_more(one: Box, other: Box, threshold: float) -> bool:
    width = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height > threshold * (areas - width * height)


def _naive(boxes: list[Box], scores: list[float], threshold: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda index: -scores[index]):
        if not any(_overlap_is_more(boxes[better], boxes[index], threshold) for better in kept):
            kept.append(index)
    return kept


@settings(deadline=None, max_examples=200)
@given(boxes=BOXES, data=st.data(), threshold=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_it_keeps_what_a_plain_reading_of_the_definition_keeps(
    boxes: list[Box], data: st.DataObject, threshold: float
) -> None:
    scores = data.draw(st.lists(SCORES, min_size=len(boxes), max_size=len(boxes)))
    kept = nms(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), torch.tensor(scores), threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == _naive(boxes, scores, threshold)


@given(count=st.integers(1, 10))
@example(count=1)
@settings(deadline=None, max_examples=5)
def test_of_identical_boxes_only_the_best_stays(count: int) -> None:
    boxes = torch.tensor([[1.0, 2.0, 3.0, 4.0]] * count)
    assert nms(boxes, torch.arange(count, dtype=torch.float32), 0.5).tolist() == [count - 1]
    assert nms(boxes, torch.zeros(count), 0.5).tolist() == [0], "of equals, the first"


def test_without_boxes_nothing_is_kept() -> None:
    kept = nms(torch.zeros((0, 4)), torch.zeros(0), 0.5)
    assert (tuple(kept.shape), kept.dtype) == ((0,), torch.int64)


def test_a_slice_of_a_larger_tensor_is_no_obstacle_and_stays_as_it_was() -> None:
    predictions = torch.tensor([[0.0, 0.0, 4.0, 4.0, 0.9], [0.0, 0.0, 4.0, 4.0, 0.5], [9.0, 9.0, 10.0, 10.0, 0.7]])
    before = predictions.clone()
    assert nms(predictions[:, :4], predictions[:, 4], 0.5).tolist() == [0, 2]
    assert torch.equal(predictions, before)


def test_torchvision_works_here_in_a_forked_and_in_a_spawned_process(tmp_path: Path) -> None:
    script = tmp_path / "places.py"
    script.write_text(PLACES)
    package = Path(__file__).parents[2] / "src" / "yolops" / "models"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), str(package)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["here [1, 2] [1, 2]", "fork [1, 2]", "spawn [1, 2]"]
