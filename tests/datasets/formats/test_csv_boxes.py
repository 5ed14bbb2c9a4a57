"""CSV of boxes: TensorFlow's columns and their relatives, in pixels or fractions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.datasets.formats.exports import csv, image
from tests.datasets.formats.test_cvat import corners
from yolops.datasets.convert import convert
from yolops.datasets.formats import Source
from yolops.datasets.formats.csv_boxes import is_csv, read_csv
from yolops.errors import YolopsError


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.jpg,100,50,dog,10,10,30,30"),
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.jpg,100,50,dog,0.1,0.2,0.3,0.6"),
        ("\ufeffImage;Label;X1;Y1;X2;Y2", "a.jpg;dog;10;10;30;30"),
        ('"path"\t"xmin"\t"xmax"\t"ymin"\t"ymax"\t"class_name"', '"a.jpg"\t10\t30\t10.0\t3e1\t"dog"'),
    ],
)
def test_columns_are_found_by_their_names_and_fractions_by_their_size(tmp_path: Path, header: str, line: str) -> None:
    csv(tmp_path, line, header=header)
    found = read_csv(tmp_path)
    assert (found.names, corners(found), found.findings) == (("dog",), [(10, 10, 30, 30)], ())


def test_lines_of_one_image_are_its_boxes_and_an_empty_one_is_a_background(tmp_path: Path) -> None:
    image(tmp_path / "b.jpg")
    csv(tmp_path, "a.jpg,,,dog,10,10,30,30", "b.jpg,,,,,,,", "a.jpg,,,cat,1,1,9,9")
    found = read_csv(tmp_path)
    assert [[box.name for box in item.boxes] for item in found.images] == [["dog", "cat"], []]
    assert found.names == ("cat", "dog")


def test_a_split_is_a_column_a_directory_or_part_of_the_name(tmp_path: Path) -> None:
    csv(tmp_path / "one", "a.jpg,dog,1,1,9,9,VALIDATION", header="filename,class,xmin,ymin,xmax,ymax,split")
    csv(tmp_path / "two/valid", "a.jpg,,,dog,1,1,9,9").rename(tmp_path / "two/valid/_annotations.csv")
    csv(tmp_path / "three", "a.jpg,,,dog,1,1,9,9").rename(tmp_path / "three/test_labels.csv")
    splits = [read_csv(tmp_path / name).images[0].split for name in ("one", "two", "three")]
    assert splits == ["val", "val", "test"]


@pytest.mark.parametrize(
    "line",
    ["a.jpg,,,dog,nan,1,9,9", "a.jpg,,,dog,1e300,1,9,9", "a.jpg,,,dog,1,1,9", "a.jpg,,,,1,1,9,9", "a.jpg,,,d,x,1,9,9"],
)
def test_a_line_that_is_incomplete_is_left_out_and_said_with_its_number(tmp_path: Path, line: str) -> None:
    csv(tmp_path, "a.jpg,,,dog,10,10,30,30", line)
    found = read_csv(tmp_path)
    assert [(item.code, item.where.endswith("labels.csv:3")) for item in found.findings] == [
        ("object-incomplete", True)
    ]
    assert corners(found) == [(10, 10, 30, 30)]


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "C:\\photos\\a.jpg", "a.exe", ""])
def test_a_name_outside_the_dataset_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    csv(tmp_path, f"{name},,,dog,1,1,9,9")
    with pytest.raises(YolopsError, match=r"labels\.csv:2: the file name"):
        read_csv(tmp_path)


def test_files_that_are_no_boxes_are_passed_over_or_refused(tmp_path: Path) -> None:
    csv(tmp_path, "a.jpg,,,dog,1,1,9,9")
    (tmp_path / "other.csv").write_text("filename,class\na.jpg,dog\n")
    assert len(read_csv(tmp_path).images) == 1
    (tmp_path / "labels.csv").write_bytes(b"filename,class,xmin,ymin,xmax,ymax\n\xff\xfe\n")
    with pytest.raises(YolopsError, match=r"labels\.csv: not a CSV file"):
        read_csv(tmp_path)
    (tmp_path / "labels.csv").write_text('filename,class,xmin,ymin,xmax,ymax\n"' + "a" * 200_000)
    with pytest.raises(YolopsError, match=r"labels\.csv: not a CSV file"):
        read_csv(tmp_path)
    (tmp_path / "labels.csv").unlink()
    assert not is_csv(tmp_path)
    with pytest.raises(YolopsError, match=r"no \.csv file with a column"):
        read_csv(tmp_path)


def test_it_is_recognised(tmp_path: Path) -> None:
    path = csv(tmp_path / "in", "a.jpg,,,dog,10,10,30,30")
    assert convert(path, tmp_path / "a").source_format is Source.CSV
    assert convert(tmp_path / "in", tmp_path / "b").source_format is Source.CSV
    assert (tmp_path / "b/labels/train/a.txt").read_text() == "0 0.200000 0.400000 0.200000 0.400000\n"
