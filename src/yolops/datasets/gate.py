"""The check in front of a training, which reads a dataset only if it has changed since the last one.

Whether it has is told by the names, sizes and times of its files and directories. A change that keeps all of them, the
time of the last change of the file's record included, goes unseen; tools that restore times change that one.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from yolops import __version__
from yolops.datasets.check import check
from yolops.datasets.description import label_of
from yolops.datasets.report import Report
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yolops.datasets.description import Dataset


def checked(dataset: Dataset, store: Path, progress: Callable[[int, int], None] | None = None) -> tuple[Report, bool]:
    """Check a dataset, or find what the last check said of the same files.

    Args:
        dataset: what `read_dataset` returned.
        store: the directory in which the last report of each dataset is kept; made if need be.
        progress: see `check`.

    Returns:
        The report, and whether it is of an earlier check.

    Raises:
        YolopsError: a process that reads images was ended from outside.
    """
    state = _state(dataset)
    kept = store / f"{hashlib.sha256(os.fsencode(dataset.source)).hexdigest()[:16]}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):  # there is none, or it is of another version
        value = json.loads(kept.read_text(encoding="utf-8"))
        if value["state"] == state:
            return Report.from_dict(value["report"]), True
    report = check(dataset, progress)
    with suppress(OSError):  # it is only read again next time
        store.mkdir(parents=True, exist_ok=True)
        with whole_file(kept) as draft:
            draft.write_text(json.dumps({"state": state, "report": report.as_dict()}), encoding="utf-8")
    return report, False


def _state(dataset: Dataset) -> str:
    total = hashlib.sha256(f"{__version__}\n{json.dumps(dataset.names)}\n".encode())
    with suppress(OSError):
        total.update(dataset.source.read_bytes())
    for split, members in sorted(dataset.splits.items()):
        total.update(f"\n{split}\n".encode())
        for path in _files(members.names):
            total.update(os.fsencode(path) + _seen(path))
    return total.hexdigest()


def _files(images: tuple[str, ...]) -> Iterator[str]:
    directories: dict[str, None] = {}
    for image in images:
        labels = label_of(image)
        yield from (image, labels)
        directories[os.path.dirname(image)] = directories[os.path.dirname(labels)] = None  # noqa: PTH120 - quicker
    # Of a directory the time tells of files that came and went; a cache lies beside the labels.
    yield from chain(directories, map(os.path.dirname, directories))


def _seen(path: str) -> bytes:
    try:
        seen = os.stat(path)  # noqa: PTH116 - ten times quicker than Path
    except OSError:
        return b"\0-\n"
    return f"\0{seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}\n".encode()
