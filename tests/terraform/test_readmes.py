"""Each module says what it takes and gives, and says it truly."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.terraform.conftest import CHECKOUT, TERRAFORM


def _generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("readmes", CHECKOUT / "docs" / "terraform_readmes.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


READMES = _generator()
MODULES = READMES.modules()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_inputs_and_outputs_are_those_of_the_code(module: Path) -> None:
    readme = module / "README.md"
    assert readme.read_text("utf-8") == READMES.documents()[readme], "run: python docs/terraform_readmes.py"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_input_and_output_is_described(module: Path) -> None:
    described = [*READMES.inputs(module), *READMES.outputs(module)]

    assert described
    assert [item.name for item in described if len(item.description) < 10] == []


@pytest.mark.parametrize("module", MODULES[1:], ids=lambda module: module.name)
def test_the_smallest_example_names_every_input_that_is_required(module: Path) -> None:
    example = re.search(r"```hcl\n(.*?)```", (module / "README.md").read_text("utf-8"), re.DOTALL)
    assert example is not None
    given = set(re.findall(r"^\s+(\w+)\s+=", example[1], re.MULTILINE)) - {"source"}

    known = {item.name: item.default for item in READMES.inputs(module)}
    assert {name for name, default in known.items() if default == "required"} <= given <= set(known)


def test_examples_name_only_settings_that_exist() -> None:
    known = {item.name for item in READMES.inputs(TERRAFORM)}
    for example in TERRAFORM.glob("*.tfvars.example"):
        named = re.findall(r"^(?:# )?(\w+)\s+= ", example.read_text("utf-8"), re.MULTILINE)
        assert named
        assert set(named) <= known


def test_a_readme_without_a_place_for_them_is_named(tmp_path: Path) -> None:
    (tmp_path / "variables.tf").write_text("")
    (tmp_path / "README.md").write_text("# no marks\n")

    with pytest.raises(ValueError, match=r"README\.md: has no place"):
        READMES.documents(tmp_path)
