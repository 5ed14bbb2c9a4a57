"""The check of a dataset: what would spoil a training is found, and nothing is changed."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest

from tests.datasets.dataset_builder import Builder, picture
from yolops.datasets.check import check
from yolops.datasets.convert import convert
from yolops.datasets.description import read_dataset
from yolops.datasets.images import Level
from yolops.datasets.report import Report
from yolops.datasets.sheet import Picked, contact_sheet
from yolops.findings import Severity


def checked(builder: Builder) -> Report:
    return check(read_dataset(builder.yaml))


def found(report: Report, *severities: Severity) -> set[tuple[str, str]]:
    wanted = severities or tuple(Severity)
    return {(item.code, Path(item.where).name) for item in report.findings if item.severity in wanted}


def test_a_dataset_without_a_fault_has_no_findings(builder: Builder) -> None:
    report = checked(builder)
    assert report.findings == ()
    assert report.splits["train"].per_class == (1, 1)
    assert report.errors == []


def test_a_label_outside_the_classes_is_reported_with_file_and_line(builder: Builder) -> None:
    builder.add("train/c.png", labels="0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n")
    report = checked(builder)
    assert found(report) == {("class-out-of-range", "c.txt:2")}
    assert report.errors


def test_images_are_counted_by_split_and_class(builder: Builder) -> None:
    builder.add("train/c.png", labels="1 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n")
    builder.add("train/d.png", labels="")
    train = checked(builder).splits["train"]
    assert (train.images, train.labelled, train.background, train.boxes, train.per_class) == (3, 2, 1, 4, (1, 3))


def test_a_missing_label_file_is_named_and_summed_up(builder: Builder) -> None:
    builder.add("train/c.png", labels=None)
    report = checked(builder)
    assert found(report, Severity.INFO) == {("label-missing", "c.png")}
    assert [item.code for item in report.findings if item.severity is Severity.WARNING] == ["labels-missing"]


def test_a_split_without_any_label_is_an_error_in_train_and_a_warning_in_val(builder: Builder) -> None:
    builder.label("val/b.png", "")
    assert found(checked(builder), Severity.WARNING) == {("split-without-labels", "data.yaml (val)")}
    assert not checked(builder).errors
    builder.label("train/a.png", "")
    assert ("train-without-labels", "data.yaml (train)") in found(checked(builder), Severity.ERROR)


def test_an_empty_split_is_an_error(builder: Builder) -> None:
    (builder.root / "images/val/b.png").unlink()
    assert ("split-empty", "data.yaml (val)") in found(checked(builder), Severity.ERROR)


def test_a_class_without_a_box_in_train_is_a_warning(builder: Builder) -> None:
    builder.label("train/a.png", "0 0.5 0.5 0.1 0.1\n")
    assert found(checked(builder)) == {("class-without-boxes", "data.yaml")}


def test_the_same_image_in_train_and_val_is_reported_although_its_name_differs(builder: Builder) -> None:
    content = (builder.root / "images/train/a.png").read_bytes()
    builder.add("val/other.png", image=content)
    assert found(checked(builder)) == {("image-leaks", "other.png")}


def test_val_that_is_train_is_reported(builder: Builder) -> None:
    builder.yaml.write_text("train: images/train\nval: images/train\nnames: [cat, dog]\n")
    assert found(checked(builder)) == {("image-leaks", "a.png")}


def test_labels_without_an_image_or_with_an_odd_suffix_are_reported(builder: Builder) -> None:
    labels = builder.root / "labels/train"
    (labels / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (labels / "shout.TXT").write_text("0 0.5 0.5 0.1 0.1\n")
    (labels / "classes.txt").write_text("cat\ndog\n")
    assert found(checked(builder)) == {("label-without-image", "gone.txt"), ("label-suffix", "shout.TXT")}


def test_two_images_of_one_stem_share_their_labels(builder: Builder) -> None:
    builder.add("train/a.jpg", image=picture(9, form="JPEG"), labels=None)
    assert found(checked(builder)) == {("label-shared", "a.png")}


def test_a_list_that_names_a_missing_image_is_an_error(builder: Builder) -> None:
    (builder.root / "train.txt").write_text("images/train/a.png\nimages/train/gone.png\n")
    builder.yaml.write_text("train: train.txt\nval: images/val\nnames: [cat, dog]\n")
    assert ("image-missing", "gone.png") in found(checked(builder), Severity.ERROR)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


JPEG = picture(5, form="JPEG", size=(64, 64))
PNG = picture(5, size=(64, 64))


@pytest.mark.parametrize(
    ("name", "content", "severity", "code"),
    [
        ("c.png", b"", Severity.ERROR, "image-empty"),
        ("c.jpg", b"no image at all", Severity.ERROR, "image-unreadable"),
        ("c.jpg", picture(5, form="GIF"), Severity.ERROR, "image-unreadable"),
        ("c.jpg", JPEG[: len(JPEG) // 2], Severity.ERROR, "image-damaged"),
        ("c.png", PNG[: len(PNG) // 2], Severity.ERROR, "image-damaged"),
        ("c.png", PNG[:100] + b"\0\xff" * 50 + PNG[200:], Severity.ERROR, "image-damaged"),
        ("c.webp", picture(5, form="WEBP", size=(64, 64))[:400], Severity.ERROR, "image-damaged"),
        ("c.png", picture(5, size=(9, 40)), Severity.ERROR, "image-too-small"),
        ("c.png", bomb(30_000, 30_000), Severity.ERROR, "image-too-large"),
        ("c.png", bomb(10_000, 10_000), Severity.WARNING, "image-very-large"),
        ("c.jpg", JPEG + b"\n", Severity.WARNING, "jpeg-trailing-bytes"),
        ("c.jpg", PNG, Severity.INFO, "image-suffix"),
    ],
)
def test_an_image_that_is_dropped_or_changed_by_ultralytics_is_reported(
    builder: Builder, name: str, content: bytes, severity: Severity, code: str
) -> None:
    image = builder.add(f"train/{name}", image=content, labels="0 0.5 0.5 0.4 0.4\n")
    report = checked(builder)
    assert found(report) == {(code, name)}
    assert report.findings[0].severity is severity
    assert image.read_bytes() == content


@pytest.mark.parametrize("form", ["AVIF", "BMP", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP"])
def test_every_format_ultralytics_reads_is_decoded(builder: Builder, form: str) -> None:
    suffix = {"JPEG": "jpg", "JPEG2000": "jp2"}.get(form, form.lower())
    builder.add(f"train/c.{suffix}", image=picture(5, form=form))
    assert checked(builder).findings == ()


def test_a_label_file_that_never_ends_is_not_read_whole(builder: Builder) -> None:
    path = builder.label("train/a.png", "0 0.5 0.5 0.1 0.1\n")
    with path.open("r+b") as file:
        file.truncate(64 * 1024 * 1024)
    assert ("label-too-large", "a.txt") in found(checked(builder), Severity.ERROR)


def test_a_label_that_is_a_directory_is_an_error_and_not_a_crash(builder: Builder) -> None:
    path = builder.label("train/a.png", "")
    path.unlink()
    path.mkdir()
    assert ("label-unreadable", "a.txt") in found(checked(builder), Severity.ERROR)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("level", Level)
def test_a_pipe_in_the_place_of_a_file_is_an_error_and_nobody_waits_for_its_writer(
    builder: Builder, level: Level
) -> None:
    image, label = builder.root / "images/train/pipe.png", builder.label("train/a.png", "")
    label.unlink()
    os.mkfifo(image)
    os.mkfifo(label)
    dataset = read_dataset(builder.yaml)
    errors = found(check(dataset, level=level), Severity.ERROR)
    assert {("image-missing", "pipe.png"), ("label-unreadable", "a.txt")} <= errors
    assert contact_sheet(dataset, [Picked(str(image), "train", ())]).width


def test_a_cache_beside_the_labels_is_mentioned_and_left_alone(builder: Builder) -> None:
    cache = builder.root / "labels/train.cache"
    cache.write_bytes(b"anything")
    assert found(checked(builder), Severity.INFO) == {("cache-ignored", "train.cache")}
    assert cache.read_bytes() == b"anything"


def test_progress_is_told_up_to_the_last_image(builder: Builder) -> None:
    told: list[tuple[int, int]] = []
    check(read_dataset(builder.yaml), lambda done, total: told.append((done, total)))
    assert told[-1] == (2, 2)


def test_a_check_that_is_broken_off_ends(builder: Builder) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(read_dataset(builder.yaml), stop)


def test_the_report_is_plain_values_for_json(builder: Builder) -> None:
    report = checked(builder).as_dict()
    assert report["splits"]["train"]["per_class"] == [1, 1]
    assert report["fingerprint"].startswith(report["digest"])


@pytest.mark.real_data
def test_real_photographs_have_no_errors(blood_cells: Path, tmp_path: Path) -> None:
    result = convert(blood_cells, tmp_path / "bccd")
    report = check(read_dataset(result.data))
    # Seven cells are boxed twice, two pixels apart; 37 and 38 are two photographs of one place.
    assert dict(report.counts) == {"box-nearly-repeated": 7, "image-nearly-leaks": 1}
    assert [Path(item.where).name for item in report.findings if "leaks" in item.code] == ["BloodImage_00037.jpg"]
    assert {split: counts.images for split, counts in report.splits.items()} == {"train": 205, "val": 87, "test": 72}
    assert report.splits == dict(result.counts)
