"""What every mode needs of the machine, seen on machines that lack it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from yolops.diagnosis.check import Seen, Skip
from yolops.diagnosis.machine import (
    Here,
    ThisMachine,
    free_disk,
    gpu,
    runs_not_sent,
    ultralytics_settings,
    writable,
    written,
)
from yolops.errors import YolopsError
from yolops.process import Completed
from yolops.running_processes import this_process
from yolops.tracking.spool import Progress, RunIntent, Spool
from yolops.training.run_directory import RunDirectory, TrainRequest


@dataclass(frozen=True)
class Machine:
    """A machine that is as a test wants it."""

    free: float = 100e9
    said: Completed | None = None
    nvidia: bool = False

    def free_bytes(self, directory: Path) -> int:
        assert directory.is_dir()
        return int(self.free)

    def torch(self) -> Completed | None:
        return self.said

    def has_nvidia(self) -> bool:
        return self.nvidia


def devices(*gpus: str, mps: bool = False) -> Completed:
    said = json.dumps({"version": "2.13.0", "gpus": gpus, "mps": mps})
    return Completed(0, f"a line of a driver\n{said}\n", "")


def here(tmp_path: Path, machine: Machine | None = None) -> Here:
    return Here(tmp_path / "not" / "yet", tmp_path, tmp_path / "settings.json", machine or Machine())


def codes(seen: Seen) -> list[tuple[str, str]]:
    return [(finding.severity.value, finding.code) for finding in seen.findings]


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (100e9, []),
        (3e9, [("warning", "disk-nearly-full")] * 2),
        (0.2e9, [("error", "disk-full")] * 2),
    ],
)
def test_a_full_disk_is_found_before_a_training_finds_it(
    tmp_path: Path, free: float, expected: list[tuple[str, str]]
) -> None:
    assert codes(free_disk(here(tmp_path, Machine(free)))) == expected


def test_a_workspace_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    assert codes(writable(here(tmp_path))) == []
    assert list(tmp_path.iterdir()) == [], "and the check leaves nothing behind"
    assert codes(written(Path("/proc"), "elsewhere")) == [("error", "not-writable")]


@pytest.mark.parametrize(
    ("machine", "found", "expected"),
    [
        (Machine(said=devices("H100", "H100")), "torch 2.13.0: H100, H100", []),
        (Machine(said=devices(mps=True)), "torch 2.13.0: Apple GPU (mps)", []),
        (Machine(said=devices()), "torch 2.13.0: no GPU; trains on the CPU", []),
        (
            Machine(said=devices(), nvidia=True),
            "torch 2.13.0: no GPU; trains on the CPU",
            [("warning", "gpu-not-seen")],
        ),
    ],
)
def test_a_gpu_that_torch_does_not_see_is_a_warning(
    tmp_path: Path, machine: Machine, found: str, expected: list[tuple[str, str]]
) -> None:
    seen = gpu(here(tmp_path, machine))
    assert (seen.found, codes(seen)) == (found, expected)


def test_a_torch_that_cannot_be_imported_is_quoted_and_an_absent_one_is_not_asked(tmp_path: Path) -> None:
    broken = Machine(said=Completed(1, "", "Traceback ...\nImportError: libcudart.so.12: no such file\n"))
    with pytest.raises(YolopsError, match=r"libcudart\.so\.12"):
        gpu(here(tmp_path, broken))
    with pytest.raises(Skip):
        gpu(here(tmp_path))


def test_the_real_torch_answers_from_a_process_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    seen = gpu(replace(here(tmp_path), host=ThisMachine()))
    assert seen.found.startswith("torch 2.")


def trained(parent: Path, name: str, progress: Progress) -> RunDirectory:
    run = RunDirectory.create(parent, TrainRequest("data.yaml", "yolo11n.pt", "cells", name), "f")
    spool = Spool.create(run.spool.directory, RunIntent(name, "http://127.0.0.1:5000", "cells", name, 0))
    spool.records_file.write_bytes(b'{"kind": "end"}\n')
    spool.save_progress(progress)
    return run


def test_runs_that_mlflow_does_not_have_are_named_with_what_sends_them(tmp_path: Path) -> None:
    place, runs = here(tmp_path), tmp_path / "not" / "yet" / "runs"
    trained(runs, "sent", Progress(offset=16, ended=True))
    assert runs_not_sent(place) == Seen("1 run, 1 sent or under way")
    trained(runs, "lost", Progress(trouble="no answer from MLflow"))
    trained(runs, "going-on", Progress()).spool.set_owner(this_process())
    (RunDirectory.create(runs, TrainRequest("d", "m", "e", "killed-before-its-spool"), "f")).path.stat()
    seen = runs_not_sent(place)
    (finding,) = seen.findings
    assert (finding.severity, finding.fix) == ("warning", "yolops runs sync")
    assert finding.what == "MLflow does not have all of lost; last seen: no answer from MLflow"
    with (runs / "lost" / "spool" / "sender.lock").open("w"), Spool(runs / "lost" / "spool").locked("sender"):
        assert runs_not_sent(place).findings == (), "a run that is being sent waits for nobody"


def test_ultralytics_own_settings_are_read_without_it_and_left_alone(tmp_path: Path) -> None:
    place = here(tmp_path)
    with pytest.raises(Skip):
        ultralytics_settings(place)
    place.ultralytics.write_text(json.dumps({"mlflow": True, "sync": True, "wandb": False}))
    before = place.ultralytics.stat().st_mtime_ns
    (finding,) = ultralytics_settings(place).findings
    assert (finding.severity, finding.fix) == ("info", "yolo settings mlflow=False sync=False")
    assert place.ultralytics.stat().st_mtime_ns == before
    place.ultralytics.write_text(json.dumps({"mlflow": False, "sync": False}))
    assert ultralytics_settings(place).findings == ()
    place.ultralytics.write_text("{")
    with pytest.raises(Skip, match="cannot be read"):
        ultralytics_settings(place)
