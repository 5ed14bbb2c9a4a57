"""Reading all images of a dataset with their labels, in portions and in several processes.

Not in threads: much of the work for a small file is Python's own, and only one thread of a process does that at a
time. A portion of some hundred images comes back as a few arrays and what it was summed up to, so that neither the way
between processes nor the memory of a million images costs much.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from yolops.datasets.examine import DIGEST_BYTES, IS_HASHED, Content, Task, read_portion
from yolops.datasets.images import Level
from yolops.datasets.likeness import THUMBNAIL_BYTES
from yolops.datasets.splits import ImagePaths
from yolops.datasets.tally import BITS
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from yolops.datasets.description import Dataset

# Images in a portion: enough for arrays to pay, and so few that at the end no process waits long for another.
PORTION = {Level.QUICK: 256, Level.DEFAULT: 64, Level.DEEP: 64}
# Up to this many images, starting processes takes longer than it saves.
ALONE = {Level.QUICK: 4096, Level.DEFAULT: 512, Level.DEEP: 256}
Result = TypeVar("Result")
Summary = TypeVar("Summary")


class Images:
    """All images of a dataset, sorted and each once, and what is known of each: about 140 bytes for each.

    Attributes:
        paths: their paths.
        membership: shape (n,), uint8: the bits of the splits each is in.
        digests, thumbnails, flags: as in `Content`, once they are read.

    Args:
        dataset: what `read_dataset` returned.
        level: how closely they are to be looked at.
    """

    def __init__(self, dataset: Dataset, level: Level) -> None:
        self.paths = ImagePaths(chain.from_iterable(members.names for members in dataset.splits.values())).names
        self.membership = _membership(self.paths, dataset)
        count = len(self.paths)
        deep = 0 if level is Level.QUICK else count
        self.digests = np.empty((deep, 2, DIGEST_BYTES), np.uint8)
        self.thumbnails = np.empty((deep, THUMBNAIL_BYTES), np.uint8)
        self.flags = np.empty(count, np.uint8)
        self._classes = len(dataset.names)
        self._level = level

    @property
    def hashed(self) -> NDArray[np.bool_]:
        """Of each, whether there is a digest: shape (n,)."""
        return (self.flags & IS_HASHED) > 0

    def read(
        self,
        sum_up: Callable[[Content], Summary],
        add: Callable[[int, Summary], None],
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Read all images and their labels, each file once.

        Args:
            sum_up: what else is made of a portion; it is sent to other processes.
            add: called in this thread with what came out, in the order of the images: first with the row of the
                portion's first image.
            progress: called in this thread after every portion with how many images are done, and of how many.

        Raises:
            YolopsError: a process was killed, or a decoder crashed it.
        """
        work = partial(_summed_up, classes=self._classes, level=self._level, sum_up=sum_up)
        first = 0
        # Closed at once when something ends the loop early, so that no process goes on.
        with closing(self._side_by_side(work)) as portions:
            for digests, thumbnails, flags, summary in portions:
                end = first + len(flags)
                self.flags[first:end] = flags
                if len(self.digests):
                    self.digests[first:end] = digests
                    self.thumbnails[first:end] = thumbnails
                add(first, summary)
                first = end
                if progress:
                    progress(first, len(self.paths))

    def _tasks(self) -> Iterator[Task]:
        portion = PORTION[self._level]
        for start in range(0, len(self.paths), portion):
            yield Task(self.paths[start : start + portion], self.membership[start : start + portion])

    def _side_by_side(self, work: Callable[[Task], Result]) -> Generator[Result]:
        """Have portions read in as many processes as there are processors; yield what they return, in order."""
        if len(self.paths) <= ALONE[self._level]:
            yield from map(work, self._tasks())
            return
        processes = os.cpu_count() or 1
        others = set(multiprocessing.active_children())
        # Not forked: a progress bar's thread may hold a lock at that moment, which its copy would never get.
        pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _leave_ctrl_c_to_the_parent)
        waiting: deque[Future[Result]] = deque()
        rest = self._tasks()
        try:
            while True:
                waiting.extend(pool.submit(work, task) for task in islice(rest, 3 * processes - len(waiting)))
                if not waiting:
                    break
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise YolopsError(
                "a process that reads images was ended from outside: the memory may be full, or a decoder crashed",
                "free memory, or find the image with --quick, which decodes none",
            ) from error
        except BaseException:
            # Ctrl-C does not wait until they have done what they were given.
            for process in set(multiprocessing.active_children()) - others:
                process.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _summed_up(
    task: Task, *, classes: int, level: Level, sum_up: Callable[[Content], Summary]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], Summary]:
    content = read_portion(task, classes=classes, level=level)
    return content.digests, content.thumbnails, content.flags, sum_up(content)


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _membership(paths: tuple[str, ...], dataset: Dataset) -> NDArray[np.uint8]:
    membership = np.zeros(len(paths), np.uint8)
    for split, members in dataset.splits.items():
        position = 0
        for name in members.names:  # both are sorted, so one walk finds them
            while paths[position] != name:
                position += 1
            membership[position] |= BITS[split]
    return membership
