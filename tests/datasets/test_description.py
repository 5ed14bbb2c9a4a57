"""Reading data.yaml: as data, and with a message a person can act on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.dataset_builder import Builder
from yolops.datasets.description import label_path, read_dataset
from yolops.errors import YolopsError


def write(builder: Builder, text: str | bytes) -> Path:
    builder.yaml.write_bytes(text if isinstance(text, bytes) else text.encode())
    return builder.yaml


def codes(builder: Builder) -> list[str]:
    return [finding.code for finding in read_dataset(builder.yaml).findings]


def test_a_directory_is_read_through_its_data_yaml(builder: Builder) -> None:
    dataset = read_dataset(builder.root)
    assert dataset.source == builder.yaml
    assert dataset.names == ("cat", "dog")
    assert dataset.splits["train"] == (builder.root / "images/train/a.png",)
    assert "test" not in dataset.splits


def test_whoever_names_a_directory_beside_the_dataset_is_shown_the_right_one(builder: Builder) -> None:
    for wrong in (builder.root / "images", builder.root.parent):
        with pytest.raises(YolopsError) as raised:
            read_dataset(wrong)
        assert raised.value.hint == f"there is one in {builder.root}"
    with pytest.raises(YolopsError) as raised:
        read_dataset(builder.root / "images" / "train")
    assert "yolops dataset convert" in raised.value.hint


def test_path_dot_means_the_directory_of_the_yaml_wherever_it_is_read_from(builder: Builder, tmp_path: Path) -> None:
    write(builder, "path: .\ntrain: images/train\nval: images/val\nnames: [cat]\n")
    relative = Path(os.path.relpath(builder.yaml))
    assert read_dataset(relative).root == builder.root


def test_an_absolute_path_leads_away_from_the_yaml(builder: Builder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(f"path: {builder.root}\ntrain: images/train\nval: images/val\nnames: [cat]\n")
    assert read_dataset(elsewhere).root == builder.root


@pytest.mark.parametrize("names", ["[cat, dog]", "{0: cat, 1: dog}", "{1: dog, 0: cat}", "{'0': cat, '1': dog}"])
def test_names_are_a_list_or_a_mapping_of_numbers(builder: Builder, names: str) -> None:
    write(builder, f"train: images/train\nval: images/val\nnc: 2\nnames: {names}\n")
    assert read_dataset(builder.yaml).names == ("cat", "dog")


def test_the_paths_roboflow_writes_are_found_also_in_a_list(builder: Builder) -> None:
    write(builder, "train: ../images/train\nval: [../images/val]\nnames: [cat]\n")
    dataset = read_dataset(builder.yaml)
    assert [len(images) for images in dataset.splits.values()] == [1, 1]


def test_a_split_is_also_a_list_of_directories(builder: Builder) -> None:
    builder.add("more/c.jpg")
    write(builder, "train: [images/train, images/more]\nval: images/val\nnames: [cat]\n")
    assert [path.name for path in read_dataset(builder.yaml).splits["train"]] == ["c.jpg", "a.png"]


def test_a_list_of_images_is_relative_to_itself_or_to_the_root(builder: Builder) -> None:
    builder.add("train/c.png")
    lists = builder.root / "lists"
    lists.mkdir()
    absolute = builder.root / "images/train/c.png"
    lines = ["images/train/a.png", "../images/val/b.png", str(absolute), "", "notes.md"]
    (lists / "train.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    write(builder, "train: lists/train.txt\nval: images/val\nnames: [cat]\n")
    names = [path.name for path in read_dataset(builder.yaml).splits["train"]]
    assert names == ["a.png", "c.png", "b.png"]


def test_an_image_that_is_listed_twice_counts_once(builder: Builder) -> None:
    write(builder, "train: [images/train, images]\nval: images/val\nnames: [cat]\n")
    dataset = read_dataset(builder.yaml)
    assert len(dataset.splits["train"]) == 2
    assert [finding.code for finding in dataset.findings] == ["image-listed-twice"]


def test_hidden_files_are_not_images(builder: Builder) -> None:
    builder.add("train/._a.png")
    builder.add("train/.ipynb_checkpoints/a.png")
    assert len(read_dataset(builder.yaml).splits["train"]) == 1


def test_a_link_back_to_a_directory_above_ends(builder: Builder) -> None:
    (builder.root / "images/train/again").symlink_to(builder.root / "images")
    assert len(read_dataset(builder.yaml).splits["train"]) == 2


def test_download_is_never_run_and_reported_with_its_line(builder: Builder, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    write(builder, f"train: images/train\nval: images/val\nnames: [cat]\ndownload: |\n  open({str(trace)!r}, 'w')\n")
    finding = read_dataset(builder.yaml).findings[0]
    assert (finding.code, finding.where) == ("download-ignored", f"{builder.yaml}:4")
    assert not trace.exists()


def test_python_in_a_yaml_is_refused(builder: Builder, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    write(builder, f"names: !!python/object/apply:os.system ['touch {trace}']\ntrain: images/train\n")
    with pytest.raises(YolopsError, match=r"data\.yaml:1: not valid YAML"):
        read_dataset(builder.yaml)
    assert not trace.exists()


SPLITS = "train: images/train\nval: images/val\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no mapping"),
        ("- a\n- b\n", "holds no mapping"),
        ("train: [a\nval: b\n", r"data\.yaml:2: not valid YAML"),
        ("train:\timages\n\tval: x\n", "not valid YAML"),
        (b"\x00\x01\x02\xff\xfe", "not valid YAML"),
        (b"\x89PNG\r\n\x1a\n", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
        ("names: 2024-13-45\n" + SPLITS, "not valid YAML"),
        *((SPLITS + f"nc: {odd}\n", "not valid YAML") for odd in ("!!bool x", "!!int ''", "!!timestamp x")),
        (SPLITS, "neither `names` nor `nc`"),
        (SPLITS + "nc: 3\nnames: [a, b]\n", r"data\.yaml:3: `nc` is 3 but `names` has 2"),
        (SPLITS + "nc: many\n", "not a number of classes"),
        (SPLITS + "nc: .inf\n", "not a number of classes"),
        (SPLITS + "nc: 0\n", "not a number of classes"),
        (SPLITS + "names: {0: a, 2: b}\n", "`names` has no class 1"),
        (SPLITS + "names: {a: 0}\n", "keys are not numbers"),
        (SPLITS + "names: cat\n", "neither a list nor"),
        (SPLITS + "names: []\n", "neither a list nor"),
        (SPLITS + "names: [[a]]\n", "not a name"),
        ("val: images/val\nnames: [a]\n", "no `train`"),
        ("train: images/train\nnames: [a]\n", "no `val`"),
        ("train: images/train\nval: images/nowhere\nnames: [a]\n", r"data\.yaml:2: .*nowhere does not exist"),
        ("train: images/train\nval: data.yaml\nnames: [a]\n", "neither a directory nor a .txt list"),
        ("train: {a: b}\nval: images/val\nnames: [a]\n", "neither a path nor a list of paths"),
        (SPLITS + "path: [a]\nnames: [a]\n", "`path` is not text"),
        (SPLITS + "path: nowhere\nnames: [a]\n", "which is no directory"),
        (f"train: {'x' * 5000}\nval: images/val\nnames: [a]\n", "is not a path"),
        ('path: "a\\0b"\n' + SPLITS + "names: [a]\n", "is not a path"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_says_where(builder: Builder, text: str | bytes, message: str) -> None:
    with pytest.raises(YolopsError, match=message) as caught:
        read_dataset(write(builder, text))
    assert str(builder.yaml) in caught.value.message
    assert caught.value.hint


def test_a_link_to_itself_is_not_a_path(builder: Builder) -> None:
    (builder.root / "circle").symlink_to("circle")
    write(builder, "train: circle\nval: images/train\nnames: [a]\n")
    with pytest.raises(YolopsError, match=r"data\.yaml:1: 'circle' is not a path"):
        read_dataset(builder.yaml)


def test_the_key_valid_is_to_be_renamed(builder: Builder) -> None:
    write(builder, "train: images/train\nvalid: images/val\nnames: [a]\n")
    with pytest.raises(YolopsError, match=r":2: the key `valid`") as caught:
        read_dataset(builder.yaml)
    assert caught.value.hint == "rename it to `val`"


def test_a_yaml_of_nested_references_is_refused_without_growing(builder: Builder) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30))]
    write(builder, "\n".join([*lines, "names: *a29", "train: images/train", "val: images/val"]))
    with pytest.raises(YolopsError, match="not a name"):
        read_dataset(builder.yaml)


def test_a_dataset_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match="no such dataset"):
        read_dataset(tmp_path / "nowhere.yaml")
    with pytest.raises(YolopsError, match=r"no data\.yaml"):
        read_dataset(tmp_path)


def test_a_utf16_description_is_read(builder: Builder) -> None:
    write(builder, "train: images/train\nval: images/val\nnames: [Käse]\n".encode("utf-16"))
    assert read_dataset(builder.yaml).names == ("Käse",)


def test_doubtful_names_are_reported(builder: Builder) -> None:
    write(builder, "train: images/train\nval: images/val\nnames: [a, a, yes]\n")
    assert codes(builder) == ["name-repeated", "name-not-text"]
    write(builder, "train: images/train\nval: images/val\nnc: 2\n")
    assert codes(builder) == ["names-invented"]
    assert read_dataset(builder.yaml).names == ("class_0", "class_1")


def test_a_missing_test_split_is_only_a_warning(builder: Builder) -> None:
    write(builder, "train: images/train\nval: images/val\ntest: images/nowhere\nnames: [a]\n")
    assert codes(builder) == ["split-missing"]


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("/d/images/train/a.jpg", "/d/labels/train/a.txt"),
        ("/d/images/x/images/a.b.jpg", "/d/images/x/labels/a.b.txt"),
        ("/d/photos/a.jpg", "/d/photos/a.txt"),
        ("/d/my-images/images.jpg", "/d/my-images/images.txt"),
        ("/d/images/images", "/d/labels/images.txt"),
    ],
)
def test_labels_are_looked_for_where_ultralytics_does(image: str, labels: str) -> None:
    assert label_path(Path(image)) == Path(labels)


@given(st.lists(st.sampled_from(["images", "labels", "a", "images2", "b.c"]), min_size=1, max_size=5))
def test_the_rule_for_labels_is_that_of_ultralytics(directories: list[str]) -> None:
    image = "/" + "/".join(directories) + "/x.y.jpg"
    theirs = "/labels/".join(image.rsplit("/images/", 1)).rsplit(".", 1)[0] + ".txt"
    assert str(label_path(Path(image))) == theirs
