"""What a `data.yaml` says, read as data: nothing in it is ever run, downloaded or imported.

Keys and rules follow ultralytics 8.4 (`check_det_dataset`), with two differences: a relative `path` is relative to the
yaml and never to the current directory, and `download` is never executed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from yolops.datasets.codes import DescriptionError, finding
from yolops.datasets.splits import ImagePaths, images_in, resolved

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from yolops.findings import Finding

SPLITS = ("train", "val", "test")
MOST_NEAR = 3
# What ultralytics reads of a dataset of keypoints.
POSE_KEYS = ("kpt_shape", "flip_idx", "kpt_names")
# The largest public class list (about 22,000 ImageNet names) takes half a megabyte.
MAX_YAML_BYTES = 4 * 1024 * 1024
# What PyYAML raises; the last two for `!!bool x` and `!!timestamp x`.
NOT_YAML = (yaml.YAMLError, ValueError, LookupError, AttributeError)
# Besides `download`, under which ultralytics 8.4 runs a script, what other tools and forks take commands from.
EXECUTABLE = ("autodownload", "command", "exec", "postprocess", "preprocess", "run", "script", "setup")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset in YOLO format, as its description says.

    Attributes:
        source: the absolute path of the yaml.
        root: the absolute directory the splits are relative to.
        names: the class names; the class number is the index.
        splits: `train`, `val` and, where described, `test`: absolute image paths, sorted, none twice.
        findings: what a person should know about the description itself.
        pose: what it says about keypoints, as it stands there.
    """

    source: Path
    root: Path
    names: tuple[str, ...]
    splits: Mapping[str, ImagePaths]
    findings: tuple[Finding, ...] = ()
    pose: Mapping[str, object] = field(default_factory=dict)


def read_dataset(path: Path, *, needs: tuple[str, ...] = ("train", "val")) -> Dataset:
    """Read the description of a dataset.

    Args:
        path: the yaml file, or a directory that holds `data.yaml`.
        needs: the splits that it must describe.

    Returns:
        The dataset. Its images are listed, not opened.

    Raises:
        DescriptionError: the description is missing, unreadable, malformed or contradicts itself or the disk.
    """
    source = _yaml_of(path)
    document = _Document(source, *_load(source))
    root = _root(document)
    names, findings = _names(document)
    findings += _about_keys(document)
    splits: dict[str, ImagePaths] = {}
    for split in SPLITS:
        entries = _entries(document, split, required=split in needs)
        if entries:
            images, found = images_in(entries, root=root, where=document.where(split), required=split != "test")
            splits[split] = images
            findings.extend(found)
    pose = {key: document.value(key) for key in POSE_KEYS if document.value(key) is not None}
    return Dataset(source, root, names, MappingProxyType(splits), tuple(findings), pose)


def label_path(image: Path) -> Path:
    """Return where the labels of an image are: the last `images` directory becomes `labels`, the suffix `.txt`.

    An image below no directory of that name has its labels beside it (ultralytics' `img2label_paths`).
    """
    return Path(label_of(str(image)))


def label_file(image: Path) -> Path | None:
    """Return the label file of an image, be its suffix written `.TXT`; None if there is none."""
    labels = label_path(image)
    for path in (labels, labels.with_suffix(".TXT")):
        if path.is_file():
            return path
    return None


def label_of(image: str) -> str:
    """Do what `label_path` does, for a path as text: twenty times quicker."""
    head, directory, tail = image.rpartition("/images/")
    return os.path.splitext(f"{head}/labels/{tail}" if directory else image)[0] + ".txt"  # noqa: PTH122 - as said


def write_description(
    directory: Path, names: Sequence[str], splits: Container[str], pose: Mapping[str, object] = MappingProxyType({})
) -> None:
    """Write the `data.yaml` of a dataset with these splits, whose images are in `images/<split>` of a directory.

    Without a `path`, ultralytics and we start from the yaml itself, so that the directory can be moved.
    """
    described = {split: f"images/{split}" for split in SPLITS if split in splits}
    content = {**described, "names": dict(enumerate(names)), **pose}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (directory / "data.yaml").write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Document:
    """The mapping in a yaml file, and the line on which each key stands."""

    source: Path
    content: Mapping[Any, Any]
    lines: Mapping[str, int]

    def value(self, key: str) -> Any:
        return self.content.get(key)

    def where(self, key: str) -> str:
        line = self.lines.get(key)
        return f"{self.source}:{line}" if line else str(self.source)

    def fail(self, key: str, what: str, fix: str, *, code: str = "description-wrong") -> NoReturn:
        raise DescriptionError(code, self.where(key), what, fix)


def _yaml_of(path: Path) -> Path:
    # Not resolve(): the description may be a link, and what it says is meant from where the link stands.
    path = Path(os.path.abspath(path))  # noqa: PTH100 - as said
    if not path.is_dir():
        if not path.exists():
            fix = "give a data.yaml or the directory that holds one"
            raise DescriptionError("description-missing", str(path), "there is no such dataset", fix)
        return path
    if described := _described(path):
        return described
    others = sorted((*path.glob("*.yaml"), *path.glob("*.yml")))
    if len(others) == 1:
        return others[0]
    if others:
        fix = "name the file itself"
    elif near := _near(path):
        fix = f"there is one in {' and '.join(near)}"
    else:
        fix = "convert the annotations first: yolops dataset convert --help"
    raise DescriptionError("description-missing", str(path), "no data.yaml in this directory", fix)


def _described(directory: Path) -> Path | None:
    files = (directory / name for name in ("data.yaml", "data.yml"))
    return next((file for file in files if file.is_file()), None)


