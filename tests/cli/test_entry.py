from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import yolops.cli
from tests.tracking.mlflow_http import serving
from yolops import __version__
from yolops.cli.console import ISSUES

HELP_PAGE = Path(yolops.cli.__file__).with_name("help.txt")
HEAVY = ("typer", "click", "rich", "mlflow", "torch", "numpy", "PIL", "yaml", "psutil", "ultralytics")
START = f"""
import sys
from yolops.cli.entry import main

try:
    main()
finally:
    print("imported:", *sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""


@dataclass
class Typed:
    """A command line that was typed, with what it said and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def type_in(tmp_path: Path) -> TypeIn:
    return TypeIn(tmp_path)


class TypeIn:
    """Runs `yolops` in a process of its own, in an empty directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._modules = directory / "modules"
        self._modules.mkdir()

    def replace_module(self, name: str, source: str) -> None:
        """Let Python find this module before its own: a broken installation."""
        (self._modules / f"{name}.py").write_text(source)

    def __call__(
        self, *arguments: str, start: tuple[str, ...] = ("-m", "yolops.cli.entry"), **environment: str
    ) -> Typed:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YOLOPS_", "MLFLOW_"))}
        path = os.pathsep.join(filter(None, (str(self._modules), kept.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, *start, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self._directory,
            env={**kept, "PYTHONPATH": path, **environment},
        )
        return Typed(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_is_the_page_that_ships_and_imports_nothing_heavy(type_in: TypeIn, arguments: tuple[str, ...]) -> None:
    shown = type_in(*arguments, start=("-c", START))
    assert (shown.code, shown.out) == (0, HELP_PAGE.read_text(encoding="utf-8"))
    assert shown.err.split() == ["imported:"]


def test_the_help_page_names_every_command(type_in: TypeIn) -> None:
    code = "from yolops.cli.app import application\nimport typer.main\n"
    code += "print(*typer.main.get_command(application()).commands)"
    commands = type_in(start=("-c", code)).out.split()
    page = HELP_PAGE.read_text(encoding="utf-8")
    listed = [line.split()[0] for line in page.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == commands


@pytest.mark.parametrize("group", ["dataset", "runs", "models", "jobs", "users", "backup", "rehearsal"])
def test_the_help_of_a_group_says_of_each_command_a_whole_sentence(type_in: TypeIn, group: str) -> None:
    commands = type_in(group, "--help").out.partition("Commands:")[2]
    assert commands.strip()
    assert "..." not in commands


@pytest.mark.parametrize("command", [("train", "--help"), ("models", "list", "-h")])
def test_the_help_of_a_command_waits_for_nothing_heavy(type_in: TypeIn, command: tuple[str, ...]) -> None:
    shown = type_in(*command, start=("-c", START))
    assert shown.code == 0
    assert shown.out.lstrip().startswith("Usage: ")
    assert not {"mlflow", "torch", "numpy", "PIL", "ultralytics"} & set(shown.err.split())


@pytest.mark.parametrize(
    ("line", "offered"),
    [("yolops tr", "train"), ("yolops dataset ch", "check"), ("yolops train --ep", "--epochs")],
)
def test_a_shell_completes_commands_and_options(type_in: TypeIn, line: str, offered: str) -> None:
    words = line.split()
    shown = type_in(_YOLOPS_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert offered in shown.out.split()
    assert "Usage" not in shown.out


def test_the_version_is_printed_alone(type_in: TypeIn) -> None:
    shown = type_in("--version")
    assert (shown.code, shown.out, shown.err) == (0, f"yolops {__version__}\n", "")


def test_what_a_person_can_mend_ends_with_1_and_says_what_to_try(type_in: TypeIn) -> None:
    shown = type_in("runs", "list")
    assert (shown.code, shown.out) == (1, "")
    assert "error:" in shown.err
    assert "try:" in shown.err
    assert "Traceback" not in shown.err


def test_what_an_error_says_to_type_works_where_the_command_worked(type_in: TypeIn) -> None:
    assert type_in("runs", "list").err.splitlines()[1].endswith("yolops up")
    assert type_in("--workspace", "there", "runs", "list").err.splitlines()[1].endswith(" --workspace there up")


@pytest.mark.parametrize(
    "arguments",
    [("train",), ("train", "cells", "--resume", "last"), ("up", "--port", "80")],
)
def test_a_mistake_in_the_command_line_ends_with_2(type_in: TypeIn, arguments: tuple[str, ...]) -> None:
    shown = type_in(*arguments)
    assert (shown.code, shown.out) == (2, "")
    assert "Traceback" not in shown.err


def test_a_check_that_failed_ends_with_1_and_its_result_is_still_on_stdout(type_in: TypeIn) -> None:
    shown = type_in("status", "--json")
    assert shown.code == 1
    assert json.loads(shown.out)["mode"] == "local"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("raise RuntimeError('out of the blue')", 70),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('because')", 1),
        ("raise KeyboardInterrupt", 130),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", 130),
    ],
)
def test_however_a_command_ends_its_exit_code_says_so(type_in: TypeIn, source: str, code: int) -> None:
    type_in.replace_module("webbrowser", source)  # what `yolops ui` imports first
    shown = type_in("ui")
    assert (shown.code, shown.out) == (code, "")
    assert ("Traceback" in shown.err) == (code == 70)


def test_a_bug_shows_its_traceback_and_where_to_report_it(type_in: TypeIn) -> None:
    type_in.replace_module("webbrowser", "raise RuntimeError('out of the blue')")
    short, whole = type_in("ui"), type_in("--verbose", "ui")
    for shown in (short, whole):
        assert "RuntimeError: out of the blue" in shown.err
        assert f"This is a bug in yolops {__version__}" in shown.err
        assert ISSUES in shown.err
    assert len(whole.err) > len(short.err)


def test_ctrl_c_while_the_command_line_is_still_being_imported_is_no_bug(type_in: TypeIn) -> None:
    swallowed = "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept BaseException:\n    pass\n"
    type_in.replace_module("typer", swallowed)
    shown = type_in("status")
    assert (shown.code, shown.err) == (130, "")


def test_an_interrupt_that_a_library_swallows_is_raised_again_at_the_next_step() -> None:
    swallowed = (
        "import signal, os\n"
        "from yolops.cli.interrupts import raise_if_interrupted, watch_interrupts\n"
        "watch_interrupts()\n"
        "raise_if_interrupted()\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept BaseException:\n    pass\n"
        "try:\n    raise_if_interrupted()\nexcept KeyboardInterrupt:\n    print('again')\n"
    )
    result = subprocess.run([sys.executable, "-c", swallowed], capture_output=True, text=True, check=True, timeout=30)
    assert result.stdout == "again\n"


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_mistyped_argument_is_said_before_the_images_are_read(type_in: TypeIn, tmp_path: Path, command: str) -> None:
    assert type_in("dataset", "sample", "--images", "4", "2", "2").code == 0
    (tmp_path / "shapes/images/train/0000.jpg").write_bytes(b"damaged")
    shown = type_in(command, "shapes", "--epoks", "3", "--optimizer", "SGD")
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.splitlines()[0] == "error: --epoks is no argument of the trainer (did you mean --epochs?)"


def test_an_alias_without_a_model_to_have_it_is_refused(type_in: TypeIn) -> None:
    shown = type_in("train", "shapes", "--alias", "champion")
    assert (shown.code, shown.err.splitlines()[0]) == (2, "error: --alias: no model is registered that could have it")


def test_status_is_about_the_server_that_was_named(type_in: TypeIn) -> None:
    with serving() as mlflow:
        mlflow.will_answer("experiments/search", {"experiments": []})
        shown = type_in("--tracking-uri", mlflow.uri, "status", "--json")
        assert (shown.code, json.loads(shown.out)["url"]) == (0, mlflow.uri)
    away = type_in("--tracking-uri", mlflow.uri, "status")
    assert (away.code, away.out) == (1, "")
    assert away.err.startswith(f"error: {mlflow.uri}: no answer from MLflow (Connection refused)")


def test_a_version_whose_tag_is_no_number_is_shown_as_it_is(type_in: TypeIn) -> None:
    version = {"name": "cells", "version": "1", "creation_timestamp": 1, "tags": [{"key": "mAP50", "value": "not yet"}]}
    with serving() as mlflow:
        model = {"name": "cells", "last_updated_timestamp": 1}
        mlflow.will_answer("registered-models/get", {"registered_model": model})
        mlflow.will_answer("model-versions/search", {"model_versions": [version]})
        shown = type_in("--tracking-uri", mlflow.uri, "models", "show", "cells")
    assert (shown.code, shown.err) == (0, "")
    assert "not yet" in shown.out
    assert 'mlflow.pyfunc.load_model("models:/cells/1")' in shown.out


def test_the_list_of_runs_fits_on_a_terminal_of_80_columns(type_in: TypeIn) -> None:
    ended = int(time.time() * 1000)
    info = {"run_id": "a" * 32, "run_name": "yolo11n-2", "experiment_id": "1", "status": "FINISHED"}
    metrics = [{"key": f"best/{name}", "value": 0.98765} for name in ("mAP50", "mAP50-95")]
    run = {"info": {**info, "start_time": ended - 197_000, "end_time": ended}, "data": {"metrics": metrics}}
    with serving() as mlflow:
        mlflow.will_answer("experiments/search", {"experiments": [{"experiment_id": "1", "name": "cells"}]})
        mlflow.will_answer("runs/search", {"runs": [run]})
        shown = type_in("--tracking-uri", mlflow.uri, "runs", "list")
    assert shown.code == 0, shown.err
    assert "197 s" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
