"""Every kind of finding: made by a defect of its kind, never by a dataset without one."""

from __future__ import annotations

import ast
import multiprocessing
import re
from pathlib import Path

import pytest

import yolops.datasets
from tests.datasets.dataset_builder import Builder
from tests.datasets.defects import NOT_QUICK, SEEDED, seed
from tests.datasets.scenes import encoded, scene
from yolops.datasets.check import check
from yolops.datasets.codes import CODES, DescriptionError
from yolops.datasets.description import read_dataset
from yolops.datasets.images import Level
from yolops.datasets.sample import write_sample
from yolops.errors import YolopsError

# The modules that a check is made of.
CHECK = frozenset(
    ["balance", "check", "contents", "description", "examine", "images", "labels", "splits", "twins"],
)


def codes_of(builder: Builder, level: Level) -> set[str]:
    try:
        return set(check(read_dataset(builder.root), level=level).counts)
    except DescriptionError as error:
        return {error.finding.code}


@pytest.mark.parametrize("code", CODES)
def test_a_defect_of_each_kind_is_found_at_every_level_that_can_see_it(code: str, tmp_path: Path) -> None:
    builder = seed(code, tmp_path / "data")
    before = {path: path.read_bytes() for path in builder.root.rglob("*") if path.is_file()}
    for level in Level:
        found = codes_of(builder, level)
        assert (code in found) is not (level is Level.QUICK and code in NOT_QUICK), found
    assert {path: path.read_bytes() for path in builder.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("code", [code for code in CODES if not code.startswith("description")])
def test_one_of_a_thing_is_said_as_one(code: str, tmp_path: Path) -> None:
    try:
        found = check(read_dataset(seed(code, tmp_path / "data").root), level=Level.QUICK).findings
    except DescriptionError as error:
        found = (error.finding,)
    assert [
        one.what for one in found if re.search(r"\b1 (?:image|link|file|entrie|label|line|boxe|classe)s\b", one.what)
    ] == []


def test_each_kind_of_the_table_has_its_defect() -> None:
    assert sorted(SEEDED) == sorted(CODES)


def test_no_finding_of_the_check_is_made_beside_the_table() -> None:
    directory = Path(yolops.datasets.__file__).parent
    trees = {name: ast.parse((directory / f"{name}.py").read_text(encoding="utf-8")) for name in CHECK}
    calls = [
        (name, node.func.id)
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert {name for name, called in calls if called == "Finding"} == set()
    assert {name for name, called in calls if called == "finding"} == CHECK - {"check"}


def test_clean_datasets_raise_no_alarm(tmp_path: Path) -> None:
    shapes = check(read_dataset(write_sample(tmp_path / "shapes", images=(700, 200, 100))), level=Level.DEEP)
    assert shapes.findings == ()
    builder = Builder(tmp_path / "scenes")
    for number in range(1000):
        split = "val" if number % 5 == 0 else "train"
        x, y = 0.2 + number % 7 / 10, 0.2 + number % 11 / 20
        labels = f"{number % 2} {x:.4f} {y:.4f} 0.1 0.2\n"
        builder.add(f"{split}/{number}.jpg", image=encoded(scene(number)), labels=labels)
    assert check(read_dataset(builder.yaml)).findings == ()


def test_whoever_breaks_a_check_off_leaves_no_process_behind(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "data")
    for number in range(1500):
        builder.add(f"train/{number:04}.png")

    def stop(done: int, total: int) -> None:
        assert done < total
        assert multiprocessing.active_children()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(read_dataset(builder.yaml), stop)
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_ends_the_check_with_advice(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "data")
    for number in range(3000):
        builder.add(f"train/{number:04}.png")

    def kill(done: int, total: int) -> None:
        for process in multiprocessing.active_children():
            process.kill()

    with pytest.raises(YolopsError, match="was ended from outside") as caught:
        check(read_dataset(builder.yaml), kill)
    assert "--quick" in caught.value.hint


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    """More images than are read in this process alone; the report does not depend on how they are shared out."""
    builder = Builder(tmp_path / "data")
    for number in range(600):
        builder.add(f"train/{number:03}.png", labels=f"{3 if number % 100 == 0 else 0} 0.5 0.5 0.2 0.2\n")
    told: list[tuple[int, int]] = []
    report = check(read_dataset(builder.yaml), lambda done, total: told.append((done, total)))
    assert dict(report.counts) == {"class-out-of-range": 6, "class-imbalance": 1}
    wrong = [Path(item.where).name for item in report.errors]
    assert wrong == [f"{number:03}.txt:1" for number in range(0, 600, 100)]
    assert report.splits["train"].images == 601
    assert told[-1] == (602, 602)
