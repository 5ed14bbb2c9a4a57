"""What is pulled is what was pushed, byte for byte, or there is an error and no directory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.datasets.dataset_builder import Builder
from tests.datasets.versions.memory_store import Died, MemoryStore
from tests.datasets.versions.photographs import ALONE, BIG, photograph, photographs
from yolops.datasets.check import check
from yolops.datasets.description import Dataset, read_dataset
from yolops.datasets.versions.cache import Cache
from yolops.datasets.versions.catalogue import find_version
from yolops.datasets.versions.pull import Pulled, pull, pull_plain
from yolops.datasets.versions.push import push
from yolops.errors import YolopsError

SIZES = [100, 100, 0, BIG, BIG, BIG, ALONE, ALONE, 100, 100]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return photographs(tmp_path_factory.mktemp("data"), SIZES)


@pytest.fixture
def store(dataset: Dataset) -> MemoryStore:
    store = MemoryStore()
    push(store, "cats", dataset)
    return store


def pulled(store: MemoryStore, target: Path, which: str = "", **options: object) -> Pulled:
    return pull(store, "cats", find_version(store, "cats", which), target, **options)  # type: ignore[arg-type]


def contents(root: Path) -> dict[str, bytes]:
    files = (file for file in root.rglob("*") if file.is_file() and file.name != "data.yaml")
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def test_a_pulled_version_has_the_same_files_and_the_same_fingerprint(
    store: MemoryStore, dataset: Dataset, tmp_path: Path
) -> None:
    result = pulled(store, tmp_path / "new/cats")
    assert contents(tmp_path / "new/cats") == contents(dataset.root)
    assert check(read_dataset(tmp_path / "new/cats")).fingerprint == result.version
    assert result.files == 19
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["cats"]


def test_one_split_brings_its_own_files_and_a_description_of_it(store: MemoryStore, tmp_path: Path) -> None:
    before = store.fetched_bytes
    result = pulled(store, tmp_path / "val", splits=["val"])
    assert sorted(contents(tmp_path / "val")) == [
        f"{kind}/val/{number:04d}.{suffix}"
        for kind, suffix in (("images", "jpg"), ("labels", "txt"))
        for number in (1, 5, 9)
    ]
    assert "train" not in (tmp_path / "val/data.yaml").read_text()
    assert store.fetched_bytes - before < 2 * result.bytes + 10_000


def test_a_split_that_is_not_there_is_an_error_that_names_those_that_are(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match="no split 'test'") as caught:
        pulled(store, tmp_path / "out", splits=["test"])
    assert caught.value.hint == "there is: train, val"


@pytest.mark.parametrize("kind", ["packs", "files"])
def test_an_object_that_was_changed_is_named_and_nothing_appears(store: MemoryStore, tmp_path: Path, kind: str) -> None:
    _, key = max((len(content), key) for key, (content, _) in store.objects.items() if f"/{kind}/" in key)
    content, at = store.objects[key]
    store.objects[key] = (content[:2_000_000] + bytes(4) + content[2_000_004:], at)
    with pytest.raises(YolopsError, match="not what was pushed") as caught:
        pulled(store, tmp_path / "out")
    assert key in caught.value.message
    assert not (tmp_path / "out").exists()


def test_after_the_changed_object_was_deleted_a_push_mends_the_version(
    store: MemoryStore, dataset: Dataset, tmp_path: Path
) -> None:
    key = next(key for key in store.objects if "/packs/" in key)
    del store.objects[key]
    push(store, "cats", dataset, version=find_version(store, "cats").version)
    pulled(store, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(dataset.root)


def test_an_index_that_was_changed_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    key = next(key for key in store.objects if "/index/" in key)
    content, at = store.objects[key]
    store.objects[key] = (content + b" ", at)
    with pytest.raises(YolopsError, match="damaged"):
        pulled(store, tmp_path / "out")


def test_a_manifest_that_stands_for_another_dataset_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    version = find_version(store, "cats").version
    other = "0" * 64
    content, at = store.objects.pop(f"cats/.yolops/versions/{version}.json")
    store.objects[f"cats/.yolops/versions/{other}.json"] = (content.replace(version.encode(), other.encode()), at)
    with pytest.raises(YolopsError, match="another dataset"):
        pulled(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_pull_that_died_is_gone_on_with(store: MemoryStore, dataset: Dataset, tmp_path: Path) -> None:
    store.dies_at = store.calls + 6
    with pytest.raises(Died):
        pulled(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    store.dies_at = None
    begun = next(tmp_path.glob(".out.*.partial"))
    half = next(file for file in begun.rglob("*.jpg") if file.stat().st_size)
    half.write_bytes(half.read_bytes()[:-1])  # the process died while it wrote
    already = sum(file.stat().st_size for file in begun.rglob("*.jpg"))
    result = pulled(store, tmp_path / "out")
    assert result.fetched_bytes < result.bytes - already + 2 * BIG + 100_000
    assert contents(tmp_path / "out") == contents(dataset.root)
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_a_directory_that_holds_something_is_left_alone(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(YolopsError, match="exists already"):
        pulled(store, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_while_one_pulls_another_into_the_same_place_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    refused: list[str] = []

    def meanwhile(call: int) -> None:
        store.before = lambda _: None
        try:
            pulled(store, tmp_path / "out")
        except YolopsError as error:
            refused.append(error.message)

    started = store.calls

    def at_first_object(call: int) -> None:
        if call == started + 4:
            meanwhile(call)

    store.before = at_first_object
    pulled(store, tmp_path / "out")
    assert len(refused) == 1
    assert "another process is pulling it" in refused[0]


def test_the_next_version_takes_what_it_shares_from_the_cache(tmp_path: Path) -> None:
    store, cache = MemoryStore(), Cache(tmp_path / "cache")
    push(store, "cats", photographs(tmp_path / "data", SIZES))
    first = pulled(store, tmp_path / "first", cache=cache)
    photograph(tmp_path / "data", 8, b"new")
    push(store, "cats", read_dataset(tmp_path / "data"))
    second = pulled(store, tmp_path / "second", cache=cache)
    assert first.fetched_bytes > 10_000_000
    assert second.fetched_bytes < 10_000
    assert contents(tmp_path / "second") == contents(tmp_path / "data")


def test_a_damaged_cache_is_found_out_and_fetched_anew(store: MemoryStore, dataset: Dataset, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    pulled(store, tmp_path / "first", cache=cache)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(b"rubbish")
    pulled(store, tmp_path / "second", cache=cache)
    assert contents(tmp_path / "second") == contents(dataset.root)


def test_the_cache_keeps_to_its_bound_and_forgets_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=25)
    for number in range(3):
        cache.put(f"packs/{number}", memoryview(bytes(10)))
    for number in (1, 2, 0):
        assert cache.get(f"packs/{number}") == bytes(10)
    cache.trim()
    assert cache.get("packs/1") is None
    assert cache.get("packs/0") == cache.get("packs/2") == bytes(10)


def test_a_version_that_somebody_trains_on_stays_in_the_cache_until_he_is_done(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=25)
    with cache.version("cats", "a" * 64) as target:
        target.mkdir()
        (target / "data.yaml").write_bytes(bytes(30))
        cache.put("packs/0", memoryview(bytes(10)))
        cache.trim()
        assert (target / "data.yaml").exists()
        assert cache.get("packs/0") is None
    cache.trim()
    assert list(tmp_path.iterdir()) == []


def test_whoever_comes_while_a_version_is_removed_gets_a_place_of_his_own(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", most_bytes=-1)

    def train(number: int) -> None:
        for _ in range(100):
            with cache.version("cats", "a" * 64) as target:
                (target.parent / f"{number}").write_bytes(b"x")
                cache.trim()
                assert (target.parent / f"{number}").read_bytes() == b"x"

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(train, range(4))) == [None] * 4
    cache.trim()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_no_error(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    pulled(store, tmp_path / "out", cache=Cache(tmp_path / "cache"))


def test_the_newest_version_is_meant_unless_another_is_named(tmp_path: Path) -> None:
    store = MemoryStore()
    first = push(store, "cats", photographs(tmp_path / "data", [100] * 4)).version
    photograph(tmp_path / "data", 0, b"new")
    second = push(store, "cats", read_dataset(tmp_path / "data")).version
    for version, seconds in ((first, "10"), (second, "20")):
        key = f"cats/.yolops/versions/{version}.json"
        content, at = store.objects[key]
        stamp = content.index(b'"pushed": "') + 11
        store.objects[key] = (content[:stamp] + f"2026-01-01T00:00:{seconds}".encode() + content[stamp + 19 :], at)
    assert find_version(store, "cats").version == second
    assert find_version(store, "cats", first[:8]).version == first
    assert find_version(store, "cats", first).version == first
    with pytest.raises(YolopsError, match="there is no version 'abc'") as caught:
        find_version(store, "cats", "abc")
    assert second[:12] in caught.value.hint


@pytest.mark.parametrize(
    "images",
    [
        ["train/images/a.png", "valid/images/b.png"],
        ["a.png", "b.png"],
        ["all/images/a.png", "all/images/b.png"],
        ["images/b c.png", "images/.hidden/ü.png"],
    ],
)
def test_whatever_a_dataset_looks_like_it_comes_back_with_its_fingerprint(tmp_path: Path, images: list[str]) -> None:
    root = tmp_path / "data"
    builder = Builder(root)
    for split, name in zip(("train", "val"), images, strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(builder.add(f"x/{split}.png").read_bytes())
        (root / f"{split}.txt").write_text(f"./{name}\n", encoding="utf-8")
        labels = Path("/", name).with_suffix(".txt").as_posix()[1:].replace("images/", "labels/")
        (root / labels).parent.mkdir(parents=True, exist_ok=True)
        (root / labels).write_text("0 0.5 0.5 0.2 0.2\n")
    builder.yaml.write_text("train: train.txt\nval: val.txt\nnames: [cat]\n")
    data = read_dataset(root)
    report = check(data)
    store = MemoryStore()
    push(store, "cats", data, version=report.fingerprint)
    pulled(store, tmp_path / "images" / "out")
    assert check(read_dataset(tmp_path / "images/out")).fingerprint == report.fingerprint


def test_two_images_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    for split in ("train", "val"):
        Builder(tmp_path / split)
    data = tmp_path / "elsewhere/data.yaml"
    data.parent.mkdir()
    data.write_text(f"train: {tmp_path}/train/images/train\nval: {tmp_path}/val/images/train\nnames: [cat, dog]\n")
    with pytest.raises(YolopsError, match=r"two files would be images/a\.png"):
        push(MemoryStore(), "cats", read_dataset(data))


def test_files_that_belong_to_no_version_are_taken_as_they_are(store: MemoryStore, tmp_path: Path) -> None:
    for key, content in {"dogs/images/a.jpg": b"1", "dogs/data.yaml": b"2", "dogs/": b"", "dogs2/b": b"3"}.items():
        store.put(key, content)
    store.put("dogs/.yolops/packs/x", b"ours")
    assert pull_plain(store, "dogs", tmp_path / "out").files == 2
    found = {file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    assert found == {"images/a.jpg", "data.yaml"}


@pytest.mark.parametrize("key", ["dogs/../../evil", "dogs//etc/evil", "dogs/a/../../evil", "dogs/a\\..\\evil"])
def test_a_key_that_leads_out_of_the_directory_is_refused(tmp_path: Path, key: str) -> None:
    store = MemoryStore()
    store.put("dogs/data.yaml", b"")
    store.put(key, b"evil")
    with pytest.raises(YolopsError, match="no path inside"):
        pull_plain(store, "dogs", tmp_path / "deep/out")
    assert list(tmp_path.rglob("evil")) == []


def test_where_there_is_nothing_nothing_appears(tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match="there is nothing"):
        pull_plain(MemoryStore(), "dogs", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
