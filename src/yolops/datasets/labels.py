"""What a label file says: one box per line, and every line that ultralytics would not take.

ultralytics 8.4 (`verify_image_label`) drops an image with all its boxes for one bad line and says so in one line of
log, so whatever makes it do that is an error here. Lines it accepts although they cannot be meant are warnings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yolops.datasets.codes import finding
from yolops.datasets.overlaps import overlapping
from yolops.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# What ultralytics tolerates beyond 0 and 1 (`verify_image_label`: 1.01 and -0.01).
TOLERANCE = 0.01
# A class off by one makes every line of every file wrong; the first lines say it as well as all of them.
MOST_PER_FILE = 20
# Nothing can be learnt from an object of one pixel.
LEAST_SIDE = 2.0
# A box that leaves less than a hundredth free in both directions outlines the image, not an object.
COVERS = 0.99
# `class x y width height`, then x, y and whether it is visible for each keypoint: at least this many columns.
_KEYPOINT_COLUMNS = 8
_COLUMNS = 5
_CORNERS = 9


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


@dataclass(frozen=True, slots=True)
class _Box:
    line: int
    values: tuple[float, ...]


def parse(content: bytes, *, where: str, classes: int, size: tuple[int, int] = (0, 0)) -> Labels:
    """Parse a label file.

    Args:
        content: the bytes of the file.
        where: the path of the file, for findings.
        classes: how many classes the dataset has.
        size: width and height of its image in pixels; zeros if they are not known, and no box is tiny then.

    Returns:
        The boxes of the good lines, and findings on all others.
    """
    rows = rows_of(content)
    if rows is None:
        what = "not UTF-8 text, so ultralytics drops the image with all its boxes"
        fix = "save it as UTF-8: one `class x y width height` per line"
        return Labels(_array([]), (finding("label-not-text", where, what, fix),))
    if are_keypoints(rows):
        what = f"keypoints (pose): {len(rows[0][1])} columns a line; yolops trains boxes (ultralytics drops the image)"
        fix = "keep the first five columns of each line"
        lines = (read_line(where, tokens[:_COLUMNS], polygons=False, classes=classes)[0] for _, tokens in rows)
        return Labels(_array([box for box in lines if box]), (finding("label-keypoints", where, what, fix),))
    polygons = any(len(tokens) > 6 for _, tokens in rows)
    boxes: list[_Box] = []
    findings: list[Finding] = []
    for line, tokens in rows:
        values, problem = read_line(f"{where}:{line}", tokens, polygons=polygons, classes=classes)
        if values:
            boxes.append(_Box(line, values))
        if problem:
            findings.append(problem)
    boxes, repeated = _without_repeated(boxes, dict(rows), where)
    findings += repeated
    array = _array([(box.values[0], *_around(box.values[1:])) if polygons else box.values for box in boxes])
    findings += _about_sizes(array, [box.line for box in boxes], where, size)
    findings += _about_overlaps(array, [box.line for box in boxes], where)
    findings.sort(key=_line_of)
    if polygons:
        oriented = all(_is_oriented(box.values[1:]) for box in boxes)
        what = "oriented boxes are" if oriented else "polygons are"
        what, fix = f"{what} trained as the upright boxes around them", "nothing, if you train a detector"
        findings.append(finding("label-oriented" if oriented else "label-polygons", where, what, fix))
    return Labels(array, _shortened(findings, where), polygons)


def rows_of(content: bytes) -> list[tuple[int, list[str]]] | None:
    """Return the lines that are not empty, each with its number and what stands between spaces; None if not text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    numbered = ((line, row.split()) for line, row in enumerate(text.splitlines(), start=1))
    return [(line, tokens) for line, tokens in numbered if tokens]


def canonical(content: bytes) -> bytes:
    """Return label bytes in the one form that is fingerprinted.

    Byte-order mark, line ends, spacing, empty lines and the order of lines carry no meaning and vary between tools.
    What is not text is returned as it is.
    """
    rows = rows_of(content)
    if rows is None:
        return content
    return "".join(sorted(" ".join(tokens) + "\n" for _, tokens in rows)).encode()


