"""Which images a split of a dataset has: from directories, and from `.txt` lists."""

from __future__ import annotations

import os
from pathlib import Path

from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

# ultralytics 8.4 `IMG_FORMATS`. `.npy` and videos are not images of a detection dataset.
IMAGE_SUFFIXES = frozenset(
    [".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"],
)


def images_in(
    entries: list[str], *, root: Path, where: str, required: bool
) -> tuple[tuple[Path, ...], tuple[Finding, ...]]:
    """List the images of one split.

    Args:
        entries: directories or `.txt` lists, absolute or relative to `root`.
        root: the absolute root of the dataset.
        where: the place in the description, for messages.
        required: whether a path that does not exist is an error, or a finding.

    Returns:
        The absolute image paths, sorted and each once, and what was odd.

    Raises:
        YolopsError: a required path does not exist, or a list cannot be read.
    """
    images: list[Path] = []
    findings: list[Finding] = []
    for entry in entries:
        path = resolved(entry, root, where)
        if path.is_dir():
            images += _below(path)
        elif path.is_file() and path.suffix.lower() == ".txt":
            images += _listed(path, root)
        elif path.exists():
            raise YolopsError(f"{where}: {path} is neither a directory nor a .txt list", "name a directory of images")
        elif required:
            raise YolopsError(f"{where}: {path} does not exist", "correct the path, or `path:` which it is relative to")
        else:
            what, fix = f"{path} does not exist", "correct the path, or delete the key"
            findings.append(Finding(Severity.WARNING, "split-missing", where, what, fix))
    unique = sorted(set(images))
    if len(unique) < len(images):
        what = f"{len(images) - len(unique)} images are listed more than once and count once"
        findings.append(Finding(Severity.WARNING, "image-listed-twice", where, what, "list each image once"))
    return tuple(unique), tuple(findings)


def is_image(name: str) -> bool:
    """Say whether a file name is that of an image, as ultralytics decides it."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - ten times quicker than Path


def resolved(entry: str, root: Path, where: str) -> Path:
    """Return the absolute path that an entry of a description means, which need not exist.

    Raises:
        YolopsError: no path can look like this.
    """
    try:
        path = (root / entry).resolve()
        # Roboflow writes `../train/images` although the yaml lies in the root; ultralytics mends that the same way.
        if not path.exists() and entry.startswith("../"):
            path = (root / entry[3:]).resolve()
        path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise YolopsError(f"{where}: {entry[:80]!r} is not a path ({error})", "correct the path") from error
    return path


def _below(directory: Path) -> list[Path]:
    images: list[Path] = []
    seen: set[str] = set()
    for parent, directories, files in os.walk(directory, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link back to a directory above
            directories.clear()
            continue
        seen.add(real)
        # Hidden names are no data: `._a.jpg` of macOS, `.ipynb_checkpoints`. ultralytics' glob leaves them out too.
        directories[:] = [name for name in directories if not name.startswith(".")]
        images += [Path(parent, name) for name in files if is_image(name) and not name.startswith(".")]
    return images


def _listed(source: Path, root: Path) -> list[Path]:
    try:
        lines = source.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise YolopsError(f"{source}: cannot be read as a list of images", "write one path per line, UTF-8") from error
    names = [line.strip() for line in lines if is_image(line.strip()) and "\0" not in line]
    return [_beside(source.parent, root, name) for name in names]


def _beside(directory: Path, root: Path, name: str) -> Path:
    beside = Path(os.path.normpath(directory / name))
    if name.startswith("./") or os.path.exists(beside):  # noqa: PTH110 - a name too long is no error here
        return beside
    below_root = Path(os.path.normpath(root / name))
    return below_root if os.path.exists(below_root) else beside  # noqa: PTH110
