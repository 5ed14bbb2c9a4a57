"""The commands about datasets, as a person types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.datasets.dataset_builder import Builder
from yolops.cli.dataset import commands
from yolops.cli.session import Session
from yolops.platform.workspace import Workspace


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def typed(*arguments: object, env: dict[str, str] | None = None) -> Result:
        session = Session(Workspace(tmp_path), as_json=False, verbose=False)
        return CliRunner().invoke(commands(), [str(item) for item in arguments], obj=session, env=env)

    return typed


def test_a_good_dataset_is_counted_and_ends_with_0(run: Any, builder: Builder) -> None:
    result = run("check", builder.root)
    assert result.exit_code == 0
    assert "fingerprint" in result.stdout
    assert "cat" in result.stdout


def test_a_quick_check_has_no_fingerprint_and_a_deep_one_the_usual(run: Any, builder: Builder) -> None:
    usual, quick, deep = (
        json.loads(run("check", builder.root, *level, "--json").stdout) for level in ((), ("--quick",), ("--deep",))
    )
    assert quick["fingerprint"] == ""
    assert deep == usual
    assert run("check", builder.root, "--quick", "--deep").exit_code != 0


def test_a_description_that_cannot_be_read_is_a_finding_in_json_too(run: Any, builder: Builder) -> None:
    builder.yaml.write_text("train: [")
    before = Session(Workspace(builder.root), as_json=True, verbose=False)
    for result in (
        run("check", builder.root, "--json"),
        CliRunner().invoke(commands(), ["check", str(builder.root)], obj=before),
    ):
        assert result.exit_code == 1
        assert [item["code"] for item in json.loads(result.stdout)["findings"]] == ["description-unreadable"]


def test_a_bad_dataset_ends_with_1_and_says_where(run: Any, builder: Builder) -> None:
    builder.label("train/a.png", "5 0.5 0.5 0.1 0.1\n")
    result = run("check", builder.root)
    assert result.exit_code == 1
    assert "a.txt:1" in result.stderr


def test_kinds_of_findings_are_listed_with_errors_first(run: Any, builder: Builder) -> None:
    builder.label("train/a.png", "0 0.5 0.5 0 0.1\n5 0.5 0.5 0.1 0.1\n")
    (builder.root / "labels/train/b.txt").unlink(missing_ok=True)
    table = run("check", builder.root).stdout.splitlines()
    start = next(index for index, line in enumerate(table) if line.startswith("finding"))
    listed = [line.split()[1] for line in table[start + 1 :] if line.split()[1] in {"error", "warning", "info"}]
    assert len(set(listed)) > 1
    assert listed == sorted(listed, key=["error", "warning", "info"].index)


def test_what_a_push_does_not_list_is_listed_by_the_check_that_it_names(run: Any, builder: Builder) -> None:
    builder.label("train/a.png", "0 0.5 0.5 0.1 0.1\n" * 8)
    pushed = run("push", builder.root)
    assert pushed.exit_code == 0, pushed.stderr
    assert f"more (yolops dataset check {builder.root} --json lists all)" in pushed.stderr


def test_json_is_alone_on_stdout(run: Any, builder: Builder) -> None:
    builder.label("train/a.png", "5 0.5 0.5 0.1 0.1\n")
    report = json.loads(run("check", builder.root, "--json").stdout)
    assert report["findings"][0]["code"] == "class-out-of-range"
    assert len(report["digest"]) == 32


def test_a_page_and_a_repaired_copy_are_written_beside_the_report(run: Any, builder: Builder, tmp_path: Path) -> None:
    builder.add("train/c.png", labels="0 0.5 0.5 0.2 0.2\n" * 2 + "7 0.5 0.5 0.2 0.2\n")
    page, copy = tmp_path / "report.html", tmp_path / "copy"
    result = run("check", builder.root, "--html", page, "--fix", copy, "--drop-lines", "--dry-run", "--json")
    planned = json.loads(result.stdout)["fixed"]
    assert not copy.exists()
    assert "class-out-of-range" in page.read_text()
    written = json.loads(run("check", builder.root, "--fix", copy, "--drop-lines", "--json").stdout)["fixed"]
    assert written == {**planned, "written": True}
    assert run("check", copy).exit_code == 0
    assert run("check", builder.root, "--dry-run").exit_code != 0
    assert "cannot be written" in str(run("check", builder.root, "--html", tmp_path / "no/where.html").exception)


def test_what_cannot_be_is_said_before_any_image_is_read(run: Any, builder: Builder) -> None:
    builder.label("train/a.png", "5 0.5 0.5 0.1 0.1\n")  # would be said as soon as it was read
    named = run("push", builder.root, "--name", "my cells")
    assert ("'my cells' cannot be the name" in str(named.exception), named.stderr) == (True, "")
    occupied = run("check", builder.root, "--fix", builder.root)
    assert ("exists already" in str(occupied.exception), occupied.stderr) == (True, "")


def test_a_file_whose_name_is_not_utf8_is_reported_like_any_other(run: Any, builder: Builder, tmp_path: Path) -> None:
    builder.add(f"train/{os.fsdecode(bytes([0xFF]))}.png", labels="7 0.5 0.5 0.2 0.2\n")
    result = run("check", builder.root, "--html", tmp_path / "report.html", "--fix", tmp_path / "copy", "--json")
    assert json.loads(result.stdout)["counts"] == {"class-out-of-range": 1}
    assert "?.txt:1" in (tmp_path / "report.html").read_text()
    assert len(list((tmp_path / "copy/images/train").iterdir())) == 2


def test_a_sample_is_generated_and_checked(run: Any, tmp_path: Path) -> None:
    data = json.loads(run("sample", "--images", 6, 2, 1, "--seed", 3, "--json").stdout)["data"]
    assert data == str(tmp_path / "shapes/data.yaml")
    assert run("check", data).exit_code == 0


@pytest.mark.real_data
def test_real_annotations_are_converted(run: Any, blood_cells: Path, tmp_path: Path) -> None:
    result = run("convert", blood_cells, tmp_path / "out", "--from", "voc", "--json")
    assert json.loads(result.stdout)["images"] == {"train": 205, "val": 87, "test": 72}
    assert "RBC" in run("check", tmp_path / "out").stdout


def test_the_commands_are_there_before_anything_heavy_is_imported() -> None:
    code = "import sys, yolops.cli.dataset as d; d.commands(); print({'numpy', 'PIL', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_help_names_the_three_commands() -> None:
    app = typer.Typer()
    app.add_typer(commands(), name="dataset")
    shown = CliRunner().invoke(app, ["dataset", "--help"]).stdout
    assert all(name in shown for name in ("sample", "check", "convert"))


def test_a_dataset_is_divided_and_said_how_far_from_the_wish(run: Any, tmp_path: Path) -> None:
    data = json.loads(run("sample", "--images", 12, 4, 4, "--json").stdout)["data"]
    planned = run("split", data, tmp_path / "new", "--ratios", "0.5,0.5", "--dry-run", "--json")
    assert not (tmp_path / "new").exists()
    said = json.loads(planned.stdout)
    written = json.loads(run("split", data, tmp_path / "new", "--ratios", "0.5,0.5", "--json").stdout)
    assert written == {**said, "data": str(tmp_path / "new/data.yaml")}
    assert {split: value["images"] for split, value in written["splits"].items()} == {"train": 10, "val": 10}
    assert "50.0%  +0.0" in run("split", data, tmp_path / "other", "--ratios", "0.5,0.5").stdout
    assert "exists already" in str(run("split", data, tmp_path / "new").exception)
    assert "not numbers" in str(run("split", data, tmp_path / "third", "--ratios", "a,b").exception)


def test_numbers_about_a_dataset_fit_on_a_screen_and_are_all_in_json(run: Any, tmp_path: Path) -> None:
    builder = Builder(tmp_path / "many", names=tuple(f"class{number}" for number in range(40)))
    shown = run("stats", builder.root).stdout
    assert len(shown.splitlines()) < 50
    assert "... and 10 classes" in shown
    value = json.loads(run("stats", builder.root, "--json").stdout)
    assert len(value["classes"]) == 40
    assert value["splits"]["val"]["objects"] == 40
    assert json.loads(run("stats", builder.root, "--quick", "--json").stdout) == {**value, "twice": None}


def test_numbers_about_an_empty_dataset_are_zeros(run: Any, tmp_path: Path) -> None:
    builder = Builder(tmp_path / "none")
    for image in builder.root.rglob("*.png"):
        image.unlink()
    result = run("stats", builder.root)
    assert (result.exit_code, "formats    none" in result.stdout) == (0, True)


def test_a_contact_sheet_is_drawn_and_never_over_the_data(run: Any, builder: Builder, tmp_path: Path) -> None:
    out = tmp_path / "sheet.jpg"
    for _ in range(2):  # an earlier one is replaced
        value = json.loads(run("show", builder.root, "--out", out, "--split", "val", "--class", "cat", "--json").stdout)
    assert (value["sheet"], len(value["images"]), value["images"][0]["objects"]) == (str(out), 1, 2)
    assert out.read_bytes().startswith(b"\xff\xd8")
    image = builder.root / "images/train/a.png"
    before = image.read_bytes()
    assert "an image of the dataset" in str(run("show", builder.root, "--out", image).exception)
    assert image.read_bytes() == before
    assert "neither" in str(run("show", builder.root, "--out", tmp_path / "sheet.gif").exception)
    assert "cannot be written" in str(run("show", builder.root, "--out", tmp_path / "no/where.png").exception)


def test_a_dataset_is_fetched_and_said_what_it_is(run: Any, builder: Builder, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "cells"), "gztar", builder.root)
    value = json.loads(run("get", archive, tmp_path / "new", "--json").stdout)
    assert (value["data"], value["format"], value["images"]) == (
        str(tmp_path / "new/data.yaml"),
        "yolo",
        {"train": 1, "val": 1},
    )
    assert "2 classes: cat, dog" in run("get", archive, tmp_path / "other").stdout
    assert "exists already" in str(run("get", archive, tmp_path / "new").exception)
    assert "not a SHA-256" in str(run("get", archive, tmp_path / "third", "--sha256", "abc").exception)
    without_key = run("get", "roboflow:a/b/1", tmp_path / "third", env={"ROBOFLOW_API_KEY": ""})
    assert "Roboflow wants a key" in str(without_key.exception)