def read_line(
    where: str, tokens: list[str], *, polygons: bool, classes: int
) -> tuple[tuple[float, ...] | None, Finding | None]:
    """Read one line of a label file.

    Args:
        where: file and line, for the finding.
        tokens: what stands between spaces.
        polygons: whether the file outlines objects instead of boxing them.
        classes: how many classes the dataset has.

    Returns:
        The numbers of the line, None if ultralytics would drop the image for it, and what is wrong with it.
    """
    if (problem := _wrong_columns(where, len(tokens), polygons=polygons)) is not None:
        return None, problem
    try:
        values = tuple(float(token) for token in tokens)
    except ValueError:
        return None, _dropped("label-not-a-number", where, "holds something that is not a number", "write numbers only")
    if not all(map(math.isfinite, values)):
        return None, _dropped("label-not-finite", where, "holds NaN or infinity", "correct or delete the line")
    number = values[0]
    if number != int(number) or not 0 <= number < classes:
        what = f"class {tokens[0][:20]} is not one of 0 to {classes - 1}"
        fix = "correct the class, or add its name to `names`"
        return None, _dropped("class-out-of-range", where, what, fix)
    problem = _misplaced_points(where, values[1:]) if polygons else _misplaced(where, *values[1:])
    return (None if problem and problem.severity is Severity.ERROR else values), problem


def _wrong_columns(where: str, count: int, *, polygons: bool) -> Finding | None:
    if polygons and count == 5:
        return _dropped(
            "label-mixed", where, "a box in a file of polygons", "give every object of a file the same form"
        )
    if polygons and count >= 7 and count % 2:
        return None
    if polygons and count == 3:
        return finding("polygon-points", where, "a polygon of one point", "outline the object, or delete the line")
    if not polygons and count == 5:
        return None
    what = f"{count} columns; a box has 5, a polygon an odd number from 7"
    return _dropped("label-columns", where, what, "write `class x y width height`, separated by spaces")


def _misplaced(where: str, x: float, y: float, width: float, height: float) -> Finding | None:
    if min(width, height) < 0:
        what = f"the box has a negative size ({width:g} x {height:g})"
        return _dropped("box-negative", where, what, "correct or delete the line")
    beyond = max(-x, -y, x - 1, y - 1, width - 1, height - 1)
    if beyond > TOLERANCE:
        what = f"coordinates are not between 0 and 1, but {beyond:.4g} beyond"
        return _dropped("box-outside", where, what, "divide pixels by the image's width and height")
    if min(width, height) == 0:
        return finding("box-without-area", where, "the box has no area", "correct or delete the line")
    leaves = max(width / 2 - x, height / 2 - y, x + width / 2 - 1, y + height / 2 - 1)
    if leaves > TOLERANCE:
        what = f"the box reaches {leaves:.4g} of the image beyond it"
        fix = "clip the box to the image; if all boxes do, they may be corners instead of centre and size"
        return finding("box-leaves-image", where, what, fix)
    return _slightly(where, beyond)


def _misplaced_points(where: str, points: tuple[float, ...]) -> Finding | None:
    beyond = max(-min(points), max(points) - 1)
    if beyond > TOLERANCE:
        what = f"coordinates are not between 0 and 1, but {beyond:.4g} beyond"
        return _dropped("box-outside", where, what, "divide pixels by the image's width and height")
    different = len(set(zip(points[0::2], points[1::2], strict=True)))
    if different < 3:
        what = f"a polygon of {different} different points" if different > 1 else "a polygon of one point"
        return finding("polygon-points", where, what, "outline the object, or delete the line")
    return _slightly(where, beyond)


def _slightly(where: str, beyond: float) -> Finding | None:
    if beyond <= 0:
        return None
    return finding("box-slightly-outside", where, f"coordinates {beyond:.2g} beyond 0 to 1", "clip them")


