"""The commands about versions, as a person types them in local mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.datasets.dataset_builder import Builder
from tests.datasets.versions.conftest import BUCKET
from tests.platform.conftest import REGION
from yolops.aws import Aws
from yolops.cli.dataset import commands
from yolops.cli.session import Session
from yolops.errors import YolopsError
from yolops.platform.workspace import Workspace


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def typed(*arguments: object) -> Result:
        session = Session(Workspace(tmp_path / "workspace"), as_json=False, verbose=False)
        return CliRunner().invoke(commands(), [str(item) for item in arguments], obj=session)

    return typed


def test_a_pushed_dataset_is_listed_pulled_and_pruned(run: Any, builder: Builder, tmp_path: Path) -> None:
    pushed = json.loads(run("push", builder.root, "--name", "cats", "--json").stdout)
    assert (pushed["new"], pushed["images"]) == (True, {"train": 1, "val": 1})
    assert "is there already" in run("push", builder.root, "--name", "cats").stdout
    listed = json.loads(run("list", "--json").stdout)
    assert [(one["dataset"], one["version"], one["runs"]) for one in listed] == [("cats", pushed["version"], [])]
    assert pushed["version"][:12] in run("list", "cats").stdout
    pulled = json.loads(run("pull", f"cats@{pushed['version'][:8]}", tmp_path / "out", "--json").stdout)
    assert (pulled["version"], pulled["files"]) == (pushed["version"], 4)
    assert run("check", tmp_path / "out").exit_code == 0
    shown = run("prune", "--older-than", "0")
    assert pushed["version"][:12] in shown.stdout
    assert "nothing was removed" in shown.stderr
    assert len(json.loads(run("list", "--json").stdout)) == 1
    assert json.loads(run("prune", "--older-than", "0", "--yes", "--json").stdout)[0]["removed"] is True
    assert json.loads(run("list", "--json").stdout) == []


def test_which_runs_used_a_version_is_left_open_while_mlflow_is_away(run: Any, builder: Builder) -> None:
    run("push", builder.root)
    assert "which runs used them is not known" in run("list").stderr


def test_a_dataset_with_errors_is_not_pushed(run: Any, builder: Builder) -> None:
    builder.label("train/a.png", "7 0.5 0.5 0.1 0.1\n")
    result = run("push", builder.root)
    assert isinstance(result.exception, YolopsError)
    assert json.loads(run("list", "--json").stdout) == []


def test_a_directory_that_no_dataset_can_be_called_like_is_refused_before_its_images_are_read(
    run: Any, tmp_path: Path
) -> None:
    Builder(tmp_path / "my cats").label("train/a.png", "no label at all\n")
    error = run("push", tmp_path / "my cats").exception
    assert isinstance(error, YolopsError)
    assert error.message == "'my cats' cannot be the name of a dataset"


def test_a_dry_run_pushes_nothing(run: Any, builder: Builder) -> None:
    said = run("push", builder.root, "--dry-run")
    assert "is new: 3 objects" in said.stdout
    assert json.loads(run("list", "--json").stdout) == []


def test_a_version_that_is_not_there_is_an_error_that_names_those_that_are(
    run: Any, builder: Builder, tmp_path: Path
) -> None:
    version = json.loads(run("push", builder.root, "--name", "cats", "--json").stdout)["version"]
    error = run("pull", "cats@123456789", tmp_path / "out").exception
    assert isinstance(error, YolopsError)
    assert version[:12] in error.hint
    assert not (tmp_path / "out").exists()


def test_a_dataset_that_is_not_there_is_an_error(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for command in (("pull", "dogs", out), ("pull", "dogs@123456", out), ("list", "dogs"), ("prune", "dogs", "--yes")):
        assert isinstance(run(*command).exception, YolopsError), command
    assert "push one" in run("list").stdout


@pytest.mark.parametrize("name", ["../cats", "a/b", ".yolops", "", "@123456"])
def test_a_name_that_leads_elsewhere_is_refused(run: Any, builder: Builder, tmp_path: Path, name: str) -> None:
    if name:
        assert isinstance(run("push", builder.root, "--name", name).exception, YolopsError)
    assert isinstance(run("pull", name, tmp_path / "out").exception, YolopsError)


def test_an_address_is_pulled_from_any_workspace(s3: dict[str, str], run: Any, tmp_path: Path) -> None:
    Aws(REGION).call("s3", "put_object", Bucket=BUCKET, Key="datasets/dogs/data.yaml", Body=b"names: [dog]")
    result = run("pull", f"s3://{BUCKET}/datasets/dogs/", tmp_path / "dogs")
    assert result.exit_code == 0, result.exception
    assert (tmp_path / "dogs/data.yaml").read_bytes() == b"names: [dog]"
    assert "no version" in result.stderr


def test_a_bucket_that_is_not_there_is_named(s3: dict[str, str], run: Any, tmp_path: Path) -> None:
    error = run("pull", "s3://of-nobody/datasets/dogs", tmp_path / "dogs").exception
    assert isinstance(error, YolopsError)
    assert "there is no bucket of-nobody" in error.message


@pytest.mark.parametrize("address", ["s3://", "s3://bucket", "s3:///name"])
def test_an_address_that_names_no_dataset_is_refused(run: Any, tmp_path: Path, address: str) -> None:
    error = run("pull", address, tmp_path / "out").exception
    assert isinstance(error, YolopsError)
    assert "names no dataset" in error.message
