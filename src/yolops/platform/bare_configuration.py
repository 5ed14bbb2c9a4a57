"""A configuration that holds nothing but the names of resources, which is all that `terraform import` needs.

In the real one an import evaluates every local value, validation and output, and those fail while half of what they
name is missing; an import block with a target creates what the target depends on, there or not.
https://developer.hashicorp.com/terraform/cli/import/usage: "you can leave the body of the resource blank".
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yolops.platform.configuration import BACKEND, LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KEY = r'(?:\[("(?:[^"\\]|\\.)*"|\d+)\])?'
MODULE = re.compile(rf"module\.([\w-]+){KEY}\.")
RESOURCE = re.compile(rf"([\w-]+)\.([\w-]+){KEY}")
# What says which AWS is meant, and how what is there is tagged.
COPIED = ("providers.tf", "versions.tf", "variables.tf", "options.tf", BACKEND, LOCK_FILE)
SETTINGS = ("*.tfvars", "*.tfvars.json")
LOCAL_STATE = 'terraform {{\n  backend "local" {{\n    path = "{}"\n  }}\n}}\n'


@dataclass
class Module:
    """One module.

    Attributes:
        resources: by type and name, the keys of its instances; none for a single one.
        modules: by name, the modules that it calls.
        keys: the keys of its own instances.
    """

    resources: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


def write(directory: Path, addresses: Iterable[str], real: Path) -> None:
    """Make a directory hold the bare configuration of those addresses, with the state and settings of the real one."""
    shutil.rmtree(directory, ignore_errors=True)
    for name, text in files(addresses).items():
        file = directory / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for file in [*(real / name for name in COPIED), *(file for pattern in SETTINGS for file in real.glob(pattern))]:
        if file.is_file():
            shutil.copyfile(file, directory / file.name)
    if not (real / BACKEND).is_file():
        state = str((real / "terraform.tfstate").resolve()).replace("\\", "\\\\").replace('"', '\\"')
        (directory / BACKEND).write_text(LOCAL_STATE.format(state), encoding="utf-8")


def files(addresses: Iterable[str]) -> dict[str, str]:
    """Return the text of each file, by its path."""
    root = Module()
    for address in addresses:
        module, start = root, 0
        while found := MODULE.match(address, start):
            module = module.modules.setdefault(found[1], Module())
            module.keys |= {found[2]} - {None}
            start = found.end()
        resource = RESOURCE.fullmatch(address, start)
        if resource is None:
            raise ValueError(f"{address}: not the address of a resource")
        module.resources.setdefault((resource[1], resource[2]), set()).update({resource[3]} - {None})
    return dict(_files(root, "bare"))


def _files(module: Module, path: str) -> Iterator[tuple[str, str]]:
    text = ""
    for (type_, name), keys in sorted(module.resources.items()):
        text += f'resource "{type_}" "{name}" {{\n{_repeated(keys)}}}\n'
    for name, inner in sorted(module.modules.items()):
        text += f'module "{name}" {{\n  source = "./{name}"\n{_repeated(inner.keys)}}}\n'
        yield from _files(inner, f"{path.removesuffix('bare')}{name}/bare")
    yield f"{path}.tf", text


def _repeated(keys: set[str]) -> str:
    if not keys:
        return ""
    if all(key.isdecimal() for key in keys):
        return f"  count = {max(map(int, keys)) + 1}\n"
    return f"  for_each = toset([{', '.join(sorted(keys))}])\n"
