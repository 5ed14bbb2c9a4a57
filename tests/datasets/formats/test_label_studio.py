"""Label Studio's JSON: percent become boxes, turned ones upright, and masks are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.formats.exports import drawn, image, label_studio
from tests.datasets.formats.test_cvat import corners
from yolops.datasets.convert import convert
from yolops.datasets.formats import Source
from yolops.datasets.formats.label_studio import read_label_studio
from yolops.errors import YolopsError


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (drawn(x=10, y=20, width=20, height=40, rotation=0), (10, 10, 30, 30)),
        # About the upper left corner, and in pixels: percent of width and of height are not of one length.
        (drawn(x=50, y=20, width=20, height=20, rotation=90), (40, 10, 50, 30)),
        (drawn("labels", x=10, y=20, width=20, height=40), (10, 10, 30, 30)),
        (drawn("polygonlabels", points=[[10, 20], [30, 40], [12, 90]]), (10, 10, 30, 45)),
        (drawn("ellipselabels", x=50, y=50, radiusX=20, radiusY=20), (30, 15, 70, 35)),
        (drawn("ellipselabels", x=50, y=50, radiusX=20, radiusY=20, rotation=90), (40, 5, 60, 45)),
    ],
)
def test_each_shape_becomes_the_upright_box_around_it(
    tmp_path: Path, result: dict[str, Any], expected: tuple[float, ...]
) -> None:
    label_studio(tmp_path, result)
    found = read_label_studio(tmp_path)
    assert corners(found) == [expected]
    assert found.findings == ()


@pytest.mark.parametrize("kind", ["brushlabels", "brush"])
def test_a_brush_mask_is_refused_with_its_task(tmp_path: Path, kind: str) -> None:
    label_studio(tmp_path, drawn(), drawn(kind, format="rle", rle=[0, 1, 2]))
    with pytest.raises(YolopsError, match=r"\(task 7\): a brush mask \(RLE\)"):
        read_label_studio(tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        {"x": float("nan"), "y": 1, "width": 1, "height": 1},
        {"x": 10**400, "y": 1, "width": 1, "height": 1},
        {"x": 1, "y": 1, "width": 1},
        {"x": [], "y": 1, "width": 1, "height": True},
        {"points": [[1, 2], [3]]},
        {"points": []},
        {},
    ],
    ids=str,
)
def test_a_shape_that_is_incomplete_is_left_out_and_said(tmp_path: Path, value: dict[str, Any]) -> None:
    label_studio(tmp_path, drawn(**value))
    found = read_label_studio(tmp_path)
    assert found.images[0].boxes == ()
    assert [(item.code, "task 7" in item.where) for item in found.findings] == [("object-incomplete", True)]


def test_what_only_describes_the_image_is_passed_over(tmp_path: Path) -> None:
    label_studio(
        tmp_path,
        drawn("choices"),
        {"type": "relation", "from_id": "x", "to_id": "y"},
        drawn(x=1, y=1, width=9, height=9),
    )
    found = read_label_studio(tmp_path)
    assert (len(found.images[0].boxes), found.findings) == (1, ())


def test_of_two_annotations_the_true_one_is_taken_and_skipped_tasks_are_said(tmp_path: Path) -> None:
    box = {"x": 10, "y": 20, "width": 20, "height": 40}
    annotations = [
        {"result": [drawn(label="wrong", **box)], "was_cancelled": True},
        {"result": [drawn(label="first", **box)]},
        {"result": [drawn(label="true", **box)], "ground_truth": True},
    ]
    label_studio(tmp_path, annotations=annotations)
    found = read_label_studio(tmp_path)
    assert found.names == ("true",)
    assert [item.code for item in found.findings] == ["annotated-twice"]
    label_studio(tmp_path, annotations=annotations[:1])
    assert [item.code for item in read_label_studio(tmp_path).findings] == ["image-unlabelled"]


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("/data/upload/3/1a2b3c4d-a.jpg", "images/1a2b3c4d-a.jpg"),
        ("/data/upload/3/1a2b3c4d-b.jpg", "b.jpg"),
        ("/data/local-files/?d=photos/day%201/c.jpg", "photos/day 1/c.jpg"),
        ("s3://bucket/raw/d.jpg", "raw/d.jpg"),
        ("https://example.com/e%20e.jpg?X-Amz-Signature=1", "e e.jpg"),
        ("/data/upload/3/../../../etc/f.jpg", "f.jpg"),
    ],
)
def test_an_image_is_found_however_label_studio_got_it(tmp_path: Path, address: str, file: str) -> None:
    label_studio(tmp_path / "ls", drawn(x=1, y=1, width=9, height=9), data={"text": "x", "image": address})
    image(tmp_path / "ls" / file)
    image(tmp_path / "etc/f.jpg")
    found = read_label_studio(tmp_path / "ls")
    assert [item.image for item in found.images] == [tmp_path / "ls" / file]


@pytest.mark.parametrize("data", [{"image": "notes.txt"}, {"image": 7}, {}, {"image": "http://[1/a.jpg"}])
def test_a_task_without_an_image_is_refused_with_its_place(tmp_path: Path, data: dict[str, Any]) -> None:
    label_studio(tmp_path, data=data)
    with pytest.raises(YolopsError, match=r"\.json \(task 7\): no address of an image"):
        read_label_studio(tmp_path)


@pytest.mark.parametrize(
    "text", ["[1]", '[{"image": "a.jpg", "label": []}]', "[" * 100_000, "[1,", "[" + "9" * 5000 + "]"]
)
def test_json_that_is_no_export_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    path = label_studio(tmp_path)
    path.write_text(text)
    with pytest.raises(YolopsError, match=r"project-3-at-2026-01-01\.json: not (JSON|Label Studio's JSON)"):
        read_label_studio(tmp_path)


def test_two_tasks_about_one_image_give_one_image(tmp_path: Path) -> None:
    path = label_studio(tmp_path, drawn(x=1, y=1, width=9, height=9))
    path.write_text(json.dumps(json.loads(path.read_text()) * 2))
    found = read_label_studio(tmp_path)
    assert len(found.images) == 1
    assert [item.code for item in found.findings] == ["image-listed-twice"]


def test_its_exports_are_recognised(tmp_path: Path) -> None:
    label_studio(tmp_path / "json", drawn(x=10, y=20, width=20, height=40))
    assert convert(tmp_path / "json", tmp_path / "a").source_format is Source.LABEL_STUDIO
    yolo = tmp_path / "yolo"
    image(yolo / "images/a.jpg")
    (yolo / "labels").mkdir()
    (yolo / "labels/a.txt").write_text("1 0.2 0.4 0.2 0.4")
    (yolo / "classes.txt").write_text("cat\ndog\n")
    (yolo / "notes.json").write_text('{"categories": []}')
    result = convert(yolo, tmp_path / "b")
    assert (result.source_format, result.names) == (Source.DARKNET, ("cat", "dog"))
    assert (tmp_path / "b/labels/train/a.txt").read_text() == "1 0.200000 0.400000 0.200000 0.400000\n"
