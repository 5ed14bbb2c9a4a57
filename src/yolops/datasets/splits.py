"""Which images a split of a dataset has: from directories, and from `.txt` lists."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, overload

from yolops.datasets.codes import DescriptionError, finding
from yolops.findings import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yolops.findings import Finding

# ultralytics 8.4 `IMG_FORMATS`. `.npy` and videos are not images of a detection dataset.
IMAGE_SUFFIXES = frozenset(
    [".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"],
)
# Images to a person, but not to ultralytics, which passes them over.
IGNORED_SUFFIXES = frozenset([".gif", ".jfif", ".jxl", ".npy", ".pbm", ".pgm", ".ppm", ".raw", ".svg", ".tga"])


class ImagePaths(Sequence[Path]):
    """Absolute image paths, sorted and each once, kept as text: a million of them take 100 MB instead of 600.

    Args:
        names: the paths in any order.
    """

    __slots__ = ("names",)

    def __init__(self, names: Iterable[str] = ()) -> None:
        ordered = sorted(names)
        self.names = tuple(name for index, name in enumerate(ordered) if not index or name != ordered[index - 1])

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Path, ...]: ...
    def __getitem__(self, index: int | slice) -> Path | tuple[Path, ...]:
        if isinstance(index, slice):
            return tuple(map(Path, self.names[index]))
        return Path(self.names[index])

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Path]:
        return map(Path, self.names)

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"ImagePaths({len(self)} images)"


@dataclass(slots=True)
class _Listing:
    """What was met while the images of one split were listed."""

    root: str
    names: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    strays: list[tuple[str, str]] = field(default_factory=list)

    def findings(self, where: str, unique: int) -> Iterator[Finding]:
        if unique < len(self.names):
            what = f"{counted(len(self.names) - unique, 'image')} listed more than once, which count once"
            yield finding("image-listed-twice", where, what, "list each image once")
        if self.outside:
            what = f"{counted(len(self.outside), 'link')} out of the dataset, for example {self.outside[0]}"
            yield finding("link-outside", where, what, "copy what they lead to, so that the dataset is whole anywhere")
        if self.ignored:
            what = f"{counted(len(self.ignored), 'file')} passed over for the suffix, for example {self.ignored[0]}"
            yield finding("image-ignored", where, what, "convert them to JPEG or PNG, or take them out")
        if self.strays:
            place, entry = self.strays[0]
            count = counted(len(self.strays), "entry", "entries")
            what = f"{count} climbing out of the dataset by `..`, for example {entry[:80]}"
            yield finding("list-leads-outside", place, what, "move the images into the dataset, or correct the entries")

    def is_outside(self, path: str) -> bool:
        return not f"{path}/".startswith(f"{self.root}/")


def images_in(entries: list[str], *, root: Path, where: str, required: bool) -> tuple[ImagePaths, tuple[Finding, ...]]:
    """List the images of one split.

    Args:
        entries: directories or `.txt` lists, absolute or relative to `root`.
        root: the absolute root of the dataset.
        where: the place in the description, for messages.
        required: whether a path that does not exist is an error, or a finding.

    Returns:
        The absolute image paths, sorted and each once, and what was odd.

    Raises:
        DescriptionError: a required path does not exist, or a list cannot be read.
    """
    listing = _Listing(os.path.realpath(root))
    findings: list[Finding] = []
    for entry in entries:
        path = resolved(entry, root, where)
        if path.is_dir():
            _below(path, listing)
        elif path.is_file() and path.suffix.lower() == ".txt":
            _listed(path, root, listing)
        elif path.exists():
            what, fix = f"{path} is neither a directory nor a .txt list", "name a directory of images"
            raise DescriptionError("description-wrong", where, what, fix)
        elif required:
            fix = "correct the path, or `path:` which it is relative to"
            raise DescriptionError("description-wrong", where, f"{path} does not exist", fix)
        else:
            what, fix = f"{path} does not exist", "correct the path, or delete the key"
            findings.append(finding("split-missing", where, what, fix))
    images = ImagePaths(listing.names)
    return images, (*findings, *listing.findings(where, len(images)))


def is_image(name: str) -> bool:
    """Say whether a file name is that of an image, as ultralytics decides it."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - ten times quicker than Path


def resolved(entry: str, root: Path, where: str) -> Path:
    """Return the absolute path that an entry of a description means, which need not exist.

    Raises:
        DescriptionError: no path can look like this.
    """
    try:
        path = (root / entry).resolve()
        # Roboflow writes `../train/images` although the yaml lies in the root; ultralytics mends that the same way.
        if not _is_there(path) and entry.startswith("../"):
            path = (root / entry[3:]).resolve()
            _is_there(path)
    except (OSError, ValueError, RuntimeError) as error:
        what = f"{entry[:80]!r} is not a path ({error})"
        raise DescriptionError("description-wrong", where, what, "correct the path") from error
    return path


def _is_there(path: Path) -> bool:
    """Tell what is not there from what cannot be; `Path.exists` no longer does in Python 3.14, nor 3.13 for circles."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _below(directory: Path, listing: _Listing) -> None:
    waiting, seen = [str(directory)], set()
    while waiting:
        parent = waiting.pop()
        real = os.path.realpath(parent)
        if real in seen:  # a link back to a directory above
            continue
        seen.add(real)
        try:
            entries = os.scandir(parent)
        except OSError:  # like os.walk: what may not be listed holds nothing for us
            continue
        with entries:
            for entry in entries:
                _meet(entry, listing, waiting)


def _meet(entry: os.DirEntry[str], listing: _Listing, waiting: list[str]) -> None:
    # Hidden names are no data: `._a.jpg` of macOS, `.ipynb_checkpoints`. ultralytics' glob leaves them out too.
    if entry.name.startswith("."):
        return
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - likewise
    if entry.is_dir():
        waiting.append(entry.path)
    elif suffix in IMAGE_SUFFIXES:
        listing.names.append(entry.path)
    elif suffix in IGNORED_SUFFIXES:
        listing.ignored.append(entry.path)
        return
    else:
        return
    if entry.is_symlink() and listing.is_outside(os.path.realpath(entry.path)):
        listing.outside.append(entry.path)


def _listed(source: Path, root: Path, listing: _Listing) -> None:
    try:
        lines = source.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what, fix = "cannot be read as a list of images", "write one path per line, UTF-8"
        raise DescriptionError("description-wrong", str(source), what, fix) from error
    for number, line in enumerate(lines, start=1):
        entry = line.strip()
        if not is_image(entry) or "\0" in entry:
            if os.path.splitext(entry)[1].lower() in IGNORED_SUFFIXES:  # noqa: PTH122 - likewise
                listing.ignored.append(entry)
            continue
        path = _beside(source.parent, root, entry)
        listing.names.append(path)
        if ".." in entry.split("/") and listing.is_outside(os.path.realpath(path)):
            listing.strays.append((f"{source}:{number}", entry))


def _beside(directory: Path, root: Path, name: str) -> str:
    beside = os.path.normpath(directory / name)
    if name.startswith("./") or os.path.exists(beside):  # noqa: PTH110 - a name too long is no error here
        return beside
    below_root = os.path.normpath(root / name)
    return below_root if os.path.exists(below_root) else beside  # noqa: PTH110 - likewise
