"""A divided dataset has its share of every class in every split, and nothing in two splits that looks the same."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.datasets.dataset_builder import Builder
from tests.datasets.scenes import encoded, scene
from yolops.datasets.check import check
from yolops.datasets.description import Dataset, read_dataset
from yolops.datasets.families import Families, join_alike
from yolops.datasets.likeness import alike
from yolops.datasets.split import check_target, plan_split, write_split
from yolops.datasets.stratify import Groups, stratify
from yolops.errors import YolopsError

RATIOS = (0.6, 0.2, 0.2)


def scenes(root: Path, count: int = 30) -> Dataset:
    """Write a dataset without `val` in which every third scene is there again, smaller, and every tenth as it is."""
    builder = Builder(root)
    shutil.rmtree(root / "images")
    shutil.rmtree(root / "labels")
    for number in range(count):
        picture = scene(number)
        labels = f"{number % 2} 0.5 0.5 0.2 0.2\n" * (number % 3)
        builder.add(f"all/{number}.jpg", image=encoded(picture), labels=labels)
        if number % 3 == 0:
            builder.add(f"all/{number}-small.jpg", image=encoded(picture.resize((128, 96)), quality=70), labels=labels)
        if number % 10 == 0:
            builder.add(f"all/{number}-again.jpg", image=encoded(picture), labels=labels)
    builder.yaml.write_text("train: images/all\nnames: [cat, dog]\n")
    return read_dataset(root, needs=("train",))


def by_content(dataset: Dataset) -> dict[str, set[str]]:
    return {
        hashlib.sha256(image.read_bytes()).hexdigest(): {
            split for split, members in dataset.splits.items() for other in members if same(image, other)
        }
        for members in dataset.splits.values()
        for image in members
    }


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def test_nothing_that_looks_the_same_is_in_two_splits(tmp_path: Path) -> None:
    plan = plan_split(scenes(tmp_path / "data"), RATIOS)
    assert (plan.groups, plan.largest) == (30, 3)
    written = check(read_dataset(write_split(plan, tmp_path / "out")))
    found = Counter(item.code for item in written.findings)
    assert found["image-repeated"] == 3
    assert found["image-nearly-repeated"] >= 10
    assert not {code for code in found if "leak" in code}
    assert sum(counts.images for counts in written.splits.values()) == 43
    assert {split: counts.per_class for split, counts in written.splits.items()} == {
        split: counts.per_class for split, counts in plan.counts.items()
    }


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(0, 12))
def test_no_pair_that_any_check_would_find_is_parted(seed: int, count: int, noise: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 256, (4, 72)).astype(int)
    shown = np.clip(kinds[rng.integers(0, 4, count)] + rng.integers(-noise, noise + 1, (count, 72)), 0, 255)
    thumbnails = shown.astype(np.uint8)
    families = Families(count)
    join_alike(families, thumbnails)
    for _ in range(5):
        order = rng.permutation(count)
        partners = alike(thumbnails[order], rng.integers(0, 3, count).astype(np.uint8))
        found = partners >= 0
        labels = families.labels[order]
        assert (labels[found] == labels[partners[found]]).all()


def test_the_same_contents_are_divided_the_same_whatever_their_names_and_places(tmp_path: Path) -> None:
    first = scenes(tmp_path / "one")
    other = Builder(tmp_path / "elsewhere" / "two")
    shutil.rmtree(other.root / "images")
    for number, image in enumerate(reversed([*first.splits["train"]])):
        labels = Path(str(image).replace("/images/", "/labels/")).with_suffix(".txt").read_bytes()
        other.add(f"{('train', 'val')[number % 2]}/x{number:03d}.jpg", image=image.read_bytes(), labels=labels)
    renamed = plan_split(read_dataset(other.root), RATIOS, seed=7).dataset
    assert by_content(renamed) == by_content(plan_split(first, RATIOS, seed=7).dataset)
    assert by_content(renamed) != by_content(plan_split(first, RATIOS, seed=8).dataset)


def test_a_copy_leaves_every_byte_and_time_of_the_dataset_alone(tmp_path: Path) -> None:
    dataset = scenes(tmp_path / "data", 6)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in dataset.root.rglob("*.*")}
    written = read_dataset(write_split(plan_split(dataset, (0.5, 0.5)), tmp_path / "out"))
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in dataset.root.rglob("*.*")} == before
    assert list(written.splits) == ["train", "val"]
    copies = sorted(path.read_bytes() for path in (tmp_path / "out/labels").rglob("*.txt"))
    assert copies == sorted(path.read_bytes() for path in (dataset.root / "labels").rglob("*.txt"))


def test_what_is_there_already_is_not_written_to(tmp_path: Path) -> None:
    dataset = scenes(tmp_path / "data", 6)
    plan = plan_split(dataset, (0.5, 0.5))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    for act in (lambda: write_split(plan, tmp_path / "out"), lambda: check_target(tmp_path / "out", dataset)):
        with pytest.raises(YolopsError, match="exists already"):
            act()
    with pytest.raises(YolopsError, match="among the images"):
        check_target(dataset.root / "images/all/new", dataset)
    assert {path.name for path in tmp_path.iterdir()} == {"data", "out"}


def test_a_copy_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    plan = plan_split(scenes(tmp_path / "data", 6), (0.5, 0.5))
    next(iter(plan.dataset.splits["val"])).unlink()
    with pytest.raises(YolopsError):
        write_split(plan, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_versions_of_one_image_of_roboflow_stay_together(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "data")
    for number in range(12):
        name = f"train/{number // 3}_jpg.rf.{hashlib.md5(bytes([number])).hexdigest()}.jpg"
        builder.add(name, image=encoded(scene(number)))
    plan = plan_split(read_dataset(builder.root), (0.5, 0.5))
    assert (plan.groups, plan.largest) == (6, 3)


def test_images_of_one_film_stay_together_when_their_names_say_so(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "data")
    for number in range(12):
        builder.add(f"train/film{number // 4}_{number:04d}.jpg", image=encoded(scene(number)))
    dataset = read_dataset(builder.root)
    assert plan_split(dataset, (0.5, 0.5), group_by=r"(film\d+)_").groups == 5
    with pytest.raises(YolopsError, match="matches no image"):
        plan_split(dataset, (0.5, 0.5), group_by="tape")
    with pytest.raises(YolopsError, match="not a regular expression"):
        plan_split(dataset, (0.5, 0.5), group_by="(")


def test_ratios_that_cannot_be_meant_and_too_few_images_are_refused(tmp_path: Path, builder: Builder) -> None:
    dataset = read_dataset(builder.root)
    for ratios in ((1.0,), (0.5, 0.0), (0.5, -1, 1), (1, 1, 1, 1), (float("nan"), 1), (float("inf"), 1)):
        with pytest.raises(YolopsError, match="--ratios"):
            plan_split(dataset, ratios)
    with pytest.raises(YolopsError, match="2 images are 2 groups"):
        plan_split(dataset, RATIOS)
    assert {len(members) for members in plan_split(dataset, (0.99, 0.01)).dataset.splits.values()} == {1}
    (builder.root / "images/train/a.png").unlink()
    (builder.root / "images/train/a.png").symlink_to("nowhere")
    with pytest.raises(YolopsError, match="cannot be read"):
        plan_split(dataset, (0.5, 0.5))


def test_a_dataset_of_keypoints_keeps_what_is_said_of_them(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "data")
    for number in range(4):
        builder.add(f"train/{number}.jpg", image=encoded(scene(number)), labels="1 .5 .5 .2 .2 .5 .5 2 .4 .4 1\n")
    with builder.yaml.open("a") as file:
        file.write("kpt_shape: [2, 3]\nflip_idx: [1, 0]\n")
    plan = plan_split(read_dataset(builder.root), (0.5, 0.5))
    assert sum(counts.per_class[1] for counts in plan.counts.values()) == 6
    written = yaml.safe_load(write_split(plan, tmp_path / "out").read_text())
    assert (written["kpt_shape"], written["flip_idx"]) == ([2, 3], [1, 0])


@pytest.mark.parametrize("most", [1, 8])
def test_every_split_gets_its_share_of_every_class(most: int) -> None:
    rng = np.random.default_rng(most)
    shares, classes = np.array(RATIOS), 20
    sizes = rng.integers(1, most + 1, 1500)
    counts = rng.poisson(np.outer(sizes, 6 / np.arange(1, classes + 1)))
    counts[:, -1] += counts.sum(axis=1) == 0
    owner, number = np.nonzero(counts)
    groups = Groups(sizes, owner, number, counts[owner, number])
    chosen = stratify(groups, RATIOS, 0)
    got = np.stack([counts[chosen == split].sum(axis=0) for split in range(3)], axis=1) / counts.sum(axis=0)[:, None]
    # Drawn at random, the worst class would be some three percent off.
    assert np.abs(got - shares).max() < 0.005
    assert np.abs(np.bincount(chosen, sizes) / sizes.sum() - shares).max() < 0.005
