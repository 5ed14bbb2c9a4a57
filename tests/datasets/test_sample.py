"""The generated dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.sample import write_sample
from yolops.errors import YolopsError

FEW = (12, 4, 2)


def test_the_sample_has_no_findings_and_all_classes(tmp_path: Path) -> None:
    report = check(read_dataset(write_sample(tmp_path / "s", images=FEW)))
    assert report.findings == ()
    assert [counts.images for counts in report.splits.values()] == list(FEW)
    assert min(report.splits["train"].per_class) > 0


def test_a_seed_decides_everything(tmp_path: Path) -> None:
    marks = [
        check(read_dataset(write_sample(tmp_path / name, images=FEW, seed=seed))).fingerprint
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert marks[0] == marks[1] != marks[2]


def test_more_images_of_one_split_change_none_of_the_others(tmp_path: Path) -> None:
    few = write_sample(tmp_path / "few", images=FEW).parent
    more = write_sample(tmp_path / "more", images=(14, 4, 2)).parent
    for name in ("train/0011", "val/0003", "test/0001"):
        assert (few / f"images/{name}.jpg").read_bytes() == (more / f"images/{name}.jpg").read_bytes()


def test_boxes_fit_the_shapes(tmp_path: Path) -> None:
    root = write_sample(tmp_path / "s", images=(5, 1, 0), size=96).parent
    for number in range(5):
        with Image.open(root / f"images/train/{number:04d}.jpg") as picture:
            corner = picture.getpixel((0, 0))
            rows = (root / f"labels/train/{number:04d}.txt").read_text().splitlines()
            for row in rows:
                _, x, y, _, _ = map(float, row.split())
                centre = picture.getpixel((int(x * 96), int(y * 96)))
                assert sum(abs(a - b) for a, b in zip(centre, corner, strict=True)) > 60


def test_the_same_sample_is_written_once(tmp_path: Path) -> None:
    first = write_sample(tmp_path / "s", images=FEW)
    image = tmp_path / "s/images/train/0000.jpg"
    written = image.stat().st_mtime_ns
    assert write_sample(tmp_path / "s", images=FEW) == first
    assert image.stat().st_mtime_ns == written


def test_a_directory_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    write_sample(tmp_path / "s", images=FEW)
    with pytest.raises(YolopsError, match="exists already"):
        write_sample(tmp_path / "s", images=FEW, seed=9)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(YolopsError, match="exists already"):
        write_sample(tmp_path, images=FEW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "s"]


def test_numbers_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match="no sample"):
        write_sample(tmp_path / "s", images=(0, 1, 1))
    assert list(tmp_path.iterdir()) == []
