"""Many requests at once, or one look at everything: whoever looks waits until no request is under way."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Turns:
    """Keeps requests and looks apart, and counts what may have changed something."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._requests = 0
        self.changes = 0

    def changed(self) -> None:
        """Take note that something may be different now."""
        self.changes += 1

    @contextmanager
    def request(self) -> Iterator[None]:
        """Be one request of many."""
        with self._free:
            self._requests += 1
        try:
            yield
        finally:
            with self._free:
                self._requests -= 1
                self._free.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one: requests that come meanwhile wait."""
        with self._free:
            self._free.wait_for(lambda: self._requests == 0)
            yield
