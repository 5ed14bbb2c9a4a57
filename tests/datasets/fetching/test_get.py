"""A dataset comes out of an archive as it is in there, whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.datasets.dataset_builder import Builder
from tests.datasets.fetching.hostile import tarred, zipped
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.fetching.archive import unpack
from yolops.datasets.fetching.get import get
from yolops.errors import YolopsError


def packed(root: Path, form: str, above: str = "") -> bytes:
    entries = [
        (f"{above}{path.relative_to(root)}", path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()
    ]
    if form == "zip":
        return zipped(entries)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{form}") as file:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o4777
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["zip", "", "gz", "bz2", "xz"])
@pytest.mark.parametrize("above", ["", "./", "cells/", "a/a/"])
def test_every_kind_of_archive_gives_the_same_dataset(builder: Builder, tmp_path: Path, form: str, above: str) -> None:
    archive = tmp_path / "archive.bin"  # told by its content
    archive.write_bytes(packed(builder.root, form, above))
    got = get(str(archive), tmp_path / "new")
    assert (got.kind, got.names, got.images) == ("yolo", ("cat", "dog"), {"train": 1, "val": 1})
    assert check(read_dataset(got.data)).fingerprint == check(read_dataset(builder.root)).fingerprint
    assert {path.stat().st_mode & 0o7111 for path in (tmp_path / "new").rglob("*.*")} == {0}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.bin", "data", "new"]


def test_what_is_no_part_of_a_dataset_stays_packed(builder: Builder, tmp_path: Path) -> None:
    for name in (
        "setup.py",
        "labels/train.cache",
        "images/train/a.npy",
        "best.pt",
        ".git/config.txt",
        "__MACOSX/a.txt",
    ):
        path = builder.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("evil")
    (tmp_path / "archive.zip").write_bytes(packed(builder.root, "zip"))
    got = get(str(tmp_path / "archive.zip"), tmp_path / "new")
    assert got.left_out == {".py": 1, ".cache": 1, ".npy": 1, ".pt": 1, ".txt": 2}
    assert not [path for path in (tmp_path / "new").rglob("*") if path.is_file() and path.read_bytes() == b"evil"]


def test_another_archive_than_the_expected_one_is_not_unpacked(builder: Builder, tmp_path: Path) -> None:
    archive = tmp_path / "archive.zip"
    archive.write_bytes(packed(builder.root, "zip"))
    with pytest.raises(YolopsError, match="its SHA-256 is"):
        get(str(archive), tmp_path / "new", sha256="0" * 64)
    assert not (tmp_path / "new").exists()
    assert get(str(archive), tmp_path / "new", sha256=hashlib.sha256(archive.read_bytes()).hexdigest().upper()).images


def test_other_formats_are_recognised_and_what_is_none_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "archive.zip"
    archive.write_bytes(zipped([("x/Annotations/a.xml", b"<annotation/>"), ("x/JPEGImages/a.jpg", b"")]))
    assert get(str(archive), tmp_path / "voc").kind == "voc"
    archive.write_bytes(
        zipped([("annotations/instances_val.json", b'{"images": [], "annotations": [], "categories": []}')])
    )
    assert get(str(archive), tmp_path / "coco").kind == "coco"
    archive.write_bytes(zipped([("obj.names", b"cat"), ("train.txt", b"a.jpg"), ("a.jpg", b"x"), ("a.txt", b"")]))
    assert get(str(archive), tmp_path / "cvat-yolo").kind == "darknet"
    archive.write_bytes(zipped([("a.jpg", b"x"), ("b.txt", b"x")]))
    with pytest.raises(YolopsError, match=r"neither one data\.yaml"):
        get(str(archive), tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.zip", "coco", "cvat-yolo", "voc"]


def test_a_description_below_other_files_is_found(builder: Builder, tmp_path: Path) -> None:
    archive = tmp_path / "archive.zip"
    archive.write_bytes(packed(builder.root, "zip", "v1/"))
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("README.txt", "about")
    assert get(str(archive), tmp_path / "new").data == tmp_path / "new/v1/data.yaml"


def test_a_wrong_description_is_said_and_kept_to_be_corrected(builder: Builder, tmp_path: Path) -> None:
    builder.yaml.write_text("train: /content/there/is/no/such\nval: images/val\nnames: [cat, dog]\n")
    (tmp_path / "archive.zip").write_bytes(packed(builder.root, "zip"))
    got = get(str(tmp_path / "archive.zip"), tmp_path / "new")
    assert [item.code for item in got.findings] == ["description-wrong"]
    assert (tmp_path / "new/images/val/b.png").is_file()


def test_images_outside_to_which_a_description_leads_are_counted(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(packed(builder.root, "zip"))
    builder.yaml.write_text(f"train: {builder.root / 'images/train'}\nval: images/val\nnames: [cat, dog]\n")
    (tmp_path / "archive.zip").write_bytes(packed(builder.root, "zip"))
    assert get(str(tmp_path / "archive.zip"), tmp_path / "new").elsewhere == 1


def test_what_is_there_already_and_what_is_no_archive_are_refused(builder: Builder, tmp_path: Path) -> None:
    archive = tmp_path / "archive.zip"
    archive.write_bytes(packed(builder.root, "zip"))
    with pytest.raises(YolopsError, match="exists already"):
        get(str(archive), builder.root)
    with pytest.raises(YolopsError, match="a directory, and no archive") as caught:
        get(str(builder.root), tmp_path / "new")
    assert caught.value.hint == f"see what it is: yolops dataset check {builder.root}"
    with pytest.raises(YolopsError, match="no such archive"):
        get(str(tmp_path / "nothing.zip"), tmp_path / "new")
    for content, said in (
        (b"\x28\xb5\x2f\xfd" + bytes(600), "Zstandard"),
        (b"hello", "of another kind"),
        (b"", "another"),
    ):
        archive.write_bytes(content)
        with pytest.raises(YolopsError, match=said):
            get(str(archive), tmp_path / "new")


def test_a_bomb_is_stopped_at_the_limit_that_holds_for_everybody(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.tar.gz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        info = tarfile.TarInfo("labels/a.txt")
        info.size = 2**33
        file.write(info.tobuf())
        for _ in range(300):
            file.write(bytes(1024**2))
    (tmp_path / "out").mkdir()
    with pytest.raises(YolopsError, match="come out of"):
        unpack(archive, tmp_path / "out")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.txt")) <= 256 * 1024**2


def test_an_xz_that_asks_for_much_memory_is_refused_and_two_streams_are_read(tmp_path: Path) -> None:
    content = tarred([("data.yaml", b"names: [a]\n"), ("images/a.jpg", bytes(5000))])
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(lzma.compress(content[:3000]) + bytes(4) + lzma.compress(content[3000:]))
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out/images/a.jpg").stat().st_size == 5000
    archive.write_bytes(lzma.compress(content, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**28, "preset": 0}]))
    with pytest.raises(YolopsError, match=r"[Mm]emory"):
        unpack(archive, tmp_path / "out")
