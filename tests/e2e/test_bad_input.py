"""What people type, have and do wrong: one clear error with what to do, and nothing in the next command's way."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.e2e.conftest import COMMAND, QUICK, Result, Yolops


def _refused(result: Result, code: int, *, says: str, advises: str) -> None:
    assert result.code == code, result.err
    assert says in result.err
    assert advises in result.err
    assert "Traceback" not in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says", "advises"),
    [
        (("missing.yaml",), 1, "there is no such dataset", "data.yaml"),
        (("broken.yaml",), 1, "broken.yaml:1: not valid YAML", "try:"),
        (("unlabelled",), 1, "the dataset has", "yolops dataset check"),
        (("shapes", "--model", "yolo99z.pt"), 1, "no model that ultralytics publishes", "yolo11n.pt"),
        (("shapes", "--epoks", "3"), 2, "--epoks is no argument", "did you mean --epochs"),
        (("shapes", "lr0=much"), 2, "lr0=much", "docs.ultralytics.com"),
        (("shapes", "project=x"), 2, "yolops sets it itself", "--experiment"),
        (("shapes", "--device", "7"), 2, "does not have it", "cpu"),
        (("shapes", "--name", "../up"), 2, "not a name", "letters"),
        (("shapes", "stray"), 2, "belongs to no argument", "name=value"),
        (("--resume", "nothing"), 1, "no training", "yolops"),
        (("shapes", "--resume", "last"), 2, "so the dataset cannot be given", "leave it out"),
        (("--resume", "last", "--name", "other"), 2, "so --name cannot be given", "leave it out"),
        ((), 2, "which dataset?", "yolops dataset sample"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_anything_is_written(
    yolops: Yolops, arguments: tuple[str, ...], code: int, says: str, advises: str
) -> None:
    (yolops.root / "broken.yaml").write_text("names: [a")
    unlabelled = yolops.root / "unlabelled"
    if not unlabelled.exists():
        for split in ("train", "val"):
            (unlabelled / "images" / split).mkdir(parents=True)
            picture = next((yolops.root / "shapes/images" / split).iterdir())
            (unlabelled / "images" / split / picture.name).write_bytes(picture.read_bytes())
        (unlabelled / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a]\n")
    before = sorted((yolops.root / "runs").glob("*"))
    _refused(yolops("train", *arguments), code, says=says, advises=advises)
    assert sorted((yolops.root / "runs").glob("*")) == before


def test_a_directory_that_cannot_be_written_is_named(yolops: Yolops) -> None:
    below_a_file = yolops.root / "micro.yaml" / "workspace"
    result = yolops("--workspace", str(below_a_file), "train", str(yolops.root / "shapes"), *QUICK, "--epochs", "1")
    _refused(result, 1, says="cannot be", advises="--workspace")


def test_a_model_yaml_that_is_no_model_fails_with_its_reason_kept(yolops: Yolops) -> None:
    (yolops.root / "odd.yaml").write_text("nc: 3\nbackbone: [[-1, 1, NoSuchLayer, [16]]]\nhead: []\n")
    result = yolops("train", "shapes", "--model", "odd.yaml", "--epochs", "1")
    _refused(result, 1, says="the training failed", advises="error.txt")
    assert "Traceback" in (yolops.root / "runs/odd/error.txt").read_text()


def test_a_full_disk_is_called_by_its_name_and_the_run_says_so(yolops: Yolops) -> None:
    def no_file_over_a_megabyte() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    process = subprocess.run(
        [*COMMAND, "train", "shapes", *QUICK, "--epochs", "1", "--name", "full"],
        cwd=yolops.root,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        preexec_fn=no_file_over_a_megabyte,
    )
    result = Result(process.returncode, process.stdout, process.stderr)
    _refused(result, 1, says="the disk is full", advises="--resume full")


# From the moment on at which Python has started; what it says of a Ctrl-C before that is its own. Seconds of processor:
# on a busy machine they come later, but at the same place.
@pytest.mark.parametrize("seconds", [0.1, 0.4, 1.5, 3.0, 6.0])
def test_ctrl_c_at_any_time_ends_without_a_traceback_and_the_next_command_works(yolops: Yolops, seconds: float) -> None:
    # Coverage starts before the command does, for half a second in which a Ctrl-C is coverage's.
    unmeasured = {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}
    process = yolops.start("train", "shapes", *QUICK, "--epochs", "300", "--name", f"at-{seconds}", **unmeasured)
    computing = psutil.Process(process.pid)
    while process.poll() is None and sum(computing.cpu_times()[:2]) < seconds:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    # CPython ends itself with the signal when it interrupted an import inside a C extension; a shell says 130 as well.
    assert process.returncode in {130, -signal.SIGINT}, err
    assert "Traceback" not in err, err
    yolops.ok("status")


def test_a_reader_that_leaves_early_is_no_error(yolops: Yolops) -> None:
    pipe = f"{' '.join(COMMAND)} runs list --json | head -c 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", pipe], cwd=yolops.root, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in result.stderr


def test_an_unknown_command_is_a_usage_error(yolops: Yolops) -> None:
    result = yolops("trian")
    assert result.code == 2
    assert "No such command" in result.err


def test_without_the_trainer_installed_the_error_says_what_to_install(yolops: Yolops) -> None:
    blocked = "import sys; sys.modules['torch'] = None; from yolops.cli.entry import main; main()"
    process = subprocess.run(
        [sys.executable, "-c", blocked, "train", "shapes", *QUICK],
        cwd=yolops.root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1, process.stderr
    assert "pip install 'yolops[local,train]'" in process.stderr
