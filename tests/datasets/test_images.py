"""The size of an image is the one that trainers show it in, whatever turns it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.datasets.scenes import encoded, scene
from yolops.datasets.annotations import image_size
from yolops.datasets.headers import HEAD_BYTES, plain_size, stray_marker
from yolops.datasets.images import Level, look, quiet_decoding


@pytest.mark.parametrize(("orientation", "size"), [(1, (160, 120)), (3, (160, 120)), (6, (120, 160)), (8, (120, 160))])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_turned_image_has_the_size_in_which_it_is_shown(
    tmp_path: Path, form: str, orientation: int, size: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(encoded(scene(1), form, exif=exif))
    assert image_size(path) == size
    with quiet_decoding():
        assert {look(str(path), level).size for level in Level} == {size}


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}])
def test_a_sound_jpeg_is_measured_by_its_header_and_has_no_stray_marker(mode: str, options: dict[str, object]) -> None:
    content = encoded(scene(2).convert(mode), **options)
    assert plain_size(content[:HEAD_BYTES]) == ("JPEG", 160, 120)
    assert stray_marker(content) is None


def test_a_jpeg_that_lost_a_block_between_two_restarts_has_a_stray_marker() -> None:
    content = encoded(scene(2, size=(640, 480)), restart_marker_rows=1)
    second, third = content.index(b"\xff\xd1"), content.index(b"\xff\xd2")
    assert stray_marker(content[:second] + content[third:]) == second


@pytest.mark.parametrize("length", range(0, 700, 7))
def test_no_beginning_of_a_file_is_too_short(length: int) -> None:
    for content in (encoded(scene(3)), encoded(scene(3), "PNG")):
        plain_size(content[:length])
        stray_marker(content[:length])
