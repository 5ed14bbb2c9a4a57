"""The check in front of a training: a dataset that has not changed is not read again, one that has is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.datasets.dataset_builder import Builder, picture
from yolops.datasets.description import read_dataset
from yolops.datasets.gate import checked


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "checks"


def test_an_unchanged_dataset_is_not_read_again_and_has_the_same_report(builder: Builder, store: Path) -> None:
    builder.add("train/c.png", labels="7 0.5 0.5 0.1 0.1\n")
    first, known = checked(read_dataset(builder.yaml), store)
    assert not known
    told: list[int] = []
    second, known = checked(read_dataset(builder.yaml), store, lambda done, _: told.append(done))
    assert known
    assert told == []
    assert second == first
    assert second.errors


def test_another_dataset_has_a_report_of_its_own(builder: Builder, store: Path, tmp_path: Path) -> None:
    checked(read_dataset(builder.yaml), store)
    assert not checked(read_dataset(Builder(tmp_path / "other").yaml), store)[1]
    assert checked(read_dataset(builder.yaml), store)[1]


def rewrite(path: Path, content: bytes) -> None:
    """Change a file but neither its size nor the time of its content."""
    seen = path.stat()
    assert len(content) == seen.st_size
    path.write_bytes(content)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


CHANGES = {
    "another label": lambda root: (root / "labels/train/a.txt").write_text("1 0.5 0.5 0.2 0.2\n"),
    "a label of the same size and time": lambda root: rewrite(
        root / "labels/train/a.txt", (root / "labels/train/a.txt").read_bytes().replace(b"0.2", b"0.3")
    ),
    "one label fewer": lambda root: (root / "labels/train/a.txt").unlink(),
    "another image": lambda root: (root / "images/train/a.png").write_bytes(picture(99)),
    "one image more": lambda root: (root / "images/val/z.png").write_bytes(picture(98)),
    "another class name": lambda root: (root / "data.yaml").write_text(
        (root / "data.yaml").read_text().replace("dog", "fox")
    ),
    "labels without image": lambda root: (root / "labels/train/gone.txt").write_text(""),
    "a cache": lambda root: (root / "labels/train.cache").write_bytes(b""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_checked_again(builder: Builder, store: Path, change: str) -> None:
    first, _ = checked(read_dataset(builder.yaml), store)
    CHANGES[change](builder.root)
    second, known = checked(read_dataset(builder.yaml), store)
    assert not known
    assert second != first


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"state": 1}', b"\xff"])
def test_a_spoilt_report_is_made_anew(builder: Builder, store: Path, content: bytes) -> None:
    first, _ = checked(read_dataset(builder.yaml), store)
    (kept,) = store.iterdir()
    kept.write_bytes(content)
    assert checked(read_dataset(builder.yaml), store) == (first, False)
    assert list(store.iterdir()) == [kept]


def test_where_nothing_can_be_kept_it_is_read_each_time(builder: Builder, store: Path) -> None:
    store.write_text("in the way")
    assert not checked(read_dataset(builder.yaml), store)[1]
    assert not checked(read_dataset(builder.yaml), store)[1]
