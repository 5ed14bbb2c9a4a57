"""The fingerprint of a dataset follows its content and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.dataset_builder import Builder
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.fingerprint import Entry, digest, fingerprint

HASH = st.text("0123456789abcdef", min_size=64, max_size=64)
NAME = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
ENTRIES = st.lists(st.builds(Entry, st.sampled_from(["train", "val"]), NAME, HASH, HASH), max_size=10, unique=True)


def mark(root: Path) -> str:
    return check(read_dataset(root)).fingerprint


@given(ENTRIES, st.randoms())
def test_the_order_of_files_does_not_matter(entries: list[Entry], random: object) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fingerprint(["cat"], shuffled) == fingerprint(["cat"], entries)


@given(ENTRIES.filter(bool), HASH)
def test_one_other_hash_is_another_fingerprint(entries: list[Entry], other: str) -> None:
    first = entries[0]
    if other != first.image:
        changed = [Entry(first.split, first.name, other, first.labels), *entries[1:]]
        assert fingerprint(["cat"], changed) != fingerprint(["cat"], entries)


def test_accents_are_the_same_however_they_are_composed() -> None:
    composed, decomposed = (Entry("train", name, "0" * 64, "0" * 64) for name in ("caf\u00e9.jpg", "cafe\u0301.jpg"))
    assert fingerprint(["cat"], [composed]) == fingerprint(["cat"], [decomposed])


def test_the_digest_is_short_enough_for_mlflow(builder: Builder) -> None:
    assert len(digest(mark(builder.root))) == 32


def test_place_time_and_line_ends_do_not_matter(builder: Builder, tmp_path: Path) -> None:
    before = mark(builder.root)
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(builder.root, copy)
    labels = copy / "labels/train/a.txt"
    labels.write_bytes(b"\xef\xbb\xbf" + labels.read_bytes().replace(b"\n", b"\r\n"))
    os.utime(labels, (1, 1))
    assert mark(copy) == before


def test_an_empty_label_file_is_the_same_as_none(builder: Builder) -> None:
    image = builder.add("train/c.png", labels="")
    before = mark(builder.root)
    (builder.root / "labels/train/c.txt").unlink()
    assert image.exists()
    assert mark(builder.root) == before


def test_a_class_name_a_label_an_image_and_a_split_matter(builder: Builder) -> None:
    seen = {mark(builder.root)}
    builder.yaml.write_text(builder.yaml.read_text().replace("dog", "fox"))
    seen.add(mark(builder.root))
    builder.label("train/a.png", "0 0.5 0.5 0.2 0.2\n")
    seen.add(mark(builder.root))
    image = builder.add("train/c.png")
    seen.add(mark(builder.root))
    image.rename(builder.root / "images/val/c.png")
    seen.add(mark(builder.root))
    assert len(seen) == 5


def test_it_is_what_it_was_in_every_release() -> None:
    """A fingerprint that changes makes every dataset version that was ever logged a stranger."""
    entries = [Entry("train", "images/train/a.jpg", "a" * 64, "b" * 64)]
    assert fingerprint(["cat", "dog"], entries) == "53f01805b464b02f9a8e491ba94d63b2e3a87944b16bf8a095cbf062875e09d6"
