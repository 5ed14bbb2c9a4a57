"""Writes the inputs and outputs of each Terraform module into its README, between two marks.

`python docs/terraform_readmes.py` writes them; with `--check` it writes nothing and exits with 1 when a README is out
of date, or does not have the marks.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hcl2
from hcl2.utils import SerializationOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
TERRAFORM = ROOT / "terraform"
MEND = "python docs/terraform_readmes.py"
BEGIN = "<!-- inputs and outputs -->"
END = "<!-- end -->"
_REQUIRED = object()


@dataclass(frozen=True)
class Input:
    """One variable of a module.

    Attributes:
        name: what it is called in `terraform.tfvars` or in the module call.
        type: its type, as the configuration writes it.
        default: its default as Markdown, or the word "required".
        description: what it is for.
    """

    name: str
    type: str
    default: str
    description: str


@dataclass(frozen=True)
class Output:
    """One output of a module: its name, and what it says."""

    name: str
    description: str


def modules(terraform: Path = TERRAFORM) -> list[Path]:
    """Return the directory of the root module, then of each module below it."""
    return [terraform, *sorted(path.parent for path in terraform.glob("modules/*/variables.tf"))]


def inputs(module: Path) -> list[Input]:
    """Return the variables of a module in the order in which its files have them, `variables.tf` first."""
    return [_input(name, body) for name, body in _blocks(module, "variable")]


def outputs(module: Path) -> list[Output]:
    """Return the outputs of a module in the order in which they are written."""
    return [Output(name, str(body["description"])) for name, body in _blocks(module, "output")]


def section(module: Path) -> str:
    """Return the text that stands between the marks."""
    rows = [f"| `{item.name}` | `{item.type}` | {item.default} | {item.description} |" for item in inputs(module)]
    lines = ["## Inputs", "", "| name | type | default | what it is for |", "|---|---|---|---|", *rows, ""]
    rows = [f"| `{item.name}` | {item.description} |" for item in outputs(module)]
    return "\n".join([*lines, "## Outputs", "", "| name | what it says |", "|---|---|", *rows])


def documents(terraform: Path = TERRAFORM) -> dict[Path, str]:
    """Return the text that each README should have.

    Raises:
        ValueError: a README has no marks.
    """
    return {module / "README.md": _with_section(module) for module in modules(terraform)}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` say which one is out of date."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"usage: {MEND} [--check]\n")
        return 2
    try:
        wanted = documents()
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stale = [path for path, text in wanted.items() if path.read_text("utf-8") != text]
    for path in stale:
        if arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)}: out of date; run: {MEND}\n")
        else:
            path.write_text(wanted[path], encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return int(bool(stale and arguments))


def _with_section(module: Path) -> str:
    readme = module / "README.md"
    before, begin, rest = readme.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme}: has no place for inputs and outputs; put these two lines into it: {BEGIN} {END}")
    return f"{before}{BEGIN}\n\n{section(module)}\n\n{END}{after}"


def _blocks(module: Path, kind: str) -> Iterator[tuple[str, dict[str, object]]]:
    for path in sorted(module.glob("*.tf"), key=lambda path: (path.name != "variables.tf", path.name)):
        for block in _parsed(path).get(kind, []):
            yield from block.items()


@cache  # parsing takes nearly all the time, and inputs and outputs are asked for one after the other
def _parsed(path: Path) -> dict[str, list[dict[str, dict[str, object]]]]:
    options = SerializationOptions(strip_string_quotes=True)
    parsed: dict[str, list[dict[str, dict[str, object]]]] = hcl2.loads(
        path.read_text("utf-8"), serialization_options=options
    )
    return parsed


def _input(name: str, body: dict[str, object]) -> Input:
    default = body.get("default", _REQUIRED)
    text = "required" if default is _REQUIRED else f"`{json.dumps(default)}`"
    return Input(name, _plain(str(body["type"])), text, _plain(str(body["description"])))


def _plain(text: str) -> str:
    """Return a value as a person wrote it: without the marks of an expression or of an escape, fit for a table."""
    if text.startswith("${") and text.endswith("}"):
        text = text[2:-1]
    return text.replace('\\"', '"').replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
