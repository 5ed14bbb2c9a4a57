"""Manifests and indexes come back as they were written; what somebody else wrote into them does no harm."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolops.datasets.description import label_path
from yolops.datasets.versions.layout import labels_of
from yolops.datasets.versions.manifest import (
    Index,
    Manifest,
    Member,
    Part,
    is_inside,
    read_index,
    read_manifest,
    write_index,
    write_manifest,
)
from yolops.datasets.versions.packs import Pack
from yolops.datasets.versions.requests import GAP_BYTES, plan
from yolops.errors import YolopsError

A, B = "a" * 64, "b" * 64
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MANIFEST = Manifest(A, WHEN, ("cat", "dög"), MappingProxyType({"train": 3, "val": 1}), 8, 1000, B)
PACK = Part(f"packs/{A}.tar", 2000)
FILES = (Member("images/ü.jpg", A, 10, 0, 512), Member("labels/ü.txt", B, 3, 0, 1536))
INDEX = Index("", (PACK,), FILES, MappingProxyType({"train": (0,), "val": ()}))


def content_of(index: Index) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(gzip.decompress(write_index(index)))
    return value


def read(content: bytes) -> Index:
    return read_index(content, hashlib.sha256(content).hexdigest(), "somewhere")


def test_a_manifest_comes_back_as_it_was_written() -> None:
    assert read_manifest(write_manifest(MANIFEST), "somewhere") == MANIFEST


def test_an_index_comes_back_as_it_was_written_and_is_the_same_every_time() -> None:
    assert read(write_index(INDEX)) == INDEX
    assert write_index(INDEX) == write_index(INDEX)


def test_a_manifest_of_a_newer_yolops_is_not_guessed_at() -> None:
    newer = write_manifest(MANIFEST).replace(b'"format": 1', b'"format": 2')
    with pytest.raises(YolopsError, match="does not know"):
        read_manifest(newer, "somewhere")


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "a//b", "", ".", "a\\b", "a\0b", "./a"])
def test_a_path_that_leads_out_of_the_dataset_is_refused(path: str) -> None:
    value = content_of(INDEX)
    value["files"][0][0] = path
    with pytest.raises(YolopsError, match="damaged"):
        read(gzip.compress(json.dumps(value).encode()))


@pytest.mark.parametrize(
    ("key", "to"),
    [
        ("objects", [["../../other/secret", 2000]]),
        ("objects", [[PACK.key, -1]]),
        ("objects", []),
        ("files", [["images/a.jpg", A, 10, 0, 1995]]),
        ("files", [["images/a.jpg", A, -10, 0, 0]]),
        ("files", [["images/a.jpg", "nohash", 10, 0, 0]]),
        ("files", [["images/a.jpg", A, 10, -1, 0]]),
        ("splits", {"train": [7]}),
        ("splits", {"train": [-1]}),
        ("splits", {"train": [1]}),
        ("files", [["images/a.jpg", A, 10, 0, 512]] * 2),
        ("files", [["images/a.jpg", A, 10, 1, 512]]),
        ("splits", {"train": "x"}),
        ("root", "../.."),
        ("files", 3),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(key: str, to: object) -> None:
    with pytest.raises(YolopsError, match="damaged"):
        read(gzip.compress(json.dumps(content_of(INDEX) | {key: to}).encode()))


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_readers(content: bytes) -> None:
    for reader in (lambda: read(content), lambda: read(gzip.compress(content)), lambda: read_manifest(content, "x")):
        with pytest.raises(YolopsError):
            reader()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["version", "pushed", "names", "images", "files", "bytes", "index"]), JSON)
def test_no_value_crashes_the_reader_of_manifests(key: str, value: object) -> None:
    content = json.dumps(json.loads(write_manifest(MANIFEST)) | {key: value}).encode()
    try:
        read_manifest(content, "x")
    except YolopsError as error:
        assert error.message.startswith("x: damaged")


@given(st.sampled_from(["objects", "files", "splits", "root"]), JSON)
def test_no_value_crashes_the_reader_of_indexes(key: str, value: object) -> None:
    try:
        read(gzip.compress(json.dumps(content_of(INDEX) | {key: value}).encode()))
    except YolopsError as error:
        assert error.message.startswith("somewhere: damaged")


@given(st.text(max_size=30))
def test_what_is_called_inside_stays_inside(path: str) -> None:
    if is_inside(path):
        assert Path("/a/b", path).resolve().is_relative_to("/a/b") or Path("/a/b", path).is_symlink()


NAMES = st.lists(st.sampled_from(["images", "labels", "train", "a.b", "ü", "x images"]), max_size=5)


@given(NAMES, st.sampled_from(["a.jpg", "b.c.PNG", "images.jpeg"]))
def test_labels_are_where_the_rest_of_yolops_looks_for_them(directories: list[str], name: str) -> None:
    path = "/".join([*directories, name])
    assert Path("/", labels_of(path)) == label_path(Path("/", path))


FILE_NAMES = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=120)


@given(st.lists(st.tuples(FILE_NAMES, st.binary(max_size=2000)), max_size=8))
def test_a_pack_is_a_tar_file_with_each_file_at_its_offset(files: list[tuple[str, bytes]]) -> None:
    pack = Pack()
    offsets = [pack.add(f"images/{name}", content) for name, content in files]
    whole = bytes(pack.close())
    for offset, (_, content) in zip(offsets, files, strict=True):
        assert whole[offset : offset + len(content)] == content
    with tarfile.open(fileobj=BytesIO(whole)) as tar:
        found = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    assert found == [(f"images/{name}".rstrip("/"), content) for name, content in files]


def spread(places: list[tuple[int, int]], size: int) -> Index:
    files = tuple(Member(f"images/{number}.jpg", A, length, 0, at) for number, (at, length) in enumerate(places))
    return Index("", (Part(PACK.key, size),), files, MappingProxyType({}))


def test_files_that_lie_together_take_one_request() -> None:
    index = spread([(512, 1000), (2048, 1000), (9_000_000, 1000)], 10_000_000)
    assert [(one.start, one.end) for one in plan(index, index.files)] == [(512, 3048), (9_000_000, 9_001_000)]


def test_an_object_of_which_half_is_wanted_is_taken_whole() -> None:
    index = spread([(0, 3_000_000), (5_000_000, 3_000_000)], 10_000_000)
    assert [(one.start, one.end) for one in plan(index, index.files)] == [(0, None)]
    assert [(one.start, one.end) for one in plan(index, index.files[:1])] == [(0, 3_000_000)]


@given(st.lists(st.tuples(st.integers(0, 9_000_000), st.integers(0, 900_000)), min_size=1, max_size=12))
def test_requests_cover_every_wanted_file_once_and_bring_little_else(places: list[tuple[int, int]]) -> None:
    index = spread(places, 10_000_000)
    requests = plan(index, index.files)
    assert sorted(member.path for one in requests for member in one.members) == sorted(m.path for m in index.files)
    for one in requests:
        end = one.end if one.end is not None else one.part.size
        assert all(one.start <= member.offset and member.offset + member.size <= end for member in one.members)
        if one.end is not None:
            assert one.size <= sum(member.size for member in one.members) + GAP_BYTES * len(one.members)
