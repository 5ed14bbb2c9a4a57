"""The images of a dataset, found by the names that its annotations give them."""

from __future__ import annotations

import os
from pathlib import Path

from yolops.datasets.annotations import image_size
from yolops.datasets.splits import is_image
from yolops.findings import Finding, Severity


class Pictures:
    """Finds images below a directory, and collects what is wrong with them.

    Args:
        root: the directory.

    Attributes:
        root: the directory.
        findings: what is wrong with them, and with what is said of them.
    """

    def __init__(self, root: Path) -> None:
        self.findings: list[Finding] = []
        self.root = root
        self._below: dict[str, list[str]] | None = None

    def find(self, name: str, *near: Path) -> Path | None:
        """Find an image.

        Args:
            name: its relative path, from `documents.image_name`.
            near: where it is looked for first; then in the root, then anywhere below it.

        Returns:
            Its path; None if there is none, or several of this name.
        """
        for place in (*near, self.root):
            if (place / name).is_file():
                return place / name
        found = [path for path in self._index().get(name.rpartition("/")[2], ()) if path.endswith(f"/{name}")]
        return Path(found[0]) if len(found) == 1 else None

    def every(self) -> list[Path]:
        """Return all images below the directory, sorted."""
        return sorted(Path(path) for paths in self._index().values() for path in paths)

    def measured(self, image: Path | None, name: str) -> tuple[int, int] | None:
        """Return width and height of an image in pixels as it is shown; None, and a finding, if it cannot be read."""
        what, fix = (
            "there is no image of this name, or several, so it is left out",
            "bring it back, or name its directory",
        )
        try:
            if image is not None:
                return image_size(image)
        except OSError as error:
            why = error.strerror or str(error).partition(" <")[0]  # Pillow says of which file object
            what, fix = f"cannot be read ({why}), so it is left out", "fetch it again, or take it out"
        self.warn("image-unreadable", image or self.root / name, what, fix)
        return None

    def warn(self, code: str, where: str | Path, what: str, fix: str) -> None:
        """Collect a warning."""
        self.findings.append(Finding(Severity.WARNING, code, str(where), what, fix))

    def _index(self) -> dict[str, list[str]]:
        if self._below is None:
            self._below = {}
            for directory, _, files in os.walk(self.root):
                for file in filter(is_image, files):
                    self._below.setdefault(file, []).append(f"{directory}/{file}")
        return self._below
