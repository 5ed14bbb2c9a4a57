"""What is typed behind `train` is a data.yaml of this machine or a version, spelled as `dataset pull` takes it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from tests.datasets.dataset_builder import Builder
from tests.datasets.versions.memory_store import MemoryStore
from yolops.cli.dataset_named import find_in, is_version, named_as, pinned, pulled, store_of
from yolops.cli.job_freight import gather
from yolops.cli.job_platform import JobPlatform
from yolops.cli.session import Session
from yolops.cli.training import named_dataset
from yolops.datasets.description import read_dataset
from yolops.datasets.versions.push import push
from yolops.errors import UsageError, YolopsError
from yolops.platform.outputs import Mode, Outputs
from yolops.platform.workspace import Workspace
from yolops.training.run_directory import TrainRequest
from yolops.training.submission.spec import Machine


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with chdir(tmp_path):
        yield Session(Workspace(tmp_path / "workspace"), as_json=False, verbose=False)


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path / "data")


def stored(session: Session, builder: Builder) -> str:
    return push(store_of(session), "cats", read_dataset(builder.root)).version


def here(session: Session, word: str) -> Path:
    with pulled(session, session.console(), word) as (directory, _):
        return directory


def test_what_is_on_this_machine_is_taken_from_it_and_a_sign_behind_the_name_says_otherwise(session: Session) -> None:
    assert [word for word in ("cats", "cats@123456", "cats@", "s3://b/datasets/cats") if not is_version(word)] == []
    assert [word for word in ("cats.yaml", "./cats", "a/cats", "../cats", ".", "@1") if is_version(word)] == []
    Path("cats").mkdir()
    assert (is_version("cats"), is_version("cats@")) == (False, True)
    assert (named_as("cats"), named_as("cats@")) == (str(Path("cats").absolute()), "cats@")


def test_a_version_is_pulled_once_and_has_the_name_and_fingerprint_that_were_asked_for(
    session: Session, builder: Builder
) -> None:
    version = stored(session, builder)
    console = session.console()
    for word in ("cats", "cats@", f"cats@{version[:6]}", f"cats@{version}"):
        with named_dataset(session, console, word) as (dataset, report):
            assert (dataset.source.parent.name, report.fingerprint) == ("cats", version)
    with pulled(session, console, "cats") as (directory, _):
        assert directory == dataset.source.parent
    assert dataset.source.is_relative_to(session.workspace.state)


def test_whoever_mistypes_a_directory_is_shown_the_one_that_is_there(session: Session, builder: Builder) -> None:
    assert builder.root == Path("data").absolute()
    for word, hint in (("dta", "did you mean the directory data?"), ("cats", "yolops dataset list")):
        with pytest.raises(YolopsError, match=f"{word}: is no dataset on this machine") as raised:
            here(session, word)
        assert hint in raised.value.hint


def test_a_pulled_version_that_somebody_has_changed_is_not_trained_on(session: Session, builder: Builder) -> None:
    stored(session, builder)
    with named_dataset(session, session.console(), "cats") as (dataset, _):
        next(dataset.source.parent.rglob("a.txt")).write_text("0 0.5 0.5 0.25 0.25\n")
    with (
        pytest.raises(YolopsError, match="was changed since it was pulled"),
        named_dataset(session, session.console(), "cats"),
    ):
        pass


def test_a_training_goes_on_with_the_version_it_began_with_whether_that_is_still_here_or_in_the_store(
    session: Session, builder: Builder
) -> None:
    version = stored(session, builder)
    word = pinned("cats", version)
    builder.add("train/new.png")
    assert stored(session, builder) != version
    for gone in ("cache", "datasets"):
        directory = here(session, word)
        shutil.rmtree(session.workspace.state / gone)
        assert directory.exists() is (gone == "datasets")
        with named_dataset(session, session.console(), word) as (dataset, report):
            assert (dataset.source.parent, report.fingerprint) == (directory, version)


def test_a_version_that_is_not_there_is_an_error_that_names_those_that_are(session: Session, builder: Builder) -> None:
    version = stored(session, builder)
    for word in ("cats@00000000", "cats@" + "0" * 64, f"cats@{version[:5]}"):
        with pytest.raises(YolopsError, match=rf"{word}: is no dataset on this machine, and .*no version") as raised:
            here(session, word)
        assert version[:12] in raised.value.hint
    with pytest.raises(YolopsError, match="dogs: is no dataset on this machine") as raised:
        here(session, "dogs")
    assert "yolops dataset list" in raised.value.hint


def test_a_job_refuses_a_directory_that_no_dataset_can_be_called_like_before_its_images_are_read(
    session: Session, tmp_path: Path
) -> None:
    Builder(tmp_path / "my cats").label("train/a.png", "no label at all\n")
    platform = JobPlatform(
        session, session.console(), Outputs(Mode.STUDIO, tracking_uri="", artifact_uri="", ui_url="")
    )
    request = TrainRequest(data=str(tmp_path / "my cats"), model="yolo11n.yaml", experiment="", name="cats")
    with pytest.raises(YolopsError, match="'my cats' cannot be the name of a dataset"):
        gather(platform, request, Machine("ml.m5.large"))


def test_a_job_takes_a_version_of_the_bucket_and_of_no_other(builder: Builder) -> None:
    store = MemoryStore()
    version = push(store, "cats", read_dataset(builder.root)).version
    assert find_in(store, f"cats@{version[:8]}")[1].version == version
    with pytest.raises(YolopsError, match="is not in memory:, and jobs may read nothing else"):
        find_in(store, "s3://others/datasets/cats")
    with pytest.raises(UsageError, match="names no dataset in a bucket"):
        find_in(store, "s3://others")
    store.put("dogs/data.yaml", b"names: [dog]")
    with pytest.raises(YolopsError, match="dogs: its files belong to no version") as raised:
        find_in(store, "dogs@")
    assert "yolops dataset pull dogs, then yolops dataset push dogs" in raised.value.hint