def _without_repeated(boxes: list[_Box], tokens: dict[int, list[str]], where: str) -> tuple[list[_Box], list[Finding]]:
    first: dict[tuple[float, ...], int] = {}
    kept, found = [], []
    for box in boxes:
        # ultralytics compares numbers of 32 bits, not texts, and removes what is repeated too.
        line = first.setdefault(tuple(np.array(box.values, np.float32).tolist()), box.line)
        if line == box.line:
            kept.append(box)
        else:
            what = (
                f"repeats line {line}" if tokens[line] == tokens[box.line] else f"repeats line {line} in other digits"
            )
            found.append(finding("label-repeated", f"{where}:{box.line}", what, "delete one of the two"))
    return kept, found


def _about_sizes(boxes: NDArray[np.float64], lines: list[int], where: str, size: tuple[int, int]) -> Iterator[Finding]:
    for line, (_, _, _, width, height) in zip(lines, boxes.tolist(), strict=True):
        across, down = width * size[0], height * size[1]
        if min(size) and min(width, height) > 0 and min(across, down) < LEAST_SIDE:
            what = f"the box has {across:.1f}x{down:.1f} pixels, too few to learn from"
            yield finding("box-tiny", f"{where}:{line}", what, "delete the line, unless the object is that small")
        if min(width, height) >= COVERS:
            what = f"the box covers {min(width, 1) * min(height, 1):.0%} of the image"
            yield finding("box-covers-image", f"{where}:{line}", what, "nothing, if the object fills the image")


def _about_overlaps(boxes: NDArray[np.float64], lines: list[int], where: str) -> Iterator[Finding]:
    for first, second in overlapping(boxes, np.zeros(len(boxes), np.intp)).tolist():
        what = f"nearly the same box as in line {lines[first]}"
        if boxes[first, 0] == boxes[second, 0]:
            yield finding("box-nearly-repeated", f"{where}:{lines[second]}", what, "delete one of the two")
        else:
            what += f", but class {boxes[second, 0]:.0f} instead of {boxes[first, 0]:.0f}"
            yield finding("box-of-two-classes", f"{where}:{lines[second]}", what, "delete the wrong one")


def are_keypoints(rows: list[tuple[int, list[str]]]) -> bool:
    """Say whether every line is a box and keypoints with their visibility, which is 0, 1 or 2."""
    counts = {len(tokens) for _, tokens in rows}
    count = min(counts, default=0)
    if len(counts) != 1 or count < _KEYPOINT_COLUMNS or (count - 5) % 3:
        return False
    try:
        seen = {float(token) for _, tokens in rows for token in tokens[7::3]}
    except ValueError:
        return False
    return seen <= {0.0, 1.0, 2.0} and 2.0 in seen  # a polygon along the edges has zeros and ones, but no 2


def _is_oriented(points: tuple[float, ...]) -> bool:
    """Say whether four points are the corners of a parallelogram: an oriented box in fractions of an image is one."""
    if len(points) != _CORNERS - 1:
        return False
    x, y = points[0::2], points[1::2]
    return abs(x[0] + x[2] - x[1] - x[3]) < TOLERANCE and abs(y[0] + y[2] - y[1] - y[3]) < TOLERANCE


def _around(points: tuple[float, ...]) -> tuple[float, float, float, float]:
    xs, ys = points[0::2], points[1::2]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _dropped(code: str, where: str, what: str, fix: str) -> Finding:
    return finding(code, where, f"{what} (ultralytics drops the whole image)", fix)


def _array(boxes: list[tuple[float, ...]]) -> NDArray[np.float64]:
    return np.array(boxes, dtype=np.float64).reshape(-1, 5)


def _line_of(item: Finding) -> int:
    return int(item.where.rpartition(":")[2])


def _shortened(findings: list[Finding], where: str) -> tuple[Finding, ...]:
    if len(findings) <= MOST_PER_FILE:
        return tuple(findings)
    # Errors first, so that none hides behind the warnings that are kept.
    ranked = sorted(findings, key=lambda item: list(Severity).index(item.severity))
    severity = ranked[MOST_PER_FILE].severity
    what = f"{len(ranked) - MOST_PER_FILE} more of this kind"
    more = finding("label-more", where, what, "mend those first", severity=severity)
    return (*ranked[:MOST_PER_FILE], more)
