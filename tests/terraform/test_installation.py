"""The provider that lies on a machine is found, wherever its mirror is."""

from __future__ import annotations

from pathlib import Path

from tests.terraform.installation import PROVIDER, binary, command_line_configuration, find_mirror


def _mirror(directory: Path) -> Path:
    (directory / PROVIDER / "5.100.0" / "linux_amd64").mkdir(parents=True)
    return directory


def test_a_mirror_is_found_by_its_shape(tmp_path: Path) -> None:
    mirror = _mirror(tmp_path / "plugins")

    assert find_mirror([tmp_path / "nothing", tmp_path]) == mirror


def test_a_mirror_that_is_found_is_written_down_for_terraform(tmp_path: Path) -> None:
    mirror = _mirror(tmp_path / "opt" / "plugins")
    environment = {"HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": str(tmp_path / "absent.rc")}

    written = command_line_configuration(tmp_path, environment, [tmp_path / "opt"])

    assert written is not None
    assert f'path = "{mirror}"' in written.read_text()


def test_a_configuration_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    _mirror(tmp_path / "plugins")
    own = tmp_path / "own.rc"
    own.touch()

    environment = {"HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": str(own)}
    assert command_line_configuration(tmp_path, environment, [tmp_path]) is None


def test_what_terraform_finds_by_itself_needs_nothing(tmp_path: Path) -> None:
    _mirror(tmp_path / ".terraform.d" / "plugins")

    assert command_line_configuration(tmp_path, {"HOME": str(tmp_path)}, [tmp_path]) is None


def test_without_a_mirror_terraform_asks_the_registry(tmp_path: Path) -> None:
    assert command_line_configuration(tmp_path, {"HOME": str(tmp_path)}, [tmp_path / "opt"]) is None


def test_a_configuration_that_is_named_but_absent_is_replaced_by_an_empty_one(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": str(tmp_path / "absent.rc")}

    written = command_line_configuration(tmp_path, environment, [])

    assert written is not None
    assert written.read_text() == ""


def test_another_binary_can_be_named(tmp_path: Path) -> None:
    other = tmp_path / "tofu"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)

    assert binary({"YOLOPS_TERRAFORM": str(other)}) == str(other)
    assert binary({"YOLOPS_TERRAFORM": str(tmp_path / "absent")}) is None
