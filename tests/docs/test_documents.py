"""What the documents say is true of the program: its help, its commands, the files that they link to."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
import yaml

from yolops.cli.app import application
from yolops.cli.train import PASS_THROUGH
from yolops.training.arguments import parse_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / ".github").rglob("*.md")])
OURS = [*DOCUMENTS, *sorted((ROOT / ".github").rglob("*.yml")), ROOT / "zensical.toml", DOCS / "generate.py"]
PROGRAM = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?yolops(?= |$)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEAVES_OUT = ("MissingParameter", "NoArgsIsHelpError")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_generated_documents_are_what_the_command_line_says_of_itself() -> None:
    check = [sys.executable, str(DOCS / "generate.py"), "--check"]
    result = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_stale_document_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    script = tmp_path / "docs" / "generate.py"
    script.write_text((DOCS / "generate.py").read_text(encoding="utf-8"), encoding="utf-8")
    check = [sys.executable, str(script), "--check"]
    result = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "docs/reference/cli.md: out of date; run: python docs/generate.py",
        "docs/reference/checks.md: out of date; run: python docs/generate.py",
        "docs/reference/dataset-findings.md: out of date; run: python docs/generate.py",
        "src/yolops/cli/help.txt: out of date; run: python docs/generate.py",
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    dead = []
    for target in LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (document.parent / file).resolve() if file else document
        if not path.exists() or (anchor and anchor not in anchors(path)):
            dead.append(target)
    assert dead == []


def test_every_page_can_be_reached_from_the_navigation() -> None:
    project = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(pages(project["nav"])) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("document", [ROOT / "README.md", DOCS / "index.md"], ids=name_of)
def test_a_first_page_leads_to_every_page_but_single_decisions(document: Path) -> None:
    linked = {(document.parent / target.partition("#")[0]).resolve() for target in LINK.findall(prose(document))}
    decisions = set((DOCS / "explanation" / "decisions").glob("0*.md"))
    assert set(DOCS.rglob("*.md")) - linked - decisions - {DOCS / "index.md"} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_in_the_documents_is_one_that_the_program_takes(document: Path) -> None:
    wrong = {command: problem for command in commands(document) if (problem := refusal(command))}
    assert wrong == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_in_a_sentence_exists(document: Path) -> None:
    wrong = {command: problem for command in mentions(document) if (problem := refusal(command))}
    assert {command: problem for command, problem in wrong.items() if not problem.startswith(LEAVES_OUT)} == {}


def test_the_documents_do_show_and_mention_commands() -> None:
    assert len(list(commands(ROOT / "README.md"))) >= 4
    assert len(list(mentions(ROOT / "README.md"))) >= 2


def test_the_option_that_writes_into_a_home_is_known_and_not_acted_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal("yolops --install-completion") == ""
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "command", ["yolops rnus list", "yolops up --prot 5000", "yolops up --port many", "yolops train cells --epoks 3"]
)
def test_a_command_that_the_program_refuses_would_be_found(command: str) -> None:
    assert refusal(command)


@pytest.mark.parametrize("document", OURS, ids=name_of)
def test_no_document_names_a_directory_of_the_machine_it_was_written_on(document: Path) -> None:
    # /opt/ml is a directory of SageMaker's containers.
    assert re.findall(r"/(?:work|root|opt(?!/ml\b))/\S*", document.read_text(encoding="utf-8")) == []


def prose(document: Path) -> str:
    """Return a document without its blocks and spans of code, in which nothing is a link."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", document.read_text(encoding="utf-8")))


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def pages(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    for part in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
        yield from pages(part)


def commands(document: Path) -> Iterator[str]:
    """Yield every line of a shell that starts with our program."""
    for language, block in FENCE.findall(document.read_text(encoding="utf-8")):
        if language in {"console", "bash", "sh", "shell"}:
            yield from (line for line in block.replace("\\\n", " ").splitlines() if PROGRAM.match(line))


def mentions(document: Path) -> Iterator[str]:
    """Yield every span of code that starts with our program; it may leave out what the sentence says."""
    for span in re.findall(r"`([^`]+)`", FENCE.sub("", document.read_text(encoding="utf-8"))):
        line = " ".join(span.split())
        if PROGRAM.match(line) and "|" not in line:
            yield line


def refusal(command: str) -> str:
    """Return why the program would not take a command line, or nothing if it would. Nothing is run."""
    words = shlex.split(PROGRAM.sub("", command), comments=True)
    root: Any = typer.main.get_command(application())
    # Parsing such an option does what it is for, and one of them writes into the home of whoever runs the tests.
    acting = {option for parameter in root.params if parameter.callback for option in parameter.opts} | {"--help"}
    if acting.intersection(words):
        return "" if all(word in acting or not word.startswith("-") for word in words) else "more than it may be"
    try:
        context = root.make_context("yolops", words)
        part = root
        while hasattr(part, "list_commands"):
            name, part, rest = part.resolve_command(context, [*context._protected_args, *context.args])
            context = part.make_context(name, rest, parent=context)
    except Exception as error:  # noqa: BLE001 - click's usage errors, which typer carries inside under another name
        return f"{type(error).__name__}: {error}"
    if part.context_settings == PASS_THROUGH:
        unknown = set(parse_arguments(context.args)) - trainer_arguments()
        return f"no argument of the trainer: {', '.join(sorted(unknown))}" if unknown else ""
    return ""


def trainer_arguments() -> set[str]:
    """Return what ultralytics takes, without importing it."""
    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    settings = Path(spec.origin).with_name("cfg") / "default.yaml"
    return set(yaml.safe_load(settings.read_text(encoding="utf-8")))
