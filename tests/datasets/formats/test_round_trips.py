"""Out of YOLO format and back: images and classes stay, and boxes move by no more than what the documents say."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.datasets.dataset_builder import Builder
from tests.datasets.formats.exports import SIZE, image
from yolops.datasets.annotations import Annotated, Annotations, Box
from yolops.datasets.convert import convert
from yolops.datasets.description import read_dataset
from yolops.datasets.formats import Target
from yolops.datasets.formats.coco import read_coco, write_coco
from yolops.datasets.formats.voc import read_voc, write_voc
from yolops.datasets.formats.yolo import read_yolo, write_yolo
from yolops.errors import YolopsError

NAMES = ("zebra", "ant & <bee>", "\u00fcber 'cat'")
once = settings(max_examples=60, deadline=None)


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A box inside the image, in millionths, of at least a pixel."""
    width, height = draw(st.integers(10_000, 1_000_000)), draw(st.integers(20_000, 1_000_000))
    # Centres such that no side lies beyond the image, on the grid of six digits.
    x, y = (draw(st.integers(-(-side // 2), 1_000_000 - -(-side // 2))) for side in (width, height))
    values = " ".join(f"{value / 1e6:.6f}" for value in (x, y, width, height))
    return f"{draw(st.integers(0, len(NAMES) - 1))} {values}\n"


def labels_of(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in root.rglob("*.txt") if path.parent.parent.name == "labels"}


def boxes(text: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, line.split())) for line in text.splitlines()]


@once
@given(st.lists(lines(), max_size=5, unique=True))
def test_yolo_to_coco_and_back_gives_the_same_text(written: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        builder = Builder(root / "yolo", NAMES)
        builder.add("train/c.jpg", image=image(root / "c.jpg").read_bytes(), labels="".join(written))
        convert(builder.root, root / "coco", to=Target.COCO)
        result = convert(root / "coco", root / "back")
        assert result.names == NAMES
        assert labels_of(root / "back")["c.txt"] == "".join(written)
        before, after = (read_dataset(path).splits for path in (builder.root, root / "back"))
        assert {split: [path.name for path in names] for split, names in before.items()} == {
            split: [path.name for path in names] for split, names in after.items()
        }
        assert {path.read_bytes() for path in before["train"]} == {path.read_bytes() for path in after["train"]}


@once
@given(st.lists(lines(), max_size=5, unique=True))
def test_yolo_to_voc_and_back_moves_no_side_by_more_than_half_a_pixel(written: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        builder = Builder(root / "yolo", NAMES)
        builder.add("train/c.jpg", image=image(root / "c.jpg").read_bytes(), labels="".join(written))
        convert(builder.root, root / "voc", to=Target.VOC)
        result = convert(root / "voc", root / "back")
        assert result.names == NAMES
        before, after = boxes("".join(written)), boxes(labels_of(root / "back")["c.txt"])
        assert [box[0] for box in before] == [box[0] for box in after]
        for (_, *old), (_, *new) in zip(before, after, strict=True):
            for axis, side in enumerate(SIZE):
                for sign in (-0.5, 0.5):
                    moved = old[axis] + sign * old[axis + 2] - new[axis] - sign * new[axis + 2]
                    assert abs(moved * side) < 0.5 + 1e-3


PIXEL = st.tuples(st.integers(0, 90), st.integers(0, 40), st.integers(1, 10), st.integers(1, 10))


@once
@given(st.lists(st.tuples(st.sampled_from(NAMES), PIXEL), min_size=1, max_size=5), st.sampled_from(Target))
def test_whole_pixels_come_back_from_every_format_to_the_thousandth(
    objects: list[tuple[str, tuple[int, int, int, int]]], target: Target
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        path = image(root / "in/a.jpg")
        drawn = tuple(Box(name, x, y, x + width, y + height) for name, (x, y, width, height) in objects)
        (root / "out").mkdir()
        write, read = {
            Target.YOLO: (write_yolo, read_yolo),
            Target.VOC: (write_voc, read_voc),
            Target.COCO: (write_coco, read_coco),
        }[target]
        write(Annotations(NAMES, (Annotated(path, "a.jpg", "train", SIZE, drawn),), ()), root / "out")
        found = read(root / "out")
    assert found.names == NAMES
    (item,) = found.images
    expected = set(drawn) if target is Target.YOLO else drawn  # a repeated line is one object in YOLO format
    read_back = [
        Box(box.name, *(round(v, 3) for v in (box.left, box.top, box.right, box.bottom))) for box in item.boxes
    ]
    assert (set(read_back) if target is Target.YOLO else tuple(read_back)) == expected


def test_every_format_can_be_written_from_every_other(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "yolo")
    builder.add("test/c.png", labels="")
    builder.yaml.write_text(builder.yaml.read_text() + "test: images/test\n")
    first = convert(builder.root, tmp_path / "a", to=Target.VOC)
    second = convert(tmp_path / "a", tmp_path / "b", to=Target.COCO)
    third = convert(tmp_path / "b", tmp_path / "c", to=Target.VOC)
    last = convert(tmp_path / "c", tmp_path / "d")
    assert first.counts == second.counts == third.counts == last.counts
    assert last.counts["test"].background == 1
    assert [(len(result.findings), result.names) for result in (first, second, third, last)] == [
        (0, ("cat", "dog"))
    ] * 4


def test_polygons_become_boxes_and_bad_lines_are_left_out_and_said(builder: Builder, tmp_path: Path) -> None:
    builder.add("train/c.png", labels="0 0.1 0.1 0.3 0.1 0.2 0.5\n")
    builder.add("train/d.png", labels="9 0.5 0.5 0.2 0.2\n" + "1 0.5 0.5 0.2 0.2\n" * 2)
    result = convert(builder.root, tmp_path / "coco", to=Target.COCO)
    assert sorted(item.code for item in result.findings) == ["class-out-of-range", "label-polygons", "label-repeated"]
    assert result.counts["train"].per_class == (2, 2)


def test_images_of_one_name_in_two_splits_get_two_names_in_voc(builder: Builder, tmp_path: Path) -> None:
    builder.add("val/a.png")
    builder.add("val/sub/a.png")
    convert(builder.root, tmp_path / "voc", to=Target.VOC)
    assert sorted(path.name for path in (tmp_path / "voc/JPEGImages").iterdir()) == [
        "a.png",
        "b.png",
        "sub_a.png",
        "val_a.png",
    ]
    assert (tmp_path / "voc/ImageSets/Main/val.txt").read_text().split() == ["val_a", "b", "sub_a"]


def test_two_images_that_would_share_labels_are_refused_and_nothing_is_left(builder: Builder, tmp_path: Path) -> None:
    builder.add("train/a.jpg", image=image(tmp_path / "x.jpg").read_bytes())
    with pytest.raises(YolopsError, match="would share its labels"):
        convert(builder.root, tmp_path / "out", to=Target.COCO)
    assert not (tmp_path / "out").exists()


def test_a_class_name_that_xml_cannot_hold_is_refused(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "yolo", ('"a\\x01"', "dog"))
    with pytest.raises(YolopsError, match="cannot be written in Pascal VOC"):
        convert(builder.root, tmp_path / "out", to=Target.VOC)
    assert [path.name for path in tmp_path.iterdir()] == ["yolo"]
