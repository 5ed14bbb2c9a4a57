"""How long the check of a dataset takes, against ultralytics' own scan of the same files with its cache removed.

`IMAGES` says how many images of mixed sizes are generated (20,000), `LABELS` how many label files of one line
(1,000,000).
"""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from PIL import Image

from benchmarks.workbench import YOLOPS, Measured, compared, pairs
from yolops.datasets.check import check
from yolops.datasets.description import read_dataset
from yolops.datasets.images import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGES = int(os.environ.get("IMAGES", "20000"))
LABELS = int(os.environ.get("LABELS", "1000000"))
CLASSES = 8
SIZES = ((320, 240), (416, 416), (500, 375), (640, 480), (480, 640), (640, 640), (800, 600), (1280, 720))
# Every fiftieth is a PNG; the rest are JPEGs of about 90 kB.
PNG_EVERY = 50
LINKS = 50_000  # ext4 takes 65,000 names of one file
MEMORY_MB = 500.0
PORTION = 200
# The scan alone, without the import; Pillow decodes nothing in it, it reads headers and labels.
PEER = """
import sys, time
from functools import partial
from pathlib import Path
from yolops.training.ultralytics_trainer import ensure_torchvision
ensure_torchvision()
from ultralytics.data.dataset import YOLODataset
root = Path(sys.argv[1])
names = {number: str(number) for number in range(int(sys.argv[2]))}
took = 0.0
for split in ("train", "val"):
    began = time.perf_counter()
    images, data = str(root / "images" / split), {"names": names, "channels": 3}
    YOLODataset(img_path=images, data=data, task="detect", augment=False)
    took += time.perf_counter() - began
    (root / "labels" / f"{split}.cache").unlink()
print(f"took {took}")
"""


def main() -> Iterator[Measured]:
    with tempfile.TemporaryDirectory(prefix="yolops-bench-") as temporary:
        root = Path(temporary) / "images"
        _generate(root)
        scan = f"ultralytics' scan, {IMAGES:,} images"
        for level, bar in ((Level.QUICK, "<= 0.333"), (Level.DEFAULT, "<= 1.25")):
            what = f"dataset check ({level}) / {scan}"
            yield pairs(what, partial(_ours, root, level), partial(_peer, root), count=3, unit="s", bar=bar)
        what = f"dataset check (deep) / decoding the same {IMAGES:,} images on all cores"
        yield pairs(what, partial(_ours, root, Level.DEEP), partial(_decode, root), count=3, unit="s", bar="<= 1.1")
    with tempfile.TemporaryDirectory(prefix="yolops-bench-") as temporary:
        root = Path(temporary) / "labels"
        _generate_labels(root)
        ours = _ours(root, Level.QUICK)
        what = f"dataset check (quick) / ultralytics' scan, {LABELS:,} labels of one line"
        yield compared(what, [ours], [_peer(root)], unit="s", bar="<= 0.2")
        what = f"memory of all processes at {LABELS:,} images / {MEMORY_MB:.0f} MB"
        yield compared(what, [_memory(root)], [MEMORY_MB], unit="MB", bar="<= 1")


def _ours(root: Path, level: Level) -> float:
    began = time.perf_counter()
    report = check(read_dataset(root), level=level)
    took = time.perf_counter() - began
    if report.findings:
        raise RuntimeError(f"a sound dataset has findings: {report.counts}")
    return took


def _peer(root: Path) -> float:
    environment = {
        **os.environ,
        "YOLO_CONFIG_DIR": str(root.parent),
        "YOLO_AUTOINSTALL": "false",
        "YOLO_OFFLINE": "true",
    }
    command = [sys.executable, "-c", PEER, str(root), str(CLASSES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    took = re.search(r"^took (.+)$", done.stdout, re.MULTILINE)
    if took is None:
        raise RuntimeError(done.stderr[-2000:])
    return float(took[1])


def _decode(root: Path) -> float:
    paths = [str(path) for path in sorted((root / "images").rglob("*.*"))]
    portions = [paths[start : start + PORTION] for start in range(0, len(paths), PORTION)]
    began = time.perf_counter()
    with _processes() as pool:
        list(pool.map(_decode_portion, portions))
    return time.perf_counter() - began


def _decode_portion(paths: list[str]) -> None:
    for path in paths:
        with Image.open(path) as image:
            image.load()


def _processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"))


def _generate(root: Path) -> None:
    _describe(root)
    numbers = [(root, range(start, min(start + PORTION, IMAGES))) for start in range(0, IMAGES, PORTION)]
    with _processes() as pool:
        list(pool.map(_draw, numbers))


def _describe(root: Path) -> None:
    for split in ("train", "val"):
        (root / "images" / split).mkdir(parents=True)
        (root / "labels" / split).mkdir(parents=True)
    names = "".join(f"  - class {number}\n" for number in range(CLASSES))
    (root / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames:\n{names}", encoding="utf-8")


def _draw(task: tuple[Path, range]) -> None:
    root, numbers = task
    for number in numbers:
        rng = np.random.default_rng(number)
        width, height = SIZES[number % len(SIZES)]
        broad, fine = (
            Image.fromarray(rng.integers(0, 256, (height // step + 2, width // step + 2, 3), dtype=np.uint8)).resize(
                (width, height), Image.Resampling.BILINEAR
            )
            for step in (40, 5)
        )
        noise = rng.integers(-6, 7, (height, width, 1), dtype=np.int16)
        pixels = np.asarray(Image.blend(broad, fine, 0.15)).astype(np.int16) + noise
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        split = "val" if number % 10 == 0 else "train"
        suffix = ".png" if number % PNG_EVERY == 7 else ".jpg"
        image.save(root / "images" / split / f"{number:06d}{suffix}", quality=88, compress_level=1)
        count = int(rng.integers(1, 12))
        sides = rng.uniform(0.03, 0.3, (count, 2))
        centres = rng.uniform(sides / 2, 1 - sides / 2)
        lines = zip(rng.integers(0, CLASSES, count), *centres.T, *sides.T, strict=True)
        text = "".join(f"{line[0]} {line[1]:.6f} {line[2]:.6f} {line[3]:.6f} {line[4]:.6f}\n" for line in lines)
        (root / "labels" / split / f"{number:06d}.txt").write_text(text, encoding="utf-8")


def _generate_labels(root: Path) -> None:
    _describe(root)
    base = root / "base.jpg"
    for number in range(LABELS):
        if number % LINKS == 0:
            base = root / f"base-{number}.jpg"
            Image.new("RGB", (64, 48)).save(base)
        split = "val" if number % 10 == 0 else "train"
        os.link(base, root / "images" / split / f"{number:07d}.jpg")
        text = f"{number // 10 % CLASSES} 0.{number % 400 + 300:03d} 0.5 0.25 0.3125\n"
        (root / "labels" / split / f"{number:07d}.txt").write_text(text, encoding="utf-8")


def _memory(root: Path) -> float:
    """Return the most memory in MB that the command and its processes had, sampled; what they share counts twice."""
    command = [*YOLOPS, "dataset", "check", str(root), "--quick", "--json"]
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        this = psutil.Process(process.pid)
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                most = max(most, sum(one.memory_info().rss for one in (this, *this.children(recursive=True))))
            time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return most / 1e6
