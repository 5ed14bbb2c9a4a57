"""CVAT's exports: every shape that has an extent becomes a box, and what has none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.datasets.formats.exports import cvat, image
from yolops.datasets.annotations import Annotations
from yolops.datasets.convert import convert
from yolops.datasets.formats import Source
from yolops.datasets.formats.cvat import is_cvat, read_cvat
from yolops.errors import YolopsError

BOX = '<box label="dog" source="manual" occluded="0" xtl="10" ytl="10" xbr="30" ybr="30" z_order="0"/>'


def corners(annotations: Annotations) -> list[tuple[float, ...]]:
    return [
        tuple(round(value, 3) for value in (box.left, box.top, box.right, box.bottom))
        for box in annotations.images[0].boxes
    ]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (BOX, (10, 10, 30, 30)),
        ('<box label="dog" xtl="40" ytl="20" xbr="60" ybr="30" rotation="90"/>', (45, 15, 55, 35)),
        ('<box label="dog" xtl="40" ytl="20" xbr="50" ybr="30" rotation="45"/>', (37.929, 17.929, 52.071, 32.071)),
        ('<polygon label="dog" points="10.5,20;30,40;12,45"/>', (10.5, 20, 30, 45)),
        ('<ellipse label="dog" cx="50" cy="25" rx="20" ry="10"/>', (30, 15, 70, 35)),
        ('<ellipse label="dog" cx="50" cy="25" rx="20" ry="10" rotation="90"/>', (40, 5, 60, 45)),
        ('<mask label="dog" rle="2, 4, 2" left="5" top="6" width="4" height="2"/>', (5, 6, 9, 8)),
    ],
)
def test_each_shape_becomes_the_upright_box_around_it(tmp_path: Path, shape: str, expected: tuple[float, ...]) -> None:
    cvat(tmp_path, shape)
    assert corners(read_cvat(tmp_path)) == [expected]


def test_classes_have_the_order_of_the_task_and_attributes_are_passed_over(tmp_path: Path) -> None:
    cvat(tmp_path, BOX.replace("/>", '><attribute name="name">cat</attribute></box>'), '<tag label="cat"/>')
    found = read_cvat(tmp_path)
    assert found.names == ("dog", "cat")
    assert corners(found) == [(10, 10, 30, 30)]
    assert found.findings == ()


@pytest.mark.parametrize("tag", ["polyline", "points", "cuboid", "skeleton"])
def test_a_shape_without_an_extent_is_left_out_and_said(tmp_path: Path, tag: str) -> None:
    cvat(tmp_path, f'<{tag} label="dog" points="1,1;2,2"/>', BOX)
    found = read_cvat(tmp_path)
    assert len(found.images[0].boxes) == 1
    assert [(item.code, tag in item.what, "a.jpg" in item.where) for item in found.findings] == [
        ("object-left-out", True, True)
    ]


@pytest.mark.parametrize(
    "shape",
    [
        '<box xtl="1" ytl="1" xbr="9" ybr="9"/>',
        '<box label="dog" xtl="1" ytl="1" xbr="9"/>',
        '<box label="dog" xtl="nan" ytl="1" xbr="9" ybr="9"/>',
        '<box label="dog" xtl="1e99" ytl="1" xbr="9" ybr="9"/>',
        '<polygon label="dog" points="1,1;2"/>',
        '<polygon label="dog" points=""/>',
    ],
)
def test_a_shape_that_is_incomplete_is_left_out_and_said(tmp_path: Path, shape: str) -> None:
    cvat(tmp_path, shape)
    found = read_cvat(tmp_path)
    assert found.images[0].boxes == ()
    assert [item.code for item in found.findings] == ["object-incomplete"]


def test_the_subset_of_a_project_is_the_split_and_the_directory(tmp_path: Path) -> None:
    path = cvat(tmp_path, BOX, subset="Validation")
    (tmp_path / "images/Validation").mkdir()
    (tmp_path / "images/a.jpg").rename(tmp_path / "images/Validation/a.jpg")
    path.write_text(
        path.read_text().replace("</annotations>", '<image name="b.jpg" width="9" height="9"/></annotations>')
    )
    image(tmp_path / "images/b.jpg")
    found = read_cvat(tmp_path)
    assert [(item.name, item.split) for item in found.images] == [("a.jpg", "val"), ("b.jpg", "train")]
    assert [item.code for item in found.findings] == ["size-differs"]


def test_a_video_is_refused_by_name(tmp_path: Path) -> None:
    path = cvat(tmp_path, BOX)
    path.write_text(path.read_text().replace("<image ", '<track id="0" label="dog"></track><image '))
    with pytest.raises(YolopsError, match=r"annotations\.xml: CVAT for video"):
        read_cvat(tmp_path)


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]><annotations><meta>&c;</meta></annotations>'


@pytest.mark.parametrize(
    "content",
    [BOMB, '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations/>', "<annotations>", "<annotation></annotation>"],
    ids=["bomb", "file", "open", "other"],
)
def test_hostile_xml_is_refused_with_its_file(tmp_path: Path, content: str) -> None:
    cvat(tmp_path, BOX).write_text(content)
    with pytest.raises(YolopsError, match=r"annotations\.xml: not an annotation"):
        read_cvat(tmp_path)


def test_elements_within_elements_without_end_are_read_through(tmp_path: Path) -> None:
    path = cvat(tmp_path, BOX)
    path.write_text(path.read_text().replace("</image>", "<a>" * 200_000 + "</a>" * 200_000 + "</image>"))
    assert corners(read_cvat(tmp_path)) == [(10, 10, 30, 30)]


@pytest.mark.parametrize("name", ["../../a.jpg", "/etc/a.jpg", "..\\a.jpg", "a.txt", f"{'a' * 300}.jpg"])
def test_an_image_outside_the_export_is_refused(tmp_path: Path, name: str) -> None:
    cvat(tmp_path, BOX, name=name)
    with pytest.raises(YolopsError, match="not that of an image inside the dataset"):
        read_cvat(tmp_path)


def test_a_subset_that_climbs_out_is_refused(tmp_path: Path) -> None:
    cvat(tmp_path, BOX, subset="../..")
    with pytest.raises(YolopsError, match="not that of an image inside the dataset"):
        read_cvat(tmp_path)


def test_its_own_format_its_coco_and_both_of_its_yolo_exports_are_recognised_as_they_are(tmp_path: Path) -> None:
    cvat(tmp_path / "cvat", BOX)
    assert is_cvat(tmp_path / "cvat")
    assert is_cvat(tmp_path / "cvat/annotations.xml")
    coco = tmp_path / "coco"
    image(coco / "images/default/a.jpg")
    (coco / "annotations").mkdir()
    (coco / "annotations/instances_default.json").write_text(
        '{"licenses": [], "info": {}, "categories": [{"id": 1, "name": "dog", "supercategory": ""}],'
        '"images": [{"id": 1, "width": 100, "height": 50, "file_name": "a.jpg"}],'
        '"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20], "iscrowd": 0}]}'
    )
    darknet = tmp_path / "darknet"
    image(darknet / "obj_train_data/a.jpg")
    (darknet / "obj_train_data/a.txt").write_text("0 0.2 0.4 0.2 0.4\n")
    (darknet / "obj.names").write_text("dog\n")
    (darknet / "obj.data").write_text("classes = 1\ntrain = data/train.txt\nnames = data/obj.names\n")
    (darknet / "train.txt").write_text("data/obj_train_data/a.jpg\n")
    ultralytics = tmp_path / "ultralytics"
    image(ultralytics / "images/train/a.jpg")
    (ultralytics / "labels/train").mkdir(parents=True)
    (ultralytics / "labels/train/a.txt").write_text("0 0.2 0.4 0.2 0.4\n")
    (ultralytics / "train.txt").write_text("images/train/a.jpg\n")
    (ultralytics / "data.yaml").write_text("names:\n  0: dog\npath: .\ntrain: train.txt\n")
    results = {
        name: convert(tmp_path / name, tmp_path / f"{name}-out") for name in ("cvat", "coco", "darknet", "ultralytics")
    }
    assert [result.source_format for result in results.values()] == [
        Source.CVAT,
        Source.COCO,
        Source.DARKNET,
        Source.YOLO,
    ]
    labels = {name: (tmp_path / f"{name}-out/labels/train/a.txt").read_text() for name in results}
    assert set(labels.values()) == {"0 0.200000 0.400000 0.200000 0.400000\n"}
