from __future__ import annotations

import base64
import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from yolops.models.yolo_detector.images import read_images

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
BGR = PIXELS[:, :, ::-1]


def _encoded(form: str = "PNG", pixels: NDArray[np.uint8] = PIXELS, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form, **options)
    return content.getvalue()


PNG = _encoded()
TEXT = base64.b64encode(PNG).decode()


def _same(found: list[NDArray[np.uint8]], count: int = 1) -> bool:
    return len(found) == count and all(
        image.dtype == np.uint8 and image.flags.c_contiguous and np.array_equal(image, BGR) for image in found
    )


@pytest.mark.parametrize(
    "given_form",
    [
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        TEXT,
        f"data:image/png;base64,{TEXT}",
        PIXELS,
        PIXELS.astype(np.int64),
        PIXELS.astype(np.float32),
        PIXELS[np.newaxis],
        [PIXELS],
        [PNG],
        (TEXT,),
        [PIXELS.tolist()],
        np.array([TEXT]),
        np.array(TEXT),
        np.array([PNG], dtype=object),
        {"image": [TEXT]},
        {"image": np.array([TEXT])},
        pd.DataFrame({"image": [TEXT]}),
        pd.DataFrame({"image": [PNG]}),
        pd.DataFrame({"image": [PIXELS], "more": [1]}),
        pd.Series([TEXT]),
    ],
    ids=lambda form: type(form).__name__,
)
def test_every_form_of_a_picture_gives_the_same_array(given_form: Any) -> None:
    assert _same(read_images(given_form))


def test_a_path_gives_the_same_array_as_text_and_as_a_path(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    for form in (path, str(path), [path], pd.DataFrame({"image": [str(path)]})):
        assert _same(read_images(form))


def test_several_pictures_come_back_in_order() -> None:
    other = 255 - PIXELS
    found = read_images([TEXT, other, PNG])
    assert [np.array_equal(image, BGR) for image in found] == [True, False, True]
    assert _same(read_images(np.stack([PIXELS] * 3)), 3)
    assert _same(read_images(pd.DataFrame({"image": [TEXT, PNG]})), 2)
    assert read_images([]) == []


def test_pictures_of_different_sizes_may_stand_beside_each_other() -> None:
    assert [image.shape for image in read_images([PIXELS, PIXELS[:3]])] == [(6, 9, 3), (3, 9, 3)]


def test_a_grey_picture_gets_three_equal_colours() -> None:
    grey = PIXELS[:, :, 0]
    for form in (grey, _encoded(pixels=grey)):
        (image,) = read_images(form)
        assert np.array_equal(image, np.stack([grey] * 3, axis=-1))


def test_a_picture_with_transparency_or_a_palette_is_read_as_colours() -> None:
    opaque = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)])
    assert _same(read_images(_encoded(pixels=opaque)))
    content = io.BytesIO()
    Image.fromarray(PIXELS).convert("P").save(content, "GIF")
    assert read_images(content.getvalue())[0].shape == (6, 9, 3)


def test_a_photograph_taken_sideways_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned a quarter to the left
    (image,) = read_images(_encoded(exif=exif))
    assert np.array_equal(image, np.rot90(BGR, -1))


@pytest.mark.parametrize(
    ("given_form", "said"),
    [
        ("no-such-file.png", "image 0: neither a file nor base64 text of one: 'no-such-file.png'"),
        ("", "neither a file nor base64"),
        ("A" * 40, "neither a file nor base64"),
        ("A" * 400, "image 0: not a picture that can be read"),
        ("A" * 10_000, "image 0: not a picture that can be read"),
        ("\0", "neither a file nor base64"),
        (b"", "image 0: not a picture that can be read"),
        (b"GIF89a", "not a picture"),
        (PNG[:-60], "not a picture"),
        ([PNG, b"no picture"], "image 1: not a picture"),
        ([PNG, 7], "image 1: a path, bytes, base64 text or an array was expected, not int"),
        (None, "not NoneType"),
        (PIXELS / 255 - 1, "values from 0 to 255 were expected"),
        (PIXELS.astype(np.int64) + 200, "values from 0 to 255 were expected"),
        (np.full((4, 4), np.nan), "values from 0 to 255 were expected"),
        (PIXELS > 7, "values from 0 to 255 were expected"),
        (np.zeros((4, 4, 4), np.uint8), r"image 0: an array of shape \(height, width, 3\) was expected"),
        (np.zeros((0, 4, 3), np.uint8), r"not \(0, 4, 3\)"),
        (np.zeros((1, 1, 4, 4, 3), np.uint8), r"not \(1, 4, 4, 3\)"),
    ],
)
def test_what_is_no_picture_is_named_with_what_is_wrong(given_form: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_images(given_form)


def test_rows_of_different_lengths_are_no_picture() -> None:
    with pytest.raises(ValueError, match="image 1"):
        read_images([PIXELS, [[[1, 2, 3], [1, 2, 3]], [[1, 2, 3]]]])


def test_where_files_may_not_be_opened_a_path_is_refused_and_says_nothing_of_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    messages = []
    for form in (str(path), str(tmp_path / "absent.png")):
        with pytest.raises(ValueError, match="not base64 text of a picture") as caught:
            read_images(form, may_open_files=False)
        messages.append(str(caught.value).partition(": '")[0])
    assert messages[0] == messages[1]
    assert _same(read_images(TEXT, may_open_files=False))


def test_a_path_object_is_refused_too_where_files_may_not_be_opened(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(PNG)
    with pytest.raises(ValueError, match="not base64 text"):
        read_images(tmp_path / "picture.png", may_open_files=False)


def test_a_small_file_that_claims_to_be_enormous_is_refused_before_it_fills_the_memory() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100_000)) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match=r"image 0: not a picture that can be read \(Image size"):
        read_images(bomb)


@settings(deadline=None, max_examples=150)
@given(
    form=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]),
    where=st.floats(0, 1, exclude_max=True),
    new=st.binary(min_size=1, max_size=8),
    cut=st.booleans(),
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(form: str, where: float, new: bytes, cut: bool) -> None:
    content = _encoded(form)
    at = int(where * len(content))
    damaged = content[:at] + new + (b"" if cut else content[at + len(new) :])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what it mends
        try:
            (image,) = read_images(damaged)
        except ValueError as error:
            assert str(error).startswith("image 0: not a picture")
        else:
            assert image.ndim == 3


def test_an_array_from_0_to_1_is_refused_rather_than_taken_for_a_black_picture() -> None:
    with pytest.raises(ValueError, match="multiply by 255"):
        read_images(np.full((4, 4, 3), 0.5))
