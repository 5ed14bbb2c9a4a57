"""The description that ultralytics trains on: written by us, in a directory of our own.

ultralytics 8.4 keeps things beside the images and labels it is given, and trusts what it finds there: it unpickles
`<labels>.cache` (`YOLODataset.get_labels`: the directory of the first label file with the suffix `.cache`), reads
`<image>.npy` instead of the image (`BaseDataset.load_image`) and re-encodes JPEG files with trailing bytes in place
(`check_image`). A list of the user's images does not change where it looks. So it is given links in a directory of
ours: nothing foreign is beside them, what it writes stays with us, and replacing a link leaves the user's file alone.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import yaml

from yolops.datasets.description import SPLITS, label_path
from yolops.datasets.placing import place, whole_directory
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.datasets.description import Dataset

FIRST_LINE = "# Written by yolops for one training, from links. It may be deleted.\n"
# The longest file name of the common file systems is 255 bytes; a character takes up to four.
_MOST_CHARACTERS = 60


def write_training_yaml(dataset: Dataset, directory: Path) -> Path:
    """Write the `data.yaml` to train on, with links to the images and labels beside it.

    Images keep their order: `images/<split>/<number>-<name>`.

    Args:
        dataset: the dataset; none of its files is changed, and nothing but its images and labels is looked at.
        directory: a directory for this alone. What an earlier call left in it is replaced.

    Returns:
        The absolute path of the written `data.yaml`.

    Raises:
        YolopsError: the directory holds something else, or cannot be written.
    """
    directory = directory.absolute()
    _clear(directory)
    with whole_directory(directory) as partial:
        splits = [split for split in SPLITS if dataset.splits.get(split)]
        for split in splits:
            for number, image in enumerate(dataset.splits[split]):
                link = partial / "images" / split / f"{number:06d}-{image.name[-_MOST_CHARACTERS:]}"
                place(image, link, symbolic=True)
                labels = label_path(image)
                if labels.is_file():
                    place(labels, label_path(link), symbolic=True)
        content = {
            "path": str(directory),
            **{split: f"{directory}/images/{split}" for split in splits},
            "names": dict(enumerate(dataset.names)),
        }
        text = FIRST_LINE + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (partial / "data.yaml").write_text(text, encoding="utf-8")
    return directory / "data.yaml"


def _clear(directory: Path) -> None:
    if not os.path.lexists(directory) or (directory.is_dir() and not any(directory.iterdir())):
        return
    written = directory / "data.yaml"
    ours = (
        not directory.is_symlink()
        and written.is_file()
        and written.read_text(encoding="utf-8", errors="replace").startswith(FIRST_LINE)
    )
    if not ours:
        raise YolopsError(f"{directory}: holds something else", "give a directory for the training's data alone")
    shutil.rmtree(directory)  # links are removed, never what they lead to
