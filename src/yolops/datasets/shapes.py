"""The objects of a label file as shapes that can be drawn: boxes, polygons, oriented boxes, keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolops.datasets.description import label_of
from yolops.datasets.examine import label_content
from yolops.datasets.labels import are_keypoints, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import ImageDraw

    Point = tuple[float, float]

_BOX = 4
# As many as a description may have.
_MOST_CLASSES = 100_000
# What is further outside is no place near the picture, and may be too much for a drawing library.
_FARTHEST = 4.0


@dataclass(frozen=True, slots=True)
class Shape:
    """An object, in fractions of the image.

    Attributes:
        number: its class.
        outline: the corners of its box or polygon, in order.
        points: its keypoints, but for those that are marked as absent.
        line: on which line of the file it stands.
    """

    number: int
    outline: tuple[Point, ...]
    points: tuple[Point, ...] = ()
    line: int = 0

    def draw(self, pen: ImageDraw.ImageDraw, size: tuple[int, int], colour: tuple[int, int, int], width: int) -> None:
        """Draw it on a picture of a size in pixels; polygons are filled a little if the pen can."""
        corners = [(x * size[0], y * size[1]) for x, y in self.outline]
        pen.line([*corners, *corners[:2]], fill=colour, width=width, joint="curve")
        for x, y in self.points:
            centre, radius = (x * size[0], y * size[1]), width + 1
            pen.circle(centre, radius, fill=colour, outline=(255, 255, 255))


def shapes_of(image: str, keypoints: tuple[int, int] | None = None) -> list[Shape]:
    """Read the objects of an image; lines that are no object are left out.

    Args:
        image: the path of the image.
        keypoints: how many there are and how many numbers each has, where the description says it.
    """
    try:
        rows = rows_of(label_content(label_of(image))) or []
    except OSError:
        return []
    columns = keypoints or (0, 0)
    if keypoints is None and are_keypoints(rows):
        columns = ((len(rows[0][1]) - _BOX - 1) // 3, 3)
    shapes = (_shape(line, tokens, columns) for line, tokens in rows)
    return [shape for shape in shapes if shape]


def keypoints_of(pose: Mapping[str, object]) -> tuple[int, int] | None:
    """Return what `kpt_shape` says: how many keypoints there are, and how many numbers each has."""
    match pose.get("kpt_shape"):
        case [int(count), int(numbers)] if count > 0 and numbers in {2, 3}:
            return count, numbers
    return None


def _shape(line: int, tokens: Sequence[str], keypoints: tuple[int, int]) -> Shape | None:
    try:
        number, *values = map(float, tokens)
    except ValueError:
        return None
    if not 0 <= number < _MOST_CLASSES or not all(abs(value) < _FARTHEST for value in values):
        return None
    count, numbers = keypoints
    if len(values) == _BOX or (count and len(values) == _BOX + count * numbers):
        triples = [values[start : start + numbers] for start in range(_BOX, len(values), numbers or 1)]
        seen = tuple((point[0], point[1]) for point in triples if any(point[:2]) and point[2:] != [0.0])
        return Shape(int(number), _corners(*values[:_BOX]), seen, line)
    if len(values) < 2 * 3 or len(values) % 2:
        return None
    return Shape(int(number), tuple(zip(values[0::2], values[1::2], strict=True)), (), line)


def _corners(x: float, y: float, width: float, height: float) -> tuple[Point, ...]:
    left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    return (left, top), (right, top), (right, bottom), (left, bottom)
