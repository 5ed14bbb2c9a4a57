"""The same in a bucket and in a directory: real requests, processes that are killed, and others at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.datasets.versions.conftest import BUCKET
from tests.datasets.versions.photographs import ALONE, BIG, photograph, photographs
from tests.datasets.versions.test_pull import contents
from tests.platform.conftest import REGION
from yolops.aws import Aws
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.versions.cache import Cache
from yolops.datasets.versions.catalogue import dataset_names, find_version, index_of, intact, is_plain, versions
from yolops.datasets.versions.prune import plan_pruning, prune
from yolops.datasets.versions.pull import pull, pull_plain
from yolops.datasets.versions.push import push
from yolops.datasets.versions.store import AbsentError, ObjectStore, bucket, directory
from yolops.errors import YolopsError

SIZES = [100, 0, BIG, ALONE, 100, 100]
PUSH = """
import json, sys
from pathlib import Path
from yolops.aws import Aws
from yolops.datasets.description import read_dataset
from yolops.datasets.versions.push import push
from yolops.datasets.versions.store import bucket, directory
where, data = sys.argv[1:]
store = bucket(Aws("eu-central-1"), where) if where.startswith("s3://") else directory(Path(where))
print(json.dumps(push(store, "cats", read_dataset(Path(data))).as_dict()))
"""


def pushing(store: ObjectStore, data: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PUSH, store.where, str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


def is_whole(store: ObjectStore) -> bool:
    there = {item.key: item for item in store.below("cats/.yolops/")}
    return all(intact("cats", index_of(store, "cats", one), there) for one in versions(store, "cats"))


def test_a_version_goes_there_and_comes_back(store: ObjectStore, tmp_path: Path) -> None:
    data = photographs(tmp_path / "data", SIZES)
    report = check(data)
    pushed = push(store, "cats", data, version=report.fingerprint)
    assert pushed.new
    assert dataset_names(store) == ["cats"]
    assert not is_plain(store, "cats")
    result = pull(store, "cats", find_version(store, "cats", pushed.version[:9]), tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "data")
    assert result.version == report.fingerprint


def test_parts_of_an_object_are_asked_for_alone(store: ObjectStore, tmp_path: Path) -> None:
    push(store, "cats", photographs(tmp_path / "data", [BIG, 100, BIG, BIG]))
    result = pull(store, "cats", find_version(store, "cats"), tmp_path / "out", splits=["val"])
    assert result.fetched_bytes < 10_000
    assert sorted(contents(tmp_path / "out")) == ["images/val/0001.jpg", "labels/val/0001.txt"]


def test_pruning_removes_a_version_but_no_file_of_another(store: ObjectStore, tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    push(store, "cats", photographs(tmp_path / "data", SIZES))
    photograph(tmp_path / "data", 0, b"other")
    kept = push(store, "cats", read_dataset(tmp_path / "data")).version
    later = datetime.now(UTC) + timedelta(days=8)
    prune(store, plan_pruning(store, "cats", now=later, older_than=timedelta(days=9)))
    prune(store, plan_pruning(store, "cats", now=later, keep=1))
    prune(store, plan_pruning(store, "cats", now=later))
    assert [one.version for one in versions(store, "cats")] == [kept]
    assert is_whole(store)
    pull(store, "cats", find_version(store, "cats"), tmp_path / "out")


def test_deleting_what_is_gone_already_is_no_error(store: ObjectStore) -> None:
    for key in ("a", "b"):
        store.put(key, b"x")
    store.delete(["a", "gone", "b"])
    assert list(store.below("")) == []


@pytest.mark.parametrize("moment", [1, 3, 6])
def test_a_push_that_is_killed_leaves_no_version_and_the_next_one_goes_on(
    store: ObjectStore, tmp_path: Path, moment: int
) -> None:
    data = photographs(tmp_path / "data", [ALONE] * 12 + [100] * 20)
    process = pushing(store, tmp_path / "data")
    while process.poll() is None and sum(1 for _ in store.below("cats/.yolops/")) < moment:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    ended = bool(versions(store, "cats"))
    sent = [item.key for item in store.below("cats/.yolops/") if "/files/" in item.key or "/packs/" in item.key]
    assert is_whole(store)
    result = push(store, "cats", data)
    assert result.new is not ended
    # What was under way when the process was killed may have arrived since.
    assert result.sent_objects <= (0 if ended else 12 + 1 + 2 - len(sent))
    pull(store, "cats", find_version(store, "cats"), tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "data")


def test_two_processes_push_the_same_version_at_once(store: ObjectStore, tmp_path: Path) -> None:
    photographs(tmp_path / "data", [BIG] * 6)
    processes = [pushing(store, tmp_path / "data") for _ in range(2)]
    results = [json.loads(process.communicate()[0]) for process in processes]
    assert results[0]["version"] == results[1]["version"]
    assert any(result["new"] for result in results)
    assert len(versions(store, "cats")) == 1
    assert is_whole(store)


def test_two_processes_push_different_versions_at_once(store: ObjectStore, tmp_path: Path) -> None:
    for number in range(2):
        photographs(tmp_path / f"data{number}", [BIG] * 3)
        photograph(tmp_path / f"data{number}", 2, bytes([number]) * BIG)
    processes = [pushing(store, tmp_path / f"data{number}") for number in range(2)]
    results = [json.loads(process.communicate()[0]) for process in processes]
    assert {one.version for one in versions(store, "cats")} == {result["version"] for result in results}
    for number, result in enumerate(results):
        pull(store, "cats", find_version(store, "cats", result["version"]), tmp_path / f"out{number}")
        assert contents(tmp_path / f"out{number}") == contents(tmp_path / f"data{number}")


def test_what_aws_s3_sync_put_there_is_listed_and_taken_as_it_is(s3: dict[str, str], tmp_path: Path) -> None:
    names = ["data.yaml", "images/train/a b#1.jpg", "images/train/ü%41.jpg", "labels/train/a b#1.txt"]
    for name in names:
        Aws(REGION).call("s3", "put_object", Bucket=BUCKET, Key=f"datasets/dogs/{name}", Body=name.encode())
    store = bucket(Aws(REGION), f"s3://{BUCKET}/datasets")
    assert dataset_names(store) == ["dogs"]
    assert is_plain(store, "dogs")
    assert versions(store, "dogs") == []
    assert pull_plain(store, "dogs", tmp_path / "dogs").files == 4
    found = {file.relative_to(tmp_path / "dogs").as_posix(): file for file in (tmp_path / "dogs").rglob("*.*")}
    assert sorted(found) == sorted(names)
    assert all(file.read_bytes().decode() == name for name, file in found.items())


def test_a_bucket_is_found_in_its_region(s3: dict[str, str]) -> None:
    assert Aws("us-east-1").region_of(BUCKET) == REGION


def test_a_cache_serves_what_a_bucket_sent_before(s3: dict[str, str], tmp_path: Path) -> None:
    store = bucket(Aws(REGION), f"s3://{BUCKET}/cached")
    push(store, "cats", photographs(tmp_path / "data", SIZES))
    cache = Cache(tmp_path / "cache")
    manifest = find_version(store, "cats")
    assert pull(store, "cats", manifest, tmp_path / "first", cache=cache).fetched_bytes > ALONE
    assert pull(store, "cats", manifest, tmp_path / "second", cache=cache).fetched_bytes == 0


def test_a_bucket_that_does_not_exist_is_named(s3: dict[str, str]) -> None:
    store = bucket(Aws(REGION), "s3://no-such-bucket/datasets")
    for call in (lambda: store.put("a", b""), lambda: store.children("")):
        with pytest.raises(YolopsError, match="no-such-bucket") as caught:
            call()
        assert "no such bucket" in caught.value.message


def test_an_object_that_does_not_exist_is_named(store: ObjectStore) -> None:
    with pytest.raises(AbsentError, match="a/b: is not there"):
        store.get("a/b")


def test_without_credentials_the_error_says_how_to_log_in(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    with pytest.raises(YolopsError, match="there are no credentials") as caught:
        bucket(Aws(REGION), f"s3://{BUCKET}/datasets")
    assert "aws sso login" in caught.value.hint


def test_variables_that_only_obstore_knows_do_not_lead_elsewhere(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_BUCKET", "another")
    store = bucket(Aws(REGION), f"s3://{BUCKET}/here")
    store.put("a", b"1")
    assert Aws(REGION).call("s3", "get_object", Bucket=BUCKET, Key="here/a")["Body"].read() == b"1"


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(YolopsError, match="cannot be written"):
        directory(tmp_path / "file/store")
