"""Whatever an export holds, converting it ends with a dataset or an error to act on, and never with a crash.

`YOLOPS_FUZZ` says how many cases each test tries.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.formats.exports import csv, cvat, drawn, image, label_studio
from tests.datasets.test_fuzz import fuzzed
from yolops.datasets.convert import convert
from yolops.datasets.formats import Source, Target
from yolops.errors import YolopsError

NAMES = [
    "a.jpg",
    "../a.jpg",
    "/etc/passwd",
    "a\0.jpg",
    "\ud800.jpg",
    "a" * 5000 + ".jpg",
    "a/" * 600 + "b.jpg",
    "",
    "%2e%2e/a.jpg",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([*NAMES, "nan", "1e999", "-1", "PPP", "rectanglelabels", "brush"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "x", "id"]), inner),
    max_leaves=6,
)
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 1, "segmentation": {"size": [2, 2], "counts": [1, 3]}},
        {"id": 3, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 9, 1, 9]]},
    ],
    "categories": [{"id": 1, "name": "dog"}],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn, original: Any) -> Any:
    """A JSON value of which some parts were replaced."""
    value = json.loads(json.dumps(original))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([place for place in places(value) if place] or [("x",)]))
        part = value
        for key in way:
            part = part[key]
        if isinstance(part, dict | list):
            part[last] = draw(VALUES)
    return value


def attempt(write: Callable[[Path], object], source: Source, target: Target) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "in"
        image(root / "a.jpg")
        write(root)
        try:
            convert(root, Path(directory) / "out", source_format=source, to=target)
        except YolopsError as error:
            assert error.hint
            assert not (Path(directory) / "out").exists()
        # Nothing was written anywhere else.
        assert {path.name for path in Path(directory).iterdir()} <= {"in", "out"}


TARGETS = st.sampled_from(Target)


@fuzzed
@given(spoilt(COCO), TARGETS)
def test_no_coco_makes_it_fail(content: Any, target: Target) -> None:
    attempt(lambda root: (root / "instances_train.json").write_text(json.dumps(content)), Source.COCO, target)


TASK = [
    {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [drawn(x=1, y=1, width=9, height=9, rotation=3)]}]}
]


@fuzzed
@given(spoilt(TASK), TARGETS)
def test_no_label_studio_makes_it_fail(content: Any, target: Target) -> None:
    attempt(lambda root: label_studio(root).write_text(json.dumps(content)), Source.LABEL_STUDIO, target)


PIECES = [
    "<a>",
    "</a>",
    "<image name='a.jpg'/>",
    "<track/>",
    "<label><name>",
    "&b;",
    "&#0;",
    "&#99999999;",
    "<!DOCTYPE a [",
    "]>",
]
PIECES += [
    "<!ENTITY b 'c'>",
    "<![CDATA[",
    "<box label='dog' xtl='1' ytl='1' xbr='nan' ybr='9'/>",
    "\x00",
    "\u2028",
    "'",
    "<",
]
BOX = '<box label="dog" xtl="1" ytl="1" xbr="9" ybr="9" rotation="3"/><polygon label="dog" points="1,1;9,9"/>'


@st.composite
def text(draw: st.DrawFn, original: str) -> bytes:
    """A text in which something was put, cut or replaced."""
    content = original
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(content))), draw(st.integers(0, 12))
        content = (
            content[:start] + draw(st.sampled_from([*PIECES, *NAMES]) | st.text(max_size=5)) + content[start + length :]
        )
    return content.encode("utf-8", "surrogatepass")


def exported(write: Callable[[Path], Path]) -> str:
    with tempfile.TemporaryDirectory() as directory:
        return write(Path(directory)).read_text()


@fuzzed
@given(text(exported(lambda root: cvat(root, BOX))), TARGETS)
def test_no_cvat_makes_it_fail(content: bytes, target: Target) -> None:
    attempt(lambda root: cvat(root).write_bytes(content), Source.CVAT, target)


@fuzzed
@given(text(exported(lambda root: csv(root, "a.jpg,100,50,dog,1,1,9,9", "a.jpg,,,,,,,"))), TARGETS)
def test_no_csv_makes_it_fail(content: bytes, target: Target) -> None:
    attempt(lambda root: csv(root).write_bytes(content), Source.CSV, target)


VOC = (
    "<annotation><size><width>100</width></size><object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
    "<ymax>9</ymax></bndbox></object></annotation>"
)


@fuzzed
@given(text(VOC), text("a\n"), TARGETS)
def test_no_voc_makes_it_fail(content: bytes, listed: bytes, target: Target) -> None:
    def write(root: Path) -> None:
        for name, written in (
            ("Annotations/a.xml", content),
            ("ImageSets/Main/train.txt", listed),
            ("classes.txt", listed),
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(written)
        image(root / "JPEGImages/a.jpg")

    attempt(write, Source.VOC, target)


@fuzzed
@given(text("dog\ncat\n"), text("a.jpg\n"), text("0 0.5 0.5 0.1 0.1\n"), TARGETS)
def test_no_darknet_makes_it_fail(names: bytes, listed: bytes, labels: bytes, target: Target) -> None:
    def write(root: Path) -> None:
        for name, written in (("obj.names", names), ("train.txt", listed), ("a.txt", labels)):
            (root / name).write_bytes(written)

    attempt(write, Source.DARKNET, target)
