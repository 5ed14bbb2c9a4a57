"""The files of the configuration: written once, never over somebody's edits, and copied without state or backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolops.errors import YolopsError
from yolops.platform.configuration import configuration_source, fingerprint, lay_out, mirror
from yolops.platform.outputs import Mode
from yolops.platform.scaffold import Choices, settings_text, write_new
from yolops.platform.settings import read_settings


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small configuration, with what must never be copied from it."""
    root = tmp_path / "source"
    (root / "modules" / "storage" / "tests").mkdir(parents=True)
    (root / ".terraform").mkdir()
    for name, text in {
        "main.tf": "# main",
        "backend.tf": "# backend",
        "terraform-custom.tfvars.example": "# example",
        "terraform.tfvars": 'project_name = "private"',
        "terraform.tfstate": "{}",
        ".terraform/modules.tf": "",
        "modules/storage/main.tf": "# storage",
        "modules/storage/user.yaml.tftpl": "# user data",
        "modules/storage/tests/a.tftest.hcl": "",
    }.items():
        (root / name).write_text(text)
    return root


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_the_configuration_of_this_checkout_is_found() -> None:
    assert (configuration_source() / "main.tf").is_file()


def test_everything_but_settings_state_and_tests_is_written(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "workspace" / "terraform"
    laid = lay_out(source, target, tmp_path / "record.json")
    assert names(target) == {
        ".gitignore",
        "main.tf",
        "backend.tf",
        "terraform-custom.tfvars.example",
        "modules/storage/main.tf",
        "modules/storage/user.yaml.tftpl",
    }
    assert set(laid.written) == names(target)
    assert "*.tfstate" in (target / ".gitignore").read_text()


def test_a_second_time_only_what_nobody_edited_is_renewed(source: Path, tmp_path: Path) -> None:
    target, record = tmp_path / "terraform", tmp_path / "record.json"
    lay_out(source, target, record)
    assert lay_out(source, target, record).written == ()
    (target / "main.tf").write_text("# mine")
    (source / "main.tf").write_text("# newer")
    (source / "modules" / "storage" / "main.tf").write_text("# newer")
    laid = lay_out(source, target, record)
    assert (laid.written, laid.edited) == (("modules/storage/main.tf",), ("main.tf",))
    assert (target / "main.tf").read_text() == "# mine"


def test_files_that_were_there_before_are_taken_for_somebody_s(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "terraform"
    target.mkdir()
    (target / "main.tf").write_text("# mine")
    assert lay_out(source, target, tmp_path / "record.json").edited == ("main.tf",)


def test_the_configuration_is_not_written_over_itself(source: Path, tmp_path: Path) -> None:
    before = names(source)
    assert lay_out(source, source, tmp_path / "record.json").written == ()
    assert names(source) == before


def test_a_directory_that_cannot_be_written_is_an_error(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(YolopsError, match="cannot be written"):
        lay_out(source, tmp_path / "file" / "terraform", tmp_path / "record.json")


def test_a_rehearsal_has_the_settings_but_neither_state_nor_backend(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    mirror(source, copy)
    assert "terraform.tfvars" in names(copy)
    assert not {"backend.tf", "terraform.tfstate", ".terraform/modules.tf"} & names(copy)


def test_a_rehearsal_follows_the_configuration_and_keeps_its_own_state(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    mirror(source, copy)
    (copy / "terraform.tfstate").write_text("simulated")
    (copy / ".terraform.lock.hcl").write_text("hashes")
    (source / "more.tf").write_text("# more")
    (source / "modules" / "storage" / "main.tf").unlink()
    mirror(source, copy)
    assert (copy / "more.tf").is_file()
    assert not (copy / "modules" / "storage" / "main.tf").exists()
    assert (copy / "terraform.tfstate").read_text() == "simulated"
    assert (copy / ".terraform.lock.hcl").exists()


def test_the_fingerprint_follows_code_and_not_settings_or_state(source: Path) -> None:
    before = fingerprint(source)
    (source / "terraform.tfvars").write_text("")
    (source / "terraform.tfstate").write_text("x")
    assert fingerprint(source) == before
    (source / "modules" / "storage" / "main.tf").write_text("# changed")
    assert fingerprint(source) != before


def test_the_settings_that_init_writes_are_the_ones_that_were_chosen(tmp_path: Path) -> None:
    path = tmp_path / "terraform.tfvars"
    choices = Choices(Mode.CUSTOM, "cells", "eu-central-1", "", ("203.0.113.7/32", "198.51.100.0/24"))
    assert write_new(path, settings_text(choices, "3.16.1"))
    settings = read_settings(path)
    assert (settings.mode, settings.project_name, settings.region) == (Mode.CUSTOM, "cells", "eu-central-1")
    assert 'admin_access = "ssm"' in path.read_text()
    assert 'allowed_cidrs = ["203.0.113.7/32", "198.51.100.0/24"]' in path.read_text()
    assert 'mlflow_version = "3.16.1"' in path.read_text()
    assert not write_new(path, settings_text(Choices(), "3.16.1"))
    assert read_settings(path) == settings


def test_with_a_key_pair_the_server_is_reached_by_ssh() -> None:
    text = settings_text(Choices(Mode.CUSTOM, key_pair="mine"), "3.16.1")
    assert 'key_pair_name = "mine"' in text
    assert "admin_access" not in text


def test_studio_needs_neither_key_nor_addresses() -> None:
    text = settings_text(Choices(), "3.16.1")
    assert "mlflow_version" not in text
    assert "allowed_cidrs" not in text
    assert "key_pair" not in text


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (Choices(Mode.LOCAL), "local is no mode in AWS"),
        (Choices(project="Cells"), "is not a name"),
        (Choices(Mode.CUSTOM, allowed_cidrs=("203.0.113.7/8",)), "no range of addresses"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(choices: Choices, says: str) -> None:
    with pytest.raises(YolopsError, match=says):
        choices.check()
