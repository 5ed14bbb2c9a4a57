"""A contact sheet shows images as the trainer sees them, with every object where it is."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.datasets.dataset_builder import Builder
from tests.datasets.scenes import encoded
from tests.datasets.test_fuzz import LABELS, fuzzed
from yolops.datasets.description import read_dataset
from yolops.datasets.shapes import keypoints_of, shapes_of
from yolops.datasets.sheet import TILE_PIXELS, Picked, colour_of, contact_sheet, pick, shown
from yolops.errors import YolopsError

SIDE = 400


def plain(size: tuple[int, int] = (SIDE, SIDE), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size)


def tile(builder: Builder, image: bytes, labels: str, name: str = "c.png") -> np.ndarray:
    """Return the pixels of the place of one image on a sheet."""
    path = builder.add(f"train/{name}", image=image, labels=labels)
    dataset = read_dataset(builder.root)
    picked = [Picked(str(path), "train", tuple(shapes_of(str(path), keypoints_of(dataset.pose))))]
    sheet = np.asarray(contact_sheet(dataset, picked)).astype(int)
    return sheet[12 : 12 + TILE_PIXELS, 12 : 12 + TILE_PIXELS]


def is_drawn(pixels: np.ndarray, x: float, y: float, number: int = 0) -> bool:
    """Say whether a place, in fractions of an image of SIDE pixels, has the colour of a class nearby."""
    edge = (TILE_PIXELS - SIDE) // 2
    column, row = round(edge + x * SIDE), round(edge + y * SIDE)
    near = pixels[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3)
    return bool((np.abs(near - colour_of(number)).max(axis=1) < 30).any())


def test_a_box_is_drawn_on_its_four_sides(builder: Builder) -> None:
    pixels = tile(builder, encoded(plain(), "PNG"), "1 0.5 0.5 0.4 0.6\n")
    assert all(is_drawn(pixels, x, y, 1) for x, y in ((0.3, 0.5), (0.7, 0.5), (0.5, 0.2), (0.5, 0.8)))
    assert not is_drawn(pixels, 0.5, 0.5, 1)
    assert not is_drawn(pixels, 0.3, 0.5, 0)


def test_a_polygon_and_an_oriented_box_are_drawn_along_their_edges(builder: Builder) -> None:
    labels = "0 0.1 0.1 0.5 0.1 0.3 0.4\n1 0.6 0.5 0.9 0.7 0.8 0.9 0.5 0.7\n"
    pixels = tile(builder, encoded(plain(), "PNG"), labels)
    assert all(is_drawn(pixels, x, y, 0) for x, y in ((0.3, 0.1), (0.2, 0.25), (0.4, 0.25)))
    assert all(is_drawn(pixels, x, y, 1) for x, y in ((0.75, 0.6), (0.85, 0.8), (0.65, 0.8), (0.55, 0.6)))
    assert not is_drawn(pixels, 0.1, 0.4, 0)


@pytest.mark.parametrize("numbers", [2, 3])
def test_keypoints_are_drawn_but_for_those_that_are_absent(builder: Builder, numbers: int) -> None:
    with builder.yaml.open("a") as file:
        file.write(f"kpt_shape: [3, {numbers}]\n")
    points = ((0.4, 0.4), (0.6, 0.6), (0, 0))
    seen = (" 2", " 1", " 0") if numbers == 3 else ("", "", "")
    line = "0 0.5 0.5 0.8 0.8" + "".join(f" {x} {y}{mark}" for (x, y), mark in zip(points, seen, strict=True))
    pixels = tile(builder, encoded(plain(), "PNG"), f"{line}\n")
    assert is_drawn(pixels, 0.4, 0.4) and is_drawn(pixels, 0.6, 0.6) and is_drawn(pixels, 0.1, 0.5)
    assert not is_drawn(pixels, 0.01, 0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_the_trainer_turns_it(tmp_path: Path, orientation: int) -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(orientation)
    image = Image.fromarray(rng.integers(0, 256, (6, 4, 3), dtype=np.uint8)).resize(
        (160, 240), Image.Resampling.BICUBIC
    )
    exif = image.getexif()
    exif[274] = orientation
    path = tmp_path / "turned.jpg"
    path.write_bytes(encoded(image, exif=exif.tobytes(), quality=95))
    expected = cv2.imread(str(path))[:, :, ::-1].astype(int)
    mine, size = shown(str(path), 240)
    assert size == mine.size == (expected.shape[1], expected.shape[0])
    assert np.abs(np.asarray(mine) - expected).mean() < 3


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "I;16", "1", "LA"])
def test_every_kind_of_pixel_is_shown(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    ramp = Image.fromarray(np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8))
    if mode == "I;16":
        ramp = Image.fromarray(np.asarray(ramp).astype(np.uint16) * 257)
    (ramp if mode == "I;16" else ramp.convert("RGB").convert(mode)).save(path)
    mine = np.asarray(shown(str(path), 64)[0].convert("L")).astype(int)
    assert mine[:8].mean() < 60
    assert mine[-8:].mean() > 195


def test_what_is_transparent_is_shown_as_the_trainer_shows_it(tmp_path: Path) -> None:
    hidden = Image.new("RGBA", (100, 100), (200, 100, 50, 0))
    hidden.save(tmp_path / "x.png")
    assert shown(str(tmp_path / "x.png"), 50)[0].getpixel((25, 25)) == (200, 100, 50)


def test_broken_and_far_too_large_images_do_not_stop_the_sheet(builder: Builder) -> None:
    builder.add("train/broken.jpg", image=b"nothing")
    builder.add("train/bomb.png", image=encoded(Image.new("1", (10_000, 10_000)), "PNG"))
    builder.add("train/lines.png", labels="0 nan 0 1 1\n0 1e30 0 1 1\n-1 .5 .5 .1 .1\n0 .5 .5\ncat\n0 .5 .5 .1 .1\n")
    dataset = read_dataset(builder.root)
    picked = pick(dataset, 16)
    assert {Path(item.image).stem: len(item.shapes) for item in picked}["lines"] == 1
    assert contact_sheet(dataset, picked).width == 3 * (TILE_PIXELS + 12) + 12


def test_a_large_image_takes_little_memory(tmp_path: Path) -> None:
    Image.new("RGB", (9000, 9000)).save(tmp_path / "large.jpg")
    code = (
        "import resource; from yolops.datasets.sheet import shown; before = resource.getrusage(0).ru_maxrss;"
        f"shown({str(tmp_path / 'large.jpg')!r}, 480); print(resource.getrusage(0).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown = int(done.stdout) / (1024 if sys.platform == "linux" else 1024**2)
    assert grown < 60  # decoded whole, it takes 243 MB


def test_images_are_chosen_by_seed_split_and_class(builder: Builder) -> None:
    for number in range(20):
        builder.add(f"val/{number}.png", labels=f"{number % 2} .5 .5 .2 .2\n" if number < 4 else "")
    dataset = read_dataset(builder.root)
    assert pick(dataset, 5, seed=1) == pick(dataset, 5, seed=1) != pick(dataset, 5, seed=2)
    assert {item.split for item in pick(dataset, 30, split="val")} == {"val"}
    dogs = pick(dataset, 30, name="dog")
    assert sorted(Path(item.image).stem for item in dogs) == ["1", "3", "a", "b"]
    assert pick(dataset, 30, name="1") == dogs
    for wrong in ({"name": "cow"}, {"name": "7"}, {"split": "test"}):
        with pytest.raises(YolopsError, match="--"):
            pick(dataset, 1, **wrong)


def test_names_that_the_font_lacks_and_long_ones_do_no_harm(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "data", names=("安全帽", "x" * 200, '"a\\x07b"'))
    builder.add(f"train/{'long' * 50}.png", labels="".join(f"{number} .5 .{number + 3} .2 .2\n" for number in range(3)))
    dataset = read_dataset(builder.root)
    assert contact_sheet(dataset, pick(dataset, 100)).height > TILE_PIXELS


@pytest.mark.parametrize("name", ["größe", "размер", "μέγεθος"])
def test_a_class_is_named_in_its_own_letters_where_the_font_has_them(tmp_path: Path, name: str) -> None:
    assert (named_sheet(tmp_path, name) != named_sheet(tmp_path, "class 0")).any()
    assert (named_sheet(tmp_path, f"{name} 安全帽") == named_sheet(tmp_path, "class 0")).all()


def named_sheet(tmp_path: Path, name: str) -> np.ndarray:
    dataset = read_dataset(Builder(tmp_path, names=(name,)).root)
    return np.asarray(contact_sheet(dataset, pick(dataset, 2)))


@fuzzed
@given(LABELS, st.sampled_from([None, (1, 2), (3, 3), (17, 3)]))
def test_whatever_a_label_file_holds_is_drawn_or_left_out(content: bytes, keypoints: tuple[int, int] | None) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "a.txt").write_bytes(content)
        for shape in shapes_of(f"{directory}/a.png", keypoints):
            shape.draw(ImageDraw.Draw(plain((40, 30))), (40, 30), colour_of(shape.number), 2)
