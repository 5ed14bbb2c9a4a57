from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest

from yolops.tracking.run_logger import RunLogger
from yolops.tracking.spool import RunIntent, Spool
from yolops.training.job.checkpoints import PLACES, TAIL_BYTES, Checkpoints, epoch_at_end
from yolops.training.run_directory import RunDirectory, TrainRequest


class Instance:
    """An instance: the checkpoints are the same on each, everything else is new."""

    def __init__(self, root: Path, name: str) -> None:
        self.synced = root / "checkpoints"
        self.work = root / name
        for directory in (self.synced, self.work / "runs"):
            directory.mkdir(parents=True, exist_ok=True)
        self.checkpoints = Checkpoints(self.synced, self.work)
        self.target = self.work / "runs" / "first"

    def begin(self) -> RunDirectory:
        run = RunDirectory.create(self.work / "runs", TrainRequest("data.yaml", "m", "cells", "first"), "f" * 64)
        Spool.create(run.spool.directory, RunIntent("id", "http://127.0.0.1:9", "cells", "first", 0, "run"))
        (run.path / "weights").mkdir()
        (run.path / "data").mkdir()
        (run.path / "data" / "large.jpg").write_text("never a part of a checkpoint")
        return run

    def train(self, run: RunDirectory, epoch: int) -> None:
        RunLogger(run.spool).metrics({"loss": 1 / epoch}, epoch)
        for name in ("last.pt", "best.pt", "state.pt"):
            (run.path / "weights" / name).write_bytes(random.Random(epoch).randbytes(5000))
        (run.path / "results.csv").write_text("epoch\n" * epoch)
        self.checkpoints.keep(run, epoch)


@pytest.fixture
def first(tmp_path: Path) -> Instance:
    return Instance(tmp_path, "first")


def _trained(instance: Instance, epochs: int) -> RunDirectory:
    run = instance.begin()
    for epoch in range(1, epochs + 1):
        instance.train(run, epoch)
    return run


def test_another_instance_finds_all_that_it_needs_to_go_on(first: Instance, tmp_path: Path) -> None:
    before = _trained(first, 3)
    second = Instance(tmp_path, "second")
    assert second.checkpoints.restore(second.target) == 3
    run = RunDirectory.load(second.target)
    assert (run.request, run.fingerprint) == (before.request, before.fingerprint)
    for file in ("weights/last.pt", "weights/best.pt", "weights/state.pt", "results.csv", "spool/records.jsonl"):
        assert (run.path / file).read_bytes() == (before.path / file).read_bytes()
    assert [record["step"] for _, record in run.spool.read(0, 10)] == [1, 2, 3]
    assert not run.data.exists()
    assert not list(second.work.glob("*.partial"))


def test_the_last_two_are_kept_and_no_more(first: Instance) -> None:
    _trained(first, 5)
    assert sorted(path.name for path in first.synced.iterdir()) == sorted(PLACES)


def test_without_a_checkpoint_nothing_is_made(first: Instance) -> None:
    assert first.checkpoints.restore(first.target) == 0
    assert not first.target.exists()


def _newest(instance: Instance, epochs: int) -> Path:
    return instance.synced / PLACES[epochs % 2]


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_newest_one_that_was_cut_off_falls_back_to_the_one_before(
    first: Instance, tmp_path: Path, part: float
) -> None:
    _trained(first, 3)
    content = _newest(first, 3).read_bytes()
    _newest(first, 3).write_bytes(content[: int(len(content) * part) // 512 * 512])
    second = Instance(tmp_path, "second")
    # The last per cent of an archive is padding: what is cut off there is missed by nobody.
    assert second.checkpoints.restore(second.target) in ({2} if part < 0.5 else {2, 3})
    assert RunDirectory.load(second.target).last.read_bytes() == random.Random(
        len((second.target / "results.csv").read_text().splitlines())
    ).randbytes(5000)


def test_the_end_of_an_archive_says_its_epoch_unless_it_was_cut_off(first: Instance) -> None:
    _trained(first, 3)
    content = _newest(first, 3).read_bytes()
    assert epoch_at_end(content[-TAIL_BYTES:]) == epoch_at_end(content) == 3
    summary = content.rindex(b"checkpoint.json\0")
    for size in range(0, summary + 512, 512):
        assert epoch_at_end(content[:size][-TAIL_BYTES:]) == 0, size
    assert epoch_at_end(b"checkpoint.json\0 but no archive") == 0


def test_a_newest_one_with_a_changed_byte_falls_back_to_the_one_before(first: Instance, tmp_path: Path) -> None:
    run = _trained(first, 3)
    content = _newest(first, 3).read_bytes()
    _newest(first, 3).write_bytes(content.replace(run.last.read_bytes()[:8], b"\0" * 8, 1))
    second = Instance(tmp_path, "second")
    assert second.checkpoints.restore(second.target) == 2


def test_archives_that_are_none_are_passed_over(first: Instance) -> None:
    for name in PLACES:
        (first.synced / name).write_bytes(b"no archive")
    assert first.checkpoints.restore(first.target) == 0


def test_nothing_of_an_archive_leaves_the_directory_of_the_run(first: Instance, tmp_path: Path) -> None:
    with tarfile.open(first.synced / PLACES[0], "w") as archive:
        for name, content in (("../../escaped", b"x"), ("checkpoint.json", b'{"epoch": 1, "sha256": {}}')):
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    assert first.checkpoints.restore(first.target) == 0
    assert not list(tmp_path.rglob("escaped"))


def test_while_a_checkpoint_is_written_the_directory_holds_whole_ones_only(first: Instance, tmp_path: Path) -> None:
    run = _trained(first, 2)
    (run.path / "weights" / "state.pt").unlink()
    (run.path / "weights" / "state.pt").mkdir()  # cannot be read
    with pytest.raises(OSError):
        first.checkpoints.keep(run, 3)
    assert sorted(path.name for path in first.synced.iterdir()) == sorted(PLACES)
    second = Instance(tmp_path, "second")
    assert second.checkpoints.restore(second.target) == 2
