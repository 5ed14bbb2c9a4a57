"""What a label file says: one box per line, and every line that ultralytics would not take.

ultralytics 8.4 (`verify_image_label`) drops an image with all its boxes for one bad line and says so in one line of
log, so whatever makes it do that is an error here. Lines it accepts although they cannot be meant are warnings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What ultralytics tolerates beyond 0 and 1 (`verify_image_label`: 1.01 and -0.01).
TOLERANCE = 0.01
# A class off by one makes every line of every file wrong; the first lines say it as well as all of them.
MOST_PER_FILE = 20


@dataclass(frozen=True, slots=True)
class Labels:
    """The boxes of one image, and what was wrong with the file.

    Attributes:
        boxes: shape (n, 5), float64: class, centre x, centre y, width, height; in fractions of the image.
        findings: what to say about the file; where it is about a line, `where` ends with its number.
        polygons: whether the file outlines objects instead of boxing them.
    """

    boxes: NDArray[np.float64]
    findings: tuple[Finding, ...] = ()
    polygons: bool = False


def parse(content: bytes, *, where: str, classes: int) -> Labels:
    """Parse a label file.

    Args:
        content: the bytes of the file.
        where: the path of the file, for findings.
        classes: how many classes the dataset has.

    Returns:
        The boxes of the good lines, and findings on all others.
    """
    rows = _rows(content)
    if rows is None:
        what = "not UTF-8 text, so ultralytics drops the image with all its boxes"
        fix = "save it as UTF-8: one `class x y width height` per line"
        return Labels(_array([]), (Finding(Severity.ERROR, "label-not-text", where, what, fix),))
    polygons = any(len(tokens) > 6 for _, tokens in rows)
    boxes: list[tuple[float, ...]] = []
    findings: list[Finding] = []
    first_seen: dict[tuple[str, ...], int] = {}
    for line, tokens in rows:
        box, problem = _box(tokens, polygons=polygons, classes=classes)
        first = first_seen.setdefault(tuple(tokens), line)
        if first != line and box:
            problem = _Problem(Severity.WARNING, "label-repeated", f"repeats line {first}", "delete one of the two")
            box = None  # ultralytics removes it too
        if box:
            boxes.append(box)
        if problem:
            findings.append(Finding(problem.severity, problem.code, f"{where}:{line}", problem.what, problem.fix))
    if polygons:
        what, fix = "polygons are trained as the boxes around them", "nothing, if you train a detector"
        findings.append(Finding(Severity.INFO, "label-polygons", where, what, fix))
    return Labels(_array(boxes), _shortened(findings, where), polygons)


def canonical(content: bytes) -> bytes:
    """Return label bytes in the one form that is fingerprinted.

    Byte-order mark, line ends, spacing, empty lines and the order of lines carry no meaning and vary between tools.
    What is not text is returned as it is.
    """
    rows = _rows(content)
    if rows is None:
        return content
    return "".join(sorted(" ".join(tokens) + "\n" for _, tokens in rows)).encode()


@dataclass(frozen=True, slots=True)
class _Problem:
    severity: Severity
    code: str
    what: str
    fix: str


def _rows(content: bytes) -> list[tuple[int, list[str]]] | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    numbered = ((line, row.split()) for line, row in enumerate(text.splitlines(), start=1))
    return [(line, tokens) for line, tokens in numbered if tokens]


def _box(tokens: list[str], *, polygons: bool, classes: int) -> tuple[tuple[float, ...] | None, _Problem | None]:
    if (problem := _wrong_columns(len(tokens), polygons=polygons)) is not None:
        return None, problem
    try:
        values = [float(token) for token in tokens]
    except ValueError:
        return None, _dropped("label-not-a-number", "holds something that is not a number", "write numbers only")
    if not all(map(math.isfinite, values)):
        return None, _dropped("label-not-finite", "holds NaN or infinity", "correct or delete the line")
    number = values[0]
    if number != int(number) or not 0 <= number < classes:
        what = f"class {tokens[0][:20]} is not one of 0 to {classes - 1}"
        return None, _dropped("class-out-of-range", what, "correct the class, or add its name to `names`")
    box = (number, *(_around(values[1:]) if polygons else values[1:]))
    problem = _misplaced(*box[1:])
    return (None if problem and problem.severity is Severity.ERROR else box), problem


def _wrong_columns(count: int, *, polygons: bool) -> _Problem | None:
    if polygons and count == 5:
        return _dropped("label-mixed", "a box in a file of polygons", "give every object of a file the same form")
    if polygons and count >= 7 and count % 2:
        return None
    if not polygons and count == 5:
        return None
    what = f"{count} columns; a box has 5, a polygon an odd number from 7"
    return _dropped("label-columns", what, "write `class x y width height`, separated by spaces")


def _misplaced(x: float, y: float, width: float, height: float) -> _Problem | None:
    if min(width, height) < 0:
        return _dropped("box-negative", "the box has a negative size", "correct or delete the line")
    if min(x, y) < -TOLERANCE or max(x, y, width, height) > 1 + TOLERANCE:
        fix = "divide pixels by the image's width and height"
        return _dropped("box-outside", "coordinates are not between 0 and 1", fix)
    if min(width, height) == 0:
        return _Problem(Severity.WARNING, "box-without-area", "the box has no area", "correct or delete the line")
    edges = (x - width / 2, y - height / 2, 1 - x - width / 2, 1 - y - height / 2)
    if min(edges) < -TOLERANCE:
        fix = "clip the box to the image; if all boxes do, they may be corners instead of centre and size"
        return _Problem(Severity.WARNING, "box-leaves-image", "the box reaches beyond the image", fix)
    return None


def _around(points: list[float]) -> tuple[float, float, float, float]:
    xs, ys = points[0::2], points[1::2]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _dropped(code: str, what: str, fix: str) -> _Problem:
    return _Problem(Severity.ERROR, code, f"{what} (ultralytics drops the whole image)", fix)


def _array(boxes: list[tuple[float, ...]]) -> NDArray[np.float64]:
    return np.array(boxes, dtype=np.float64).reshape(-1, 5)


def _shortened(findings: list[Finding], where: str) -> tuple[Finding, ...]:
    if len(findings) <= MOST_PER_FILE:
        return tuple(findings)
    # Errors first, so that none hides behind the warnings that are kept.
    ranked = sorted(findings, key=lambda finding: list(Severity).index(finding.severity))
    rest = len(ranked) - MOST_PER_FILE
    more = Finding(ranked[MOST_PER_FILE].severity, "label-more", where, f"{rest} more of this kind", "mend those first")
    return (*ranked[:MOST_PER_FILE], more)
