"""The numbers about a dataset are those that a person would count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.datasets.dataset_builder import Builder, picture
from tests.datasets.scenes import encoded, scene
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.images import Level
from yolops.datasets.sample import write_sample
from yolops.datasets.stats import SplitStats, Twice, stats_of


def counted(builder: Builder, **options: Any) -> Any:
    return stats_of(read_dataset(builder.root, needs=("train",)), **options)


def test_images_objects_and_backgrounds_are_counted_for_each_split(builder: Builder) -> None:
    builder.add("train/empty.png", labels="")
    builder.add("train/bare.png", labels=None)
    builder.add("train/many.png", labels="".join(f"1 0.{number} 0.5 0.05 0.1\n" for number in range(1, 9)))
    stats = counted(builder)
    assert stats.splits["train"] == SplitStats(4, 2, 1, 10, (2.5, 1.0, 8), (10, 0, 0))
    assert [(item.name, item.objects, item.images) for item in stats.classes] == [
        ("cat", (1, 1), 2),
        ("dog", (9, 1), 3),
    ]


def test_areas_are_those_of_coco_in_pixels_of_the_image(builder: Builder) -> None:
    image = picture(9, size=(1000, 500), form="JPEG")
    sides = [(31, 33), (32, 32), (95, 97), (96, 96), (400, 400)]
    labels = "".join(f"0 0.5 0.5 {width / 1000} {height / 500}\n" for width, height in sides)
    builder.add("val/large.jpg", image=image, labels=labels)
    stats = counted(builder)
    assert stats.splits["val"].areas == (3, 2, 2)
    assert stats.classes[0].areas == (3, 2, 2)


def test_an_image_turned_by_exif_has_the_size_that_is_shown(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "data")
    turned = scene(1, size=(40, 200))
    exif = turned.getexif()
    exif[274] = 6
    builder.add("train/turned.jpg", image=encoded(turned, exif=exif.tobytes()), labels="0 0.5 0.5 1 1\n")
    stats = counted(builder)
    assert (200, 40, 1) in stats.sizes
    assert (stats.widths, stats.heights) == ((32, 32, 200), (24, 24, 40))
    assert stats.formats == {"PNG": 2, "JPEG": 1}


def test_centres_are_counted_by_ninths_of_the_image(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "data", names=("cat",))
    builder.add("train/c.png", labels="0 0.1 0.9 0.1 0.1\n0 0.2 0.9 0.1 0.1\n0 0.95 0.05 0.1 0.1\n")
    assert counted(builder).centres == ((0, 0, 1), (0, 2, 0), (2, 0, 0))


def test_what_is_there_twice_is_counted_and_where_it_crosses_splits(builder: Builder) -> None:
    first = scene(5)
    for name in ("train/x.jpg", "train/y.jpg", "val/z.jpg"):
        builder.add(name, image=encoded(first))
    builder.add("train/small.jpg", image=encoded(first.resize((128, 96)), quality=60))
    assert counted(builder).twice == Twice(equal=2, alike=1, between_splits=4)
    assert counted(builder, level=Level.QUICK).twice is None


def test_an_image_in_two_splits_counts_in_both_and_once_in_all(builder: Builder) -> None:
    builder.yaml.write_text("train: [images/train, images/val]\nval: images/val\nnames: [cat, dog]\n")
    stats = counted(builder)
    assert (stats.images, [part.images for part in stats.splits.values()]) == (2, [2, 1])
    assert (stats.classes[0].objects, stats.classes[0].images, sum(map(sum, stats.centres))) == ((2, 1), 2, 4)


def test_an_image_that_cannot_be_read_is_counted_but_not_its_objects(builder: Builder) -> None:
    builder.add("train/broken.jpg", image=b"nothing")
    stats = counted(builder)
    assert (stats.images, stats.unreadable, stats.splits["train"].objects) == (3, 1, 2)


@pytest.mark.parametrize("level", list(Level))
def test_they_agree_with_the_check(tmp_path: Path, level: Level) -> None:
    # More images than one portion, and than one process reads alone.
    dataset = read_dataset(write_sample(tmp_path / "shapes", images=(500, 30, 20), size=32))
    stats, report = stats_of(dataset, level=level), check(dataset, level=level)
    for index, (split, part) in enumerate(stats.splits.items()):
        counts = report.splits[split]
        assert (part.images, part.background, part.objects) == (counts.images, counts.background, counts.boxes)
        assert tuple(item.objects[index] for item in stats.classes) == counts.per_class
