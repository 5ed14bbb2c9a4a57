"""Converting to YOLO format: boxes arrive, images stay as they are, and hostile files get nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.dataset_builder import picture
from tests.datasets.formats.test_masks import text_of
from yolops.datasets.annotations import Box, chosen_for_val, clipped, label_line, split_named
from yolops.datasets.check import check
from yolops.datasets.convert import Converted, convert
from yolops.datasets.description import read_dataset
from yolops.datasets.formats import Source
from yolops.datasets.labels import parse
from yolops.errors import YolopsError

SIZE = (100, 50)
OBJECT = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


class Voc:
    """Builds a directory in Pascal VOC format."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
            (root / name).mkdir(parents=True)

    def add(self, stem: str, *objects: tuple[str, float, float, float, float], size: tuple[int, int] = SIZE) -> None:
        (self.root / f"JPEGImages/{stem}.jpg").write_bytes(picture(hash(stem) % 1000, size=SIZE, form="JPEG"))
        body = "".join(OBJECT.format(*item) for item in objects)
        width, height = size
        text = f"<annotation><size><width>{width}</width><height>{height}</height></size>{body}</annotation>"
        (self.root / f"Annotations/{stem}.xml").write_text(text)

    def listed(self, split: str, *stems: str) -> None:
        (self.root / f"ImageSets/Main/{split}.txt").write_text("".join(f"{stem}\n" for stem in stems))


@pytest.fixture
def voc(tmp_path: Path) -> Voc:
    built = Voc(tmp_path / "voc")
    built.add("a", ("dog", 10, 10, 30, 30), ("cat", 50, 0, 100, 50))
    built.add("b", ("dog", 10, 10, 30, 30))
    return built


def codes(result: Converted) -> list[str]:
    return sorted(finding.code for finding in result.findings)


def test_boxes_of_voc_become_fractions_and_classes_are_alphabetical(voc: Voc, tmp_path: Path) -> None:
    voc.listed("train", "a")
    voc.listed("val", "b  1")
    result = convert(voc.root, tmp_path / "out")
    assert read_dataset(result.data).names == ("cat", "dog")
    written = (tmp_path / "out/labels/train/a.txt").read_text()
    assert written == "1 0.200000 0.400000 0.200000 0.400000\n0 0.750000 0.500000 0.500000 1.000000\n"
    assert codes(result) == []
    assert result.counts["val"].per_class == (0, 1)


def test_images_are_linked_and_not_touched(voc: Voc, tmp_path: Path) -> None:
    source = voc.root / "JPEGImages/a.jpg"
    before = source.read_bytes()
    convert(voc.root, tmp_path / "out")
    (converted,) = (tmp_path / "out").rglob("a.jpg")
    assert converted.samefile(source)
    assert source.read_bytes() == before


def test_without_lists_a_fifth_goes_to_val_the_same_each_time(voc: Voc, tmp_path: Path) -> None:
    for number in range(8):
        voc.add(f"c{number}", ("cat", 10, 10, 30, 30))
    results = [convert(voc.root, tmp_path / name) for name in ("one", "two")]
    assert codes(results[0]) == ["val-chosen"]
    assert results[0].counts == results[1].counts
    assert {split: counts.images for split, counts in results[0].counts.items()} == {"train": 8, "val": 2}
    names = [sorted(path.name for path in (tmp_path / name / "images/val").iterdir()) for name in ("one", "two")]
    assert names[0] == names[1]