def _near(path: Path) -> list[str]:
    """Return the directories that a person may have meant: the one above, or some of those below."""
    try:
        with os.scandir(path) as entries:
            below = sorted(entry.path for entry in entries if entry.is_dir())
    except OSError:  # it may not be read
        below = []
    return [one for one in (str(path.parent), *below) if _described(Path(one))][:MOST_NEAR]


def _load(source: Path) -> tuple[Mapping[Any, Any], Mapping[str, int]]:
    try:
        with source.open("rb") as file:
            content = file.read(MAX_YAML_BYTES + 1)
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise DescriptionError("description-unreadable", str(source), what, "check the path and permissions") from error
    if len(content) > MAX_YAML_BYTES:
        what, fix = "larger than a description can be", "give the data.yaml of the dataset"
        raise DescriptionError("description-unreadable", str(source), what, fix)
    try:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else None
    except (*NOT_YAML, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark else str(source)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
        fix = "indent with spaces and quote odd names"
        if isinstance(error, yaml.reader.ReaderError):
            fix = "give the data.yaml of the dataset; it must be text in UTF-8"
        raise DescriptionError("description-unreadable", where, f"not valid YAML ({problem})", fix) from error
    if not isinstance(value, dict) or not isinstance(node, yaml.MappingNode):
        fix = "it needs at least the keys train, val and names"
        raise DescriptionError("description-unreadable", str(source), "holds no mapping", fix)
    lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
    return value, lines


def _about_keys(document: _Document) -> Iterator[Finding]:
    if document.value("download"):
        what = "`download` is ignored: yolops never runs what a dataset brings along"
        fix = "fetch the data yourself if it is missing, then delete the key"
        yield finding("download-ignored", document.where("download"), what, fix)
    for key in EXECUTABLE:
        if document.value(key):
            what = f"`{key}` is ignored: yolops never runs what a dataset brings along"
            yield finding("key-executable", document.where(key), what, "read what it does, then delete the key")
    if document.value("kpt_shape"):
        what = "`kpt_shape` says that the labels hold keypoints (pose), and yolops trains boxes"
        fix = "keep the first five columns of the labels, and delete the key"
        yield finding("keypoints-described", document.where("kpt_shape"), what, fix)


def _root(document: _Document) -> Path:
    path = document.value("path")
    if path is not None and not isinstance(path, str):
        document.fail("path", "`path` is not text", "write the directory that holds the splits, or leave it out")
    root = resolved(path or "", document.source.parent, document.where("path"))
    if not root.is_dir():
        document.fail("path", f"`path` leads to {root}, which is no directory", "delete `path` to mean the yaml's own")
    return root


def _names(document: _Document) -> tuple[tuple[str, ...], list[Finding]]:
    count = _count(document)
    raw = document.value("names")
    if raw is None:
        if count is None:
            document.fail("names", "neither `names` nor `nc`", "list the class names under `names`")
        what = "the classes have no names, so they are called class_0, class_1, ..."
        invented = finding("names-invented", document.where("nc"), what, "list the class names under `names`")
        return tuple(f"class_{index}" for index in range(count)), [invented]
    values = _in_order(document, raw) if isinstance(raw, dict) else raw
    if not isinstance(values, list) or not values:
        document.fail("names", "`names` is neither a list nor a mapping of numbers to names", "list the class names")
    if not all(isinstance(value, str | int | float) for value in values):
        document.fail("names", "`names` holds something that is not a name", "write one text per class")
    if count is not None and count != len(values):
        what, fix = f"`nc` is {count} but `names` has {len(values)}", "delete `nc`: the names say how many"
        document.fail("nc", what, fix, code="names-disagree")
    return tuple(str(value) for value in values), _doubtful_names(document, values)


def _count(document: _Document) -> int | None:
    count = document.value("nc")
    if count is None:
        return None
    try:
        number = int(count)
        if isinstance(count, bool) or number != float(count) or not 0 < number <= 100_000:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        document.fail("nc", "`nc` is not a number of classes", "delete `nc` and list the names")
    return number


def _in_order(document: _Document, raw: dict[Any, Any]) -> list[Any]:
    try:
        numbered = {int(key): value for key, value in raw.items()}
    except (TypeError, ValueError):
        document.fail("names", "`names` is a mapping whose keys are not numbers", "number the classes from 0")
    missing = next((index for index in range(len(raw)) if index not in numbered), None)
    if missing is not None:
        document.fail("names", f"`names` has no class {missing}", "number the classes from 0 without a gap")
    return [numbered[index] for index in range(len(raw))]


def _doubtful_names(document: _Document, values: list[Any]) -> list[Finding]:
    where = document.where("names")
    found = []
    names = [str(value) for value in values]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        what = f"more than one class is called {twice[0]!r}"
        found.append(finding("name-repeated", where, what, "give each class its own name"))
    odd = next((value for value in values if not isinstance(value, str)), None)
    if odd is not None:
        what = f"YAML reads a class name as {odd!r}, which is not text"
        found.append(finding("name-not-text", where, what, "put quotes around the name"))
    return found


def _entries(document: _Document, split: str, *, required: bool) -> list[str]:
    value = document.value(split)
    if split == "val" and value is None:
        value = document.value("validation")  # ultralytics takes it too
        if value is None and document.value("valid") is not None:
            document.fail("valid", "the key `valid` is not read by ultralytics", "rename it to `val`")
    if not value:
        if not required:
            return []
        document.fail(split, f"no `{split}`", f"add `{split}:` with the directory of its images")
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) and entry and "\0" not in entry for entry in entries):
        document.fail(split, f"`{split}` is neither a path nor a list of paths", "write directories or .txt lists")
    return entries
