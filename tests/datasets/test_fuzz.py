"""Whatever a dataset holds, its check ends with a report or an error that a person can act on, and never with a crash.

`YOLOPS_FUZZ` says how many cases each test tries; `make faults` tries 10,000.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.datasets.dataset_builder import BOX, Builder
from tests.datasets.scenes import encoded, scene
from yolops.datasets.check import check
from yolops.datasets.codes import CODES
from yolops.datasets.description import read_dataset
from yolops.datasets.images import Level
from yolops.datasets.labels import canonical, parse
from yolops.errors import YolopsError

fuzzed = settings(
    max_examples=int(os.environ.get("YOLOPS_FUZZ", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ODD = ["0", "1", "2", "-1", "0.5", "1.005", "1.2", "-0.005", "nan", "inf", "1e999", "1-2", "1.2.3", ".", "-", "0x1"]
NUMBERS = st.one_of(
    st.sampled_from([*ODD, "\u0663", "1_0", "cat"]),
    st.floats(width=32).map(repr),
    st.integers(-3, 10**30).map(str),
)
GAPS = st.sampled_from([" ", " ", " ", "  ", "\t", ",", "\u00a0", "\x1f"])
ENDS = st.sampled_from(["\n", "\n", "\r\n", "\r", "\x0b", "\u2028", " \n", ""])
LINES = st.builds(
    lambda numbers, gap, end: gap.join(numbers) + end, st.lists(NUMBERS, min_size=1, max_size=12), GAPS, ENDS
)
LABELS = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda mark, lines: (mark + "".join(lines)).encode(),
        st.sampled_from(["", "\ufeff"]),
        st.lists(LINES, max_size=8),
    ),
)
PIECES = ["train:", "val:", "test:", "names:", "nc:", "path:", "download:", "kpt_shape:", "images/train", "images/val"]
PIECES += ["[a, b]", "{0: a}", "- a\n", "..", "/", "~", "\0", "&x", "*x", "!!python/object:os.system", "\n", "\n", " "]
PIECES += ["3", ".inf", "2024-13-45", "'", "\t"]
YAMLS = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(PIECES), max_size=25).map(lambda parts: "".join(parts).encode()),
)
WHOLE = [
    encoded(scene(1, size=(48, 36)), form, **options)
    for form, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("BMP", {}),
        ("AVIF", {}),
        ("JPEG2000", {}),
    )
]


@st.composite
def images(draw: st.DrawFn) -> bytes:
    """An image of which some bytes were changed, cut off or repeated."""
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        change = draw(st.sampled_from(["set", "cut", "insert", "repeat"]))
        if change == "set":
            content[place : place + 1] = draw(st.binary(min_size=1, max_size=4))
        elif change == "cut":
            del content[place : place + draw(st.integers(1, 400))]
        elif change == "insert":
            content[place:place] = draw(st.binary(max_size=40))
        else:
            content[place:place] = content[: draw(st.integers(0, 200))]
    return bytes(content)


@fuzzed
@given(st.lists(LABELS, min_size=1, max_size=4))
def test_no_label_files_make_the_check_fail_or_differ_from_reading_line_by_line(contents: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        builder = Builder(Path(directory) / "data")
        for number, content in enumerate(contents):
            builder.add(f"train/{number}.png", labels=content)
        report = check(read_dataset(builder.yaml), level=Level.DEFAULT)
        expected = [
            item
            for number, content in enumerate(contents)
            for item in parse(
                content, where=f"{builder.root}/labels/train/{number}.txt", classes=2, size=(32, 24)
            ).findings
        ]
        said = [item for item in report.findings if "/labels/train/" in item.where]
    assert set(report.counts) <= set(CODES)
    assert said == expected
    assert all(canonical(canonical(content)) == canonical(content) for content in contents)


@fuzzed
@given(YAMLS)
def test_no_description_makes_it_fail(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        builder = Builder(Path(directory) / "data")
        builder.yaml.write_bytes(content)
        try:
            check(read_dataset(builder.yaml), level=Level.QUICK)
        except YolopsError as error:
            assert error.hint


@fuzzed
@given(images(), st.sampled_from(list(Level)), st.sampled_from(["jpg", "png", "webp", "tif", "bmp", "avif", "jp2"]))
def test_no_image_makes_it_fail(content: bytes, level: Level, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        builder = Builder(Path(directory) / "data")
        builder.add(f"train/c.{suffix}", image=content, labels=BOX)
        report = check(read_dataset(builder.yaml), level=level)
    assert set(report.counts) <= set(CODES)
    assert report.splits["train"].images == 2
