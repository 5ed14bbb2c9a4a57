"""A version is in the store wholly or not at all, whatever ends a push, and nothing is sent twice."""

from __future__ import annotations

import tarfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.datasets.versions.memory_store import Died, MemoryStore
from tests.datasets.versions.photographs import ALONE, BIG, photograph, photographs
from yolops.datasets.check import check
from yolops.datasets.description import Dataset, read_dataset
from yolops.datasets.versions.catalogue import find_version, index_of, intact, versions
from yolops.datasets.versions.pull import pull
from yolops.datasets.versions.push import push
from yolops.errors import YolopsError

SIZES = [100, 100, 0, BIG, BIG, BIG, ALONE, ALONE, 100, 100]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return photographs(tmp_path_factory.mktemp("data"), SIZES)


def packs(store: MemoryStore) -> list[str]:
    return [key for key in store.objects if "/packs/" in key or "/files/" in key]


def all_are_whole(store: MemoryStore) -> bool:
    """Say whether every manifest refers to objects that are there."""
    there = {item.key: item for item in store.below("")}
    names = {key.split("/")[0] for key in store.objects}
    return all(intact(name, index_of(store, name, one), there) for name in names for one in versions(store, name))


def test_the_version_is_the_fingerprint_that_the_check_finds(dataset: Dataset) -> None:
    store = MemoryStore()
    pushed = push(store, "cats", dataset)
    assert pushed.version == check(dataset).fingerprint
    assert find_version(store, "cats").version == pushed.version
    assert dict(pushed.images) == {"train": 7, "val": 3}
    assert pushed.files == 10 + 9


def test_small_files_travel_in_tar_files_that_anybody_can_unpack(dataset: Dataset) -> None:
    store = MemoryStore()
    push(store, "cats", dataset)
    assert len([key for key in packs(store) if "/files/" in key]) == 2
    found: dict[str, bytes] = {}
    for key in packs(store):
        if key.endswith(".tar"):
            with tarfile.open(fileobj=BytesIO(store.objects[key][0])) as pack:
                found |= {member.name: pack.extractfile(member).read() for member in pack}  # type: ignore[union-attr]
    assert len(found) == 10 + 9 - 2
    for name, content in found.items():
        assert (dataset.root / name).read_bytes() == content


def test_a_version_that_is_there_is_not_sent_again(dataset: Dataset) -> None:
    store = MemoryStore()
    version = push(store, "cats", dataset).version
    store.written.clear()
    again = push(store, "cats", dataset, version=version)
    assert (again.new, again.sent_objects, again.files) == (False, 0, 19)
    assert not push(store, "cats", dataset).new  # unchecked, so it is read to be known
    assert store.written == []


def test_only_new_contents_are_sent_with_the_next_version(tmp_path: Path) -> None:
    store = MemoryStore()
    first = push(store, "cats", photographs(tmp_path, [20_000] * 200))
    for number in (3, 117):
        photograph(tmp_path, number, bytes([number]) * 20_000)
    second = push(store, "cats", read_dataset(tmp_path))
    assert second.new
    assert second.sent_bytes <= 0.03 * first.sent_bytes
    assert len(versions(store, "cats")) == 2
    assert all_are_whole(store)


def test_contents_that_only_moved_are_not_sent_again(tmp_path: Path) -> None:
    store = MemoryStore()
    push(store, "cats", photographs(tmp_path, SIZES))
    (tmp_path / "images/train/0003.jpg").rename(tmp_path / "images/val/0003.jpg")
    (tmp_path / "labels/train/0003.txt").rename(tmp_path / "labels/val/0003.txt")
    moved = push(store, "cats", read_dataset(tmp_path))
    assert moved.new
    assert moved.sent_bytes < 10_000


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(dataset: Dataset) -> None:
    store = MemoryStore()
    said = push(store, "cats", dataset, dry_run=True)
    assert store.objects == {}
    done = push(store, "cats", dataset)
    assert (said.version, said.new, said.sent_objects) == (done.version, True, done.sent_objects)
    assert said.sent_bytes == pytest.approx(done.sent_bytes, abs=100)


def test_a_dataset_that_changes_between_check_and_push_is_refused(tmp_path: Path) -> None:
    store = MemoryStore()
    data = photographs(tmp_path, SIZES)
    version = check(data).fingerprint
    photograph(tmp_path, 4, b"something else")
    with pytest.raises(YolopsError, match="was changed"):
        push(store, "cats", data, version=version)
    assert versions(store, "cats") == []


def test_a_file_that_vanishes_ends_the_push_with_its_name(tmp_path: Path) -> None:
    data = photographs(tmp_path, SIZES)
    (tmp_path / "images/train/0003.jpg").unlink()
    with pytest.raises(YolopsError, match=r"0003\.jpg: cannot be read"):
        push(MemoryStore(), "cats", data)


@pytest.mark.parametrize("broken", ["packs", "files", "index"])
def test_a_version_whose_objects_are_gone_is_mended_by_a_push(dataset: Dataset, tmp_path: Path, broken: str) -> None:
    store = MemoryStore()
    version = push(store, "cats", dataset).version
    del store.objects[next(key for key in store.objects if f"/{broken}/" in key)]
    assert push(store, "cats", dataset, version=version).new
    assert all_are_whole(store)
    pull(store, "cats", find_version(store, "cats"), tmp_path / "out")


def test_a_damaged_manifest_is_mended_by_a_push(dataset: Dataset) -> None:
    store = MemoryStore()
    version = push(store, "cats", dataset).version
    key = f"cats/.yolops/versions/{version}.json"
    store.objects[key] = (b"{", store.objects[key][1])
    assert push(store, "cats", dataset, version=version).sent_objects > 0
    assert all_are_whole(store)


@given(dies_at=st.integers(1, 14))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_a_push_dies_nothing_is_half_there_and_the_next_goes_on(dataset: Dataset, dies_at: int) -> None:
    store = MemoryStore()
    store.dies_at = dies_at
    died = False
    try:
        push(store, "cats", dataset)
    except Died:
        died = True
    store.dies_at = None
    assert all_are_whole(store)
    assert died == (versions(store, "cats") == [])
    sent = set(packs(store))
    store.written.clear()
    assert push(store, "cats", dataset).new == died
    assert not sent & set(store.written)
    assert len(versions(store, "cats")) == 1
    assert all_are_whole(store)


def test_what_an_interrupted_push_sent_long_ago_is_sent_again_because_it_may_be_pruned(dataset: Dataset) -> None:
    store = MemoryStore()
    store.dies_at = 6
    with pytest.raises(Died):
        push(store, "cats", dataset)
    store.dies_at = None
    sent = set(packs(store))
    assert sent
    store.age(timedelta(days=4))
    store.written.clear()
    push(store, "cats", dataset)
    assert sent <= set(store.written)


def test_of_two_pushes_of_one_version_at_once_both_end_well_and_one_is_new(dataset: Dataset) -> None:
    store = MemoryStore()
    results = []

    def meanwhile(call: int) -> None:
        if call == 4:
            store.before = lambda _: None
            results.append(push(store, "cats", dataset))

    store.before = meanwhile
    results.append(push(store, "cats", dataset))
    assert sorted(result.new for result in results) == [False, True]
    assert len(versions(store, "cats")) == 1
    assert all_are_whole(store)


def test_an_annotation_tools_line_ends_do_not_make_another_version(tmp_path: Path) -> None:
    store = MemoryStore()
    push(store, "cats", photographs(tmp_path, SIZES))
    for file in tmp_path.rglob("labels/*/*.txt"):
        file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
    assert not push(store, "cats", read_dataset(tmp_path)).new
