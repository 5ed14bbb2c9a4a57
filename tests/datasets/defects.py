"""One defect for every finding that the check can have: each function spoils a dataset in that one way."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.datasets.dataset_builder import Builder, picture
from tests.datasets.scenes import encoded, scene

HEAD = "train: images/train\nval: images/val\n"
NAMES = "names: [cat, dog]\n"
JPEG = encoded(scene(900))
SOUND = "0 0.5 0.5 0.2 0.2\n"

Spoil = Callable[[Builder], object]


def yaml(text: str) -> Spoil:
    return lambda builder: builder.yaml.write_text(text, encoding="utf-8")


def row(text: str) -> Spoil:
    return lambda builder: builder.add("train/c.png", labels=SOUND + text + "\n")


def labels(content: str | bytes) -> Spoil:
    return lambda builder: builder.add("train/c.png", labels=content)


def image(content: bytes, name: str = "c.jpg") -> Spoil:
    return lambda builder: builder.add(f"train/{name}", image=content)


def in_both(first: bytes, second: bytes, *, split: str) -> Spoil:
    def spoil(builder: Builder) -> None:
        builder.add("train/one.jpg", image=first)
        builder.add(f"{split}/two.jpg", image=second)

    return spoil


def shown(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(image, exif=exif)


def link(builder: Builder) -> None:
    outside = builder.root.parent / "outside.png"
    outside.write_bytes(picture(77))
    (builder.root / "images/train/link.png").symlink_to(outside)


def climbing_list(builder: Builder) -> None:
    (builder.root.parent / "outside.png").write_bytes(picture(77))
    (builder.root / "train.txt").write_text("images/train/a.png\n../outside.png\n")
    builder.yaml.write_text("train: train.txt\nval: images/val\n" + NAMES)


def missing_image(builder: Builder) -> None:
    (builder.root / "train.txt").write_text("images/train/a.png\nimages/train/gone.png\n")
    builder.yaml.write_text("train: train.txt\nval: images/val\n" + NAMES)


def unreadable_label(builder: Builder) -> None:
    path = builder.label("train/a.png", "")
    path.unlink()
    path.mkdir()


def endless_label(builder: Builder) -> None:
    with builder.label("train/a.png", SOUND).open("r+b") as file:
        file.truncate(17 * 1024 * 1024)


def empty_split(split: str) -> Spoil:
    def spoil(builder: Builder) -> None:
        (builder.root / "images" / "nothing").mkdir(parents=True)
        text = builder.yaml.read_text().replace(f"{split}: images/{split}\n", "")
        builder.yaml.write_text(f"{split}: images/nothing\n" + text)

    return spoil


def without_labels(split: str) -> Spoil:
    return lambda builder: [path.write_text("") for path in (builder.root / "labels" / split).iterdir()]


def rare_class(builder: Builder) -> None:
    for number in range(60):
        x, y = 0.1 + number % 10 * 0.08, 0.1 + number // 10 * 0.1
        builder.add(f"train/{number}.png", labels=f"0 {x} {y} 0.1 0.1\n")


def other_boxes(val: str) -> Spoil:
    def spoil(builder: Builder) -> None:
        for number in range(40):
            builder.add(f"train/{number}.png", labels="0 0.3 0.3 0.2 0.2\n")
            builder.add(f"val/{number}.png", labels=val)

    return spoil


def bomb(pixels: int) -> bytes:
    header = bytearray(encoded(Image.new("L", (16, 16)), "PNG"))
    header[16:24] = pixels.to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    return bytes(header)


def animation() -> bytes:
    frames = [scene(number) for number in (901, 902)]
    return encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])


def sixteen_bits() -> bytes:
    values = np.random.default_rng(0).integers(0, 2**16, (40, 50)).astype(np.uint16)
    return encoded(Image.fromarray(values), "PNG")


def damaged_inside() -> bytes:
    middle = len(JPEG) * 2 // 3
    return JPEG[:middle] + b"\xff\xd3" + JPEG[middle + 2 :]


def two_more(*names: str) -> Spoil:
    return lambda builder: [builder.add(f"train/{name}") for name in names]


def beside(name: str, content: bytes = b"") -> Spoil:
    return lambda builder: (builder.root / name).write_bytes(content)


POSE = "0 0.5 0.5 0.2 0.2 0.4 0.4 2 0.6 0.6 1\n"
SEEDED: dict[str, Spoil] = {
    "description-missing": lambda builder: builder.yaml.unlink(),
    "description-unreadable": yaml("train: [a\n"),
    "description-wrong": yaml("val: images/val\n" + NAMES),
    "names-disagree": yaml(HEAD + NAMES + "nc: 3\n"),
    "names-invented": yaml(HEAD + "nc: 2\n"),
    "name-repeated": yaml(HEAD + "names: [cat, cat]\n"),
    "name-not-text": yaml(HEAD + "names: [cat, yes]\n"),
    "download-ignored": yaml(HEAD + NAMES + "download: print(1)\n"),
    "key-executable": yaml(HEAD + NAMES + "script: rm -r /\n"),
    "keypoints-described": yaml(HEAD + NAMES + "kpt_shape: [2, 3]\n"),
    "split-missing": yaml(HEAD + NAMES + "test: images/nowhere\n"),
    "split-empty": empty_split("val"),
    "test-empty": empty_split("test"),
    "image-listed-twice": yaml("train: [images/train, images/train]\nval: images/val\n" + NAMES),
    "image-ignored": beside("images/train/photo.gif", b"GIF89a"),
    "link-outside": link,
    "list-leads-outside": climbing_list,
    "name-case-clash": two_more("A.png"),
    "label-shared": two_more("a.jpg"),
    "label-suffix": beside("labels/train/shout.TXT", SOUND.encode()),
    "label-without-image": beside("labels/train/gone.txt", SOUND.encode()),
    "label-missing": lambda builder: builder.add("train/c.png", labels=None),
    "labels-missing": lambda builder: builder.add("train/c.png", labels=None),
    "labels-empty": labels(""),
    "cache-ignored": beside("labels/train.cache", b"anything"),
    "image-missing": missing_image,
    "image-empty": image(b""),
    "image-unreadable": image(b"no image at all"),
    "image-damaged": image(JPEG[: len(JPEG) // 2]),
    "jpeg-damaged-inside": image(damaged_inside()),
    "jpeg-trailing-bytes": image(JPEG + b"\n"),
    "image-too-small": image(picture(5, size=(9, 40)), "c.png"),
    "image-too-large": image(bomb(30_000), "c.png"),
    "image-very-large": image(bomb(10_000), "c.png"),
    "image-suffix": image(picture(5)),
    "image-rotated": image(shown(scene(903), 6)),
    "image-cmyk": image(encoded(scene(904).convert("CMYK"))),
    "image-16-bit": image(sixteen_bits(), "c.png"),
    "image-alpha": image(encoded(scene(905).convert("RGBA"), "PNG"), "c.png"),
    "image-animated": image(animation(), "c.png"),
    "label-unreadable": unreadable_label,
    "label-too-large": endless_label,
    "label-not-text": labels(SOUND.encode("utf-16")),
    "label-bom": labels(b"\xef\xbb\xbf" + SOUND.encode()),
    "label-crlf": labels(SOUND.replace("\n", "\r\n")),
    "label-columns": row("0 0.5 0.5 0.1"),
    "label-mixed": row("0 0.1 0.2 0.5 0.2 0.5 0.6"),
    "label-not-a-number": row("cat 0.5 0.5 0.1 0.1"),
    "label-not-finite": row("0 nan 0.5 0.1 0.1"),
    "label-keypoints": labels(POSE),
    "label-oriented": labels("0 0.5 0.3 0.7 0.5 0.5 0.7 0.3 0.5\n"),
    "label-polygons": labels("0 0.1 0.2 0.5 0.2 0.5 0.6\n"),
    "polygon-points": labels("0 0.1 0.2 0.5 0.2 0.5 0.2\n0 0.1 0.2 0.5 0.2 0.5 0.6\n"),
    "class-out-of-range": row("7 0.5 0.5 0.1 0.1"),
    "box-outside": row("0 1.2 0.5 0.1 0.1"),
    "box-negative": row("0 0.5 0.5 -0.1 0.1"),
    "box-slightly-outside": row("0 0.5 0.5 0.1 1.005"),
    "box-leaves-image": row("0 0.9 0.5 0.4 0.1"),
    "box-without-area": row("0 0.5 0.5 0 0.1"),
    "box-tiny": row("0 0.5 0.5 0.01 0.1"),
    "box-covers-image": row("0 0.5 0.5 1 1"),
    "label-repeated": row(SOUND.strip()),
    "box-nearly-repeated": row("0 0.5 0.505 0.2 0.2"),
    "box-of-two-classes": row("1 0.5 0.5 0.2 0.2"),
    "label-more": labels("".join(f"9 0.5 0.5 0.1 0.{number}\n" for number in range(10, 40))),
    "train-without-labels": without_labels("train"),
    "split-without-labels": without_labels("val"),
    "class-without-boxes": lambda builder: builder.label("train/a.png", SOUND),
    "class-missing-in-val": lambda builder: builder.label("val/b.png", SOUND),
    "class-imbalance": rare_class,
    "box-sizes-differ": other_boxes("0 0.3 0.3 0.5 0.5\n"),
    "box-places-differ": other_boxes("0 0.7 0.3 0.2 0.2\n"),
    "image-repeated": in_both(JPEG, JPEG, split="train"),
    "image-leaks": in_both(JPEG, JPEG, split="val"),
    "image-nearly-repeated": in_both(JPEG, encoded(scene(900).resize((320, 240)), quality=60), split="train"),
    "image-nearly-leaks": in_both(JPEG, encoded(scene(900), quality=40), split="val"),
}
# Seen only where images are read whole.
NOT_QUICK = frozenset(
    ["jpeg-damaged-inside", "image-repeated", "image-leaks", "image-nearly-repeated", "image-nearly-leaks"]
)


def seed(code: str, root: Path) -> Builder:
    """Return a dataset with the defect that a code is about."""
    builder = Builder(root)
    SEEDED[code](builder)
    return builder