def test_an_image_in_two_lists_is_not_trained_on(voc: Voc, tmp_path: Path) -> None:
    voc.listed("train", "a", "b")
    voc.listed("val", "b")
    convert(voc.root, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out/images/train").iterdir()] == ["a.jpg"]


def test_what_is_missing_or_unlisted_is_said(voc: Voc, tmp_path: Path) -> None:
    voc.add("c", ("cat", 10, 10, 30, 30))
    voc.add("d", ("cat", 10, 10, 30, 30))
    (voc.root / "JPEGImages/c.jpg").unlink()
    (voc.root / "Annotations/d.xml").unlink()
    voc.add("e", ("cat", 10, 10, 30, 30))
    voc.listed("train", "a", "c", "d")
    voc.listed("val", "b")
    assert codes(convert(voc.root, tmp_path / "out")) == ["annotation-missing", "image-missing", "image-unlisted"]


def test_a_size_that_is_not_that_of_the_image_is_reported_and_the_images_is_used(voc: Voc, tmp_path: Path) -> None:
    voc.add("a", ("dog", 10, 10, 30, 30), size=(200, 100))
    result = convert(voc.root, tmp_path / "out")
    assert "size-differs" in codes(result)
    (labels,) = (tmp_path / "out").rglob("a.txt")
    assert labels.read_text() == "0 0.200000 0.400000 0.200000 0.400000\n"


def test_boxes_are_cut_to_the_image_and_empty_ones_left_out(voc: Voc, tmp_path: Path) -> None:
    voc.add("a", ("dog", -10, 0, 10, 60), ("dog", 5, 5, 5, 9), ("dog", 200, 0, 300, 9), ("dog", 0, 0, float("nan"), 9))
    result = convert(voc.root, tmp_path / "out")
    assert codes(result) == ["box-clipped", "box-left-out", "box-left-out", "object-incomplete", "val-chosen"]
    assert check(read_dataset(result.data)).errors == []


def test_an_object_without_a_name_or_a_box_is_left_out(voc: Voc, tmp_path: Path) -> None:
    voc.add("a", ("", 1, 1, 9, 9), ("dog", "x", 1, 9, 9))  # type: ignore[arg-type]
    assert codes(convert(voc.root, tmp_path / "out")).count("object-incomplete") == 2


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><annotation>&c;</annotation>'
FILE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation><object>&b;</object></annotation>'


@pytest.mark.parametrize(
    "content",
    [
        BOMB.encode(),
        FILE.encode(),
        BOMB.encode("utf-16"),
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><annotation/>',
        b"<annotation>",
        b"",
        b"\x00\xff\xfe binary",
        b'<?xml version="1.0" encoding="no-such"?><annotation/>',
        b"<annotation>" + b" " * (10 * 1024 * 1024) + b"</annotation>",
    ],
    ids=["bomb", "file", "utf16", "remote", "open", "empty", "binary", "encoding", "huge"],
)
def test_xml_that_is_hostile_or_broken_is_refused_and_nothing_is_left(voc: Voc, tmp_path: Path, content: bytes) -> None:
    (voc.root / "Annotations/a.xml").write_bytes(content)
    with pytest.raises(YolopsError, match=r"a\.xml: not an annotation"):
        convert(voc.root, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["voc"]


def test_a_broken_image_is_left_out_and_said(voc: Voc, tmp_path: Path) -> None:
    (voc.root / "JPEGImages/a.jpg").write_bytes(b"garbage")
    converted = convert(voc.root, tmp_path / "out")
    (said,) = (finding for finding in converted.findings if finding.code == "image-unreadable")
    assert said.what == "cannot be read (cannot identify image file), so it is left out"
    assert said.fix == "fetch it again, or take it out"


def coco(root: Path, split: str = "train", **changes: Any) -> Path:
    images = root / "images"
    images.mkdir(parents=True, exist_ok=True)
    (images / f"{split}.png").write_bytes(picture(len(split), size=SIZE))
    content: dict[str, Any] = {
        "images": [{"id": 7, "file_name": f"{split}.png", "width": 100, "height": 50}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 90, "bbox": [10, 10, 20, 20], "iscrowd": 0}],
        "categories": [{"id": 90, "name": "zebra"}, {"id": 3, "name": "car"}],
    }
    path = root / "annotations" / f"instances_{split}2017.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content | changes))
    return path


def test_categories_of_coco_become_classes_in_the_order_of_their_ids(tmp_path: Path) -> None:
    coco(tmp_path / "coco", "train")
    coco(tmp_path / "coco", "val")
    result = convert(tmp_path / "coco", tmp_path / "out")
    assert read_dataset(result.data).names == ("car", "zebra")
    assert (tmp_path / "out/labels/val/val.txt").read_text() == "1 0.200000 0.400000 0.200000 0.400000\n"
    assert codes(result) == []


def test_one_file_of_coco_is_divided(tmp_path: Path) -> None:
    images = [{"id": n, "file_name": f"{n}.png"} for n in range(10)]
    coco(tmp_path / "coco", "all", images=images, annotations=[])
    for n in range(10):
        (tmp_path / f"coco/images/{n}.png").write_bytes(picture(n))
    result = convert(tmp_path / "coco", tmp_path / "out")
    assert {split: counts.images for split, counts in result.counts.items()} == {"train": 8, "val": 2}
    assert codes(result) == ["val-chosen"]


def test_groups_and_incomplete_annotations_are_left_out(tmp_path: Path) -> None:
    good = {"id": 1, "image_id": 7, "category_id": 90, "bbox": [10, 10, 20, 20]}
    bad: list[dict[str, Any]] = [
        {"iscrowd": 1},
        {"category_id": 1},
        {"category_id": []},
        {"bbox": [1, 2, 3]},
        {"bbox": None},
        {"bbox": [1, 2, 3, "4"]},
        {"bbox": [1, 2, 3, float("nan")]},
        {"image_id": {}},
    ]
    coco(tmp_path / "coco", annotations=[good, *(good | change for change in bad)])
    result = convert(tmp_path / "coco", tmp_path / "out", source_format=Source.COCO)
    assert codes(result) == ["group-left-out", *["object-incomplete"] * 7, "val-chosen"]
    assert sum(counts.boxes for counts in result.counts.values()) == 1


@pytest.mark.parametrize(
    "outline",
    [
        {"segmentation": [[10, 10, 30, 10, 30, 20], [12, 20, 12, 30]]},
        {"segmentation": {"size": [50, 100], "counts": [510, 20, 930, 1, 3539]}},
        {"segmentation": {"size": [50, 100], "counts": text_of([510, 20, 930, 1, 3539])}, "bbox": [0, 0, 0, 0]},
        {"segmentation": [[1, 1, 2, 2, 1, 2]], "bbox": [10, 10, 20, 20]},
    ],
)
def test_an_object_without_a_box_gets_the_one_around_its_outline(tmp_path: Path, outline: dict[str, Any]) -> None:
    item = {"id": 1, "image_id": 7, "category_id": 90, **outline}
    coco(tmp_path / "coco", annotations=[item])
    result = convert(tmp_path / "coco", tmp_path / "out")
    assert codes(result) == ["val-chosen"]
    assert (tmp_path / "out/labels/train/train.txt").read_text() == "1 0.200000 0.400000 0.200000 0.400000\n"


@pytest.mark.parametrize("outline", [[[1, 2, 3]], [[]], [1], "", {"size": [1, 1], "counts": [1]}, [["1", "2"]], {}])
def test_an_outline_that_is_none_is_left_out_and_said(tmp_path: Path, outline: object) -> None:
    item = {"id": 5, "image_id": 7, "category_id": 90, "segmentation": outline}
    coco(tmp_path / "coco", annotations=[item])
    result = convert(tmp_path / "coco", tmp_path / "out")
    assert codes(result) == ["object-incomplete", "val-chosen"]
    assert "(annotation 5)" in result.findings[0].where


def test_a_name_within_a_word_is_no_split() -> None:
    words = [
        "instances_val2017",
        "valid",
        "latest",
        "minival",
        "test-dev",
        "Train",
        "trainval",
        "validation",
        "retrain",
    ]
    splits = ["val", "val", "train", "val", "test", "train", "train", "val", "train"]
    assert [split_named(word) for word in words] == splits


def test_voc_of_roboflow_and_in_small_letters_is_read(voc: Voc, tmp_path: Path) -> None:
    for split, stem in (("train", "a"), ("valid", "b")):
        (tmp_path / "robo" / split).mkdir(parents=True)
        for path in (voc.root / f"Annotations/{stem}.xml", voc.root / f"JPEGImages/{stem}.jpg"):
            (tmp_path / "robo" / split / path.name).write_bytes(path.read_bytes())
    result = convert(tmp_path / "robo", tmp_path / "one")
    assert [path.name for path in (tmp_path / "one/images/val").iterdir()] == ["b.jpg"]
    assert codes(result) == []
    (voc.root / "Annotations").rename(voc.root / "annotations")
    (voc.root / "JPEGImages").rename(voc.root / "images")
    assert convert(voc.root, tmp_path / "two").source_format is Source.VOC


@pytest.mark.parametrize(
    "name",
    ["../../secret.png", "/etc/secret.png", "a/../../b.png", "..\\b.png", "a\0b.png", "C:/b.png", "notes.txt", 7],
)
def test_an_image_outside_the_dataset_is_refused(tmp_path: Path, name: object) -> None:
    coco(tmp_path / "deep/coco", images=[{"id": 7, "file_name": name}])
    (tmp_path / "secret.png").write_bytes(picture(1))
    with pytest.raises(YolopsError, match="not that of an image inside the dataset"):
        convert(tmp_path / "deep/coco", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_of_coco_in_directories_of_any_name_keep_their_labels(tmp_path: Path) -> None:
    coco(tmp_path / "coco", images=[{"id": 7, "file_name": "images/x/train.png"}])
    inner = tmp_path / "coco/images/images/x"
    inner.mkdir(parents=True)
    (inner / "train.png").write_bytes(picture(3, size=SIZE))
    result = convert(tmp_path / "coco", tmp_path / "out")
    seen = check(read_dataset(tmp_path / "out")) if "val" in result.counts else None
    assert seen is None
    assert (tmp_path / "out/images/train/labels/x/train.txt").read_text().startswith("1 0.2")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[" * 100_000, '{"images": [1], "annotations": [], "categories": []}']
)
def test_json_that_is_not_coco_is_refused(tmp_path: Path, text: str) -> None:
    coco(tmp_path / "coco").write_text(text)
    with pytest.raises(YolopsError, match=r"instances_train2017\.json: not (JSON|COCO)"):
        convert(tmp_path / "coco", tmp_path / "out")


def test_splits_with_other_categories_are_refused(tmp_path: Path) -> None:
    coco(tmp_path / "coco", "train")
    coco(tmp_path / "coco", "val", categories=[{"id": 90, "name": "zebra"}], annotations=[])
    with pytest.raises(YolopsError, match="other categories"):
        convert(tmp_path / "coco", tmp_path / "out")


def test_a_target_that_is_not_empty_is_left_alone(voc: Voc, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine").write_text("mine")
    with pytest.raises(YolopsError, match="exists already"):
        convert(voc.root, target)
    assert [path.name for path in target.iterdir()] == ["mine"]
    (target / "mine").unlink()
    convert(voc.root, target)
    assert (target / "data.yaml").is_file()


def test_a_directory_of_neither_format_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(YolopsError, match="in none of the formats"):
        convert(tmp_path / "x", tmp_path / "out")
    with pytest.raises(YolopsError, match="does not exist"):
        convert(tmp_path / "nowhere", tmp_path / "out")


PIXEL = st.floats(-50, 150)


@given(PIXEL, PIXEL, PIXEL, PIXEL)
def test_every_box_that_is_kept_is_read_without_a_finding(left: float, top: float, right: float, bottom: float) -> None:
    box = clipped(Box("cat", left, top, right, bottom), SIZE)
    if box is not None:
        labels = parse(label_line(box, SIZE, 0).encode(), where="a.txt", classes=1)
        # That a box fills the image is worth a word and no fault.
        assert {finding.code for finding in labels.findings} <= {"box-covers-image"}
        _, x, y, width, height = labels.boxes[0]
        assert abs((x - width / 2) * SIZE[0] - box.left) < 1e-3
        assert abs((y + height / 2) * SIZE[1] - box.bottom) < 1e-3


@given(st.integers(2, 500))
def test_val_gets_a_fifth_and_train_is_never_empty(count: int) -> None:
    chosen = chosen_for_val(count)
    assert 1 <= len(chosen) < count
    assert abs(len(chosen) - count / 5) <= 0.5 or count < 5


@pytest.mark.real_data
def test_real_annotations_arrive_complete(blood_cells: Path, tmp_path: Path) -> None:
    result = convert(blood_cells, tmp_path / "bccd")
    assert read_dataset(result.data).names == ("Platelets", "RBC", "WBC")
    # 4,888 objects are annotated; two are single points.
    assert codes(result) == ["box-left-out", "box-left-out"]
    assert sum(counts.boxes for counts in result.counts.values()) == 4886
    sources = {path.name: path.read_bytes() for path in (blood_cells / "JPEGImages").iterdir()}
    converted = {path.name: path.read_bytes() for path in (tmp_path / "bccd/images").rglob("*.jpg")}
    assert converted == sources
