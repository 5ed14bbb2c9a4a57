"""A job goes on only from a whole checkpoint, and only with what the one before had."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest

from tests.datasets.versions.memory_store import MemoryStore
from tests.training.submission.jobs import job
from yolops.cli.resume_in_sagemaker import newest_epoch, refuse_other_code
from yolops.errors import YolopsError
from yolops.training.job.checkpoints import PLACES
from yolops.training.submission.resumption import Former, read_former

CODE = b"the code of the job"
CODE_KEY = f"jobs/code/{hashlib.sha256(CODE).hexdigest()}.tar"


def archive(epoch: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as opened:
        for name, content in (
            ("weights/last.pt", bytes(100_000)),
            ("checkpoint.json", json.dumps({"epoch": epoch, "sha256": {}}).encode()),
        ):
            about = tarfile.TarInfo(name)
            about.size = len(content)
            opened.addfile(about, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def store() -> MemoryStore:
    """A bucket with all that a job takes out of it."""
    made = MemoryStore()
    for key, content in ((CODE_KEY, CODE), ("jobs/packages/2/a.whl", b"w"), ("jobs/models/3/m.pt", b"m")):
        made.put(key, content)
    return made


@pytest.fixture
def former(store: MemoryStore) -> Former:
    keys = {"code": CODE_KEY, "packages": "jobs/packages/2/", "model": "jobs/models/3/"}
    channels = {name: f"{store.where}/{key}" for name, key in keys.items()}
    before = read_former(job().create_request())
    return replace(before, channels=channels, checkpoint_uri=f"{store.where}/jobs/first/checkpoints")


def test_a_training_goes_on_from_the_newest_checkpoint_that_is_whole(store: MemoryStore, former: Former) -> None:
    with pytest.raises(YolopsError, match="there is no checkpoint to go on from"):
        newest_epoch(store, former)
    store.put("jobs/first/checkpoints/other.tar", archive(9))
    store.put(f"jobs/first/checkpoints/{PLACES[0]}", archive(4)[:-20_000])
    with pytest.raises(YolopsError, match="there is no whole checkpoint to go on from"):
        newest_epoch(store, former)
    store.put(f"jobs/first/checkpoints/{PLACES[1]}", archive(3))
    assert newest_epoch(store, former) == 3
    store.put(f"jobs/first/checkpoints/{PLACES[0]}", archive(4))
    assert newest_epoch(store, former) == 4


def test_what_is_there_as_it_was_is_gone_on_with(store: MemoryStore, former: Former) -> None:
    refuse_other_code(store, former)


@pytest.mark.parametrize("key", [CODE_KEY, "jobs/packages/2/a.whl", "jobs/models/3/m.pt"])
def test_what_is_gone_from_the_bucket_is_named(store: MemoryStore, former: Former, key: str) -> None:
    store.delete([key])
    with pytest.raises(YolopsError, match=rf"{key.rpartition('/')[0]}.* gone"):
        refuse_other_code(store, former)


def test_other_code_under_the_same_name_is_refused(store: MemoryStore, former: Former) -> None:
    store.put(CODE_KEY, b"other code")
    with pytest.raises(YolopsError, match="is not the code that the training began with"):
        refuse_other_code(store, former)
