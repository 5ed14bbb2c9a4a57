"""`--fix`: what is safe is repaired in a copy, and the dataset stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.dataset_builder import BOX, Builder
from yolops.datasets.check import check
from yolops.datasets.description import label_path, read_dataset
from yolops.datasets.mend import mend, mended_labels
from yolops.errors import YolopsError

WRONG = "7 0.5 0.5 0.1 0.1\n"


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def labels_of(target: Path) -> dict[str, str]:
    train = read_dataset(target).splits["train"]
    return {image.name: label_path(image).read_text() for image in train if label_path(image).exists()}


def test_a_copy_is_repaired_and_the_dataset_stays_as_it_is(builder: Builder, tmp_path: Path) -> None:
    builder.add("train/repeated.png", labels=BOX + "0 0.50 0.5 0.2 0.2\n")
    builder.add("train/windows.png", labels=b"\xef\xbb\xbf" + BOX.replace("\n", "\r\n").encode())
    builder.add("train/rounded.png", labels="0 0.5 0.5 0.4 1.000001\n")
    builder.add("train/shouted.png", labels=None)
    (builder.root / "labels/train/shouted.TXT").write_text(BOX)
    (builder.root / "labels/train/gone.txt").write_text(BOX)
    before = contents(builder.root)
    mended = mend(read_dataset(builder.yaml), tmp_path / "copy")
    assert contents(builder.root) == before
    assert (mended.images, mended.files) == (6, 4)
    assert dict(mended.lines) == {"label-repeated": 1, "box-slightly-outside": 1}
    assert check(read_dataset(tmp_path / "copy")).findings == ()
    assert labels_of(tmp_path / "copy")["rounded.png"] == "0 0.5 0.5 0.4 1\n"
    assert labels_of(tmp_path / "copy")["shouted.png"] == BOX


def test_wrong_lines_are_taken_out_only_if_asked_for(builder: Builder, tmp_path: Path) -> None:
    builder.add("train/c.png", labels=BOX + WRONG)
    dataset = read_dataset(builder.yaml)
    mend(dataset, tmp_path / "kept")
    assert labels_of(tmp_path / "kept")["c.png"] == BOX + WRONG
    assert dict(mend(dataset, tmp_path / "dropped", drop=True).lines) == {"class-out-of-range": 1}
    assert labels_of(tmp_path / "dropped")["c.png"] == BOX


def test_a_dry_run_says_the_same_and_writes_nothing(builder: Builder, tmp_path: Path) -> None:
    builder.add("train/c.png", labels=BOX + BOX)
    dataset = read_dataset(builder.yaml)
    before = set(tmp_path.rglob("*"))
    planned = mend(dataset, None)
    assert set(tmp_path.rglob("*")) == before
    assert planned == mend(dataset, tmp_path / "copy")


def test_images_of_one_name_stay_apart_with_their_labels(builder: Builder, tmp_path: Path) -> None:
    builder.add("more/A.png", labels="1 0.3 0.3 0.2 0.2\n")
    builder.add("train/a.jpg", labels=None)
    builder.yaml.write_text("train: [images/train, images/more]\nval: images/val\nnames: [cat, dog]\n")
    mend(read_dataset(builder.yaml), tmp_path / "copy")
    assert sorted(path.suffix for path in (tmp_path / "copy/images/train").iterdir()) == [".jpg", ".png", ".png"]
    assert len({label_path(image) for image in read_dataset(tmp_path / "copy").splits["train"]}) == 3


def test_a_directory_that_holds_something_is_refused(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/mine").write_text("")
    with pytest.raises(YolopsError, match="exists already"):
        mend(read_dataset(builder.yaml), tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["mine"]


@given(st.binary(max_size=300), st.booleans())
def test_repairing_twice_is_repairing_once(content: bytes, drop: bool) -> None:
    once, _ = mended_labels(content, 2, drop=drop)
    twice, done = mended_labels(once, 2, drop=drop)
    assert twice == once
    assert not done
