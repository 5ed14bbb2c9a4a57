"""The names of resources as a configuration, in which Terraform imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yolops.platform import bare_configuration
from yolops.platform.bare_configuration import files

if TYPE_CHECKING:
    from pathlib import Path


def test_every_instance_has_its_place() -> None:
    found = files(
        [
            "aws_ssm_parameter.mode",
            "module.studio[0].aws_iam_role.user",
            'module.network.aws_subnet.own["private-a"]',
            'module.network.aws_subnet.own["a.b 127.0.0.1/32 [x]"]',
        ]
    )
    assert found["bare.tf"] == (
        'resource "aws_ssm_parameter" "mode" {\n}\n'
        'module "network" {\n  source = "./network"\n}\n'
        'module "studio" {\n  source = "./studio"\n  count = 1\n}\n'
    )
    assert found["studio/bare.tf"] == 'resource "aws_iam_role" "user" {\n}\n'
    assert found["network/bare.tf"] == (
        'resource "aws_subnet" "own" {\n  for_each = toset(["a.b 127.0.0.1/32 [x]", "private-a"])\n}\n'
    )


def test_a_module_in_a_module_lies_below_it() -> None:
    assert set(files(["module.a.module.b.aws_vpc.c"])) == {"bare.tf", "a/bare.tf", "a/b/bare.tf"}


def test_it_works_on_the_state_of_the_real_one_and_leaves_the_rest_behind(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    for name in ("main.tf", "variables.tf", "terraform.tfvars"):
        (real / name).write_text("", encoding="utf-8")
    bare_configuration.write(tmp_path / "bare", ["aws_vpc.own"], real)
    assert {file.name for file in (tmp_path / "bare").iterdir()} == {
        "bare.tf",
        "backend.tf",
        "variables.tf",
        "terraform.tfvars",
    }
    assert f'path = "{real}/terraform.tfstate"' in (tmp_path / "bare" / "backend.tf").read_text(encoding="utf-8")


def test_a_backend_that_was_chosen_is_kept(tmp_path: Path) -> None:
    (tmp_path / "backend.tf").write_text("chosen", encoding="utf-8")
    bare_configuration.write(tmp_path / "bare", ["aws_vpc.own"], tmp_path)
    assert (tmp_path / "bare" / "backend.tf").read_text(encoding="utf-8") == "chosen"
