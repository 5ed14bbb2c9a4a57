"""Label files: every line that ultralytics would not take is found, with its number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolops.datasets.labels import MOST_PER_FILE, canonical, parse
from yolops.findings import Severity

# Coarser than 32 bits, to which ultralytics rounds before it looks for lines that repeat another.
FRACTION = st.integers(1000, 4000).map(lambda number: number / 10000)
BOXES = st.lists(st.tuples(st.integers(0, 4), FRACTION, FRACTION, FRACTION, FRACTION), max_size=20, unique=True)


def codes(content: str | bytes, classes: int = 2) -> list[str]:
    raw = content if isinstance(content, bytes) else content.encode()
    return [finding.code for finding in parse(raw, where="a.txt", classes=classes).findings]


@given(BOXES)
def test_boxes_that_are_written_are_read_again(boxes: list[tuple[int, float, float, float, float]]) -> None:
    text = "".join(" ".join(map(repr, box)) + "\n" for box in boxes)
    labels = parse(text.encode(), where="a.txt", classes=5)
    np.testing.assert_array_equal(labels.boxes, np.array(boxes, dtype=float).reshape(-1, 5))
    assert {finding.severity for finding in labels.findings} <= {Severity.WARNING}


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    labels = parse(content, where="a.txt", classes=3)
    assert labels.boxes.shape[1] == 5
    assert canonical(canonical(content)) == canonical(content)


@given(BOXES, st.randoms())
def test_order_spacing_line_ends_and_marks_do_not_change_the_canonical_form(boxes: list[tuple], random: object) -> None:
    lines = [" ".join(map(repr, box)) for box in boxes]
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = "\ufeff" + "\r\n\r\n".join("  " + line.replace(" ", "\t ") for line in shuffled)
    assert canonical(other.encode()) == canonical("\n".join(lines).encode())


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("2 0.5 0.5 0.1 0.1", "class-out-of-range"),
        ("-1 0.5 0.5 0.1 0.1", "class-out-of-range"),
        ("0.5 0.5 0.5 0.1 0.1", "class-out-of-range"),
        ("1e300 0.5 0.5 0.1 0.1", "class-out-of-range"),
        ("0 0.5 0.5 0.1", "label-columns"),
        ("0 0.5 0.5 0.1 0.1 0.9", "label-columns"),
        ("0,0.5,0.5,0.1,0.1", "label-columns"),
        ("cat 0.5 0.5 0.1 0.1", "label-not-a-number"),
        ("0 nan 0.5 0.1 0.1", "label-not-finite"),
        ("0 0.5 0.5 inf 0.1", "label-not-finite"),
        ("nan 0.5 0.5 0.1 0.1", "label-not-finite"),
        ("0 1.2 0.5 0.1 0.1", "box-outside"),
        ("0 -0.1 0.5 0.1 0.1", "box-outside"),
        ("0 320 240 64 48", "box-outside"),
        ("0 0.5 0.5 -0.1 0.1", "box-negative"),
    ],
)
def test_a_row_that_costs_the_whole_image_is_an_error_with_its_line(row: str, code: str) -> None:
    labels = parse(f"0 0.5 0.5 0.1 0.1\n\n{row}\n".encode(), where="labels/a.txt", classes=2)
    (finding,) = labels.findings
    assert (finding.severity, finding.code, finding.where) == (Severity.ERROR, code, "labels/a.txt:3")
    assert len(labels.boxes) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("0 0.5 0.5 0 0.1\n", "box-without-area"),
        ("0 0.9 0.5 0.4 0.1\n", "box-leaves-image"),
        ("0 0.5 0.5 0.1 0.1\n0  0.5 0.5 0.1 0.1\n", "label-repeated"),
    ],
)
def test_a_row_that_cannot_be_meant_is_a_warning(content: str, code: str) -> None:
    (finding,) = parse(content.encode(), where="a.txt", classes=2).findings
    assert (finding.severity, finding.code) == (Severity.WARNING, code)


def test_polygons_are_boxed_and_said_so() -> None:
    labels = parse(b"1 0.1 0.2 0.5 0.2 0.5 0.6\n", where="a.txt", classes=2)
    np.testing.assert_allclose(labels.boxes, [[1, 0.3, 0.4, 0.4, 0.4]])
    assert labels.polygons
    assert [(finding.severity, finding.code) for finding in labels.findings] == [(Severity.INFO, "label-polygons")]


def test_boxes_among_polygons_and_polygons_of_half_points_are_errors() -> None:
    content = "0 0.1 0.2 0.5 0.2 0.5 0.6\n1 0.5 0.5 0.1 0.1\n0 0.1 0.2 0.5 0.2 0.5 0.6 0.7\n"
    assert codes(content) == ["label-mixed", "label-columns", "label-polygons"]


@pytest.mark.parametrize("content", ["0 0.5 0.5 0.1 0.1\n".encode("utf-16"), b"\xff\xd8\xff\xe0garbage"])
def test_what_is_not_utf8_is_an_error(content: bytes) -> None:
    assert codes(content) == ["label-not-text"]


def test_a_byte_order_mark_and_windows_line_ends_are_nothing_to_mention() -> None:
    assert codes(b"\xef\xbb\xbf0 0.5 0.5 0.1 0.1\r\n1 0.2 0.5 0.1 0.1\r\n") == []


def test_empty_labels_are_a_background() -> None:
    labels = parse(b"\n \n", where="a.txt", classes=2)
    assert labels.boxes.shape == (0, 5)
    assert labels.findings == ()


def test_a_file_of_nothing_but_faults_is_summed_up() -> None:
    found = parse(b"".join(b"9 0.5 0.5 0.1 0.%d\n" % n for n in range(1, 99)), where="a.txt", classes=2).findings
    assert len(found) == MOST_PER_FILE + 1
    assert found[-1].what == "78 more of this kind"
