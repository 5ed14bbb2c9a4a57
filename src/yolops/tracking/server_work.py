"""Waits for what the server of custom mode does in a process of its own: a backup, a restore, a trial of an upgrade."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from yolops.errors import YolopsError
from yolops.tracking.rest import LoginError

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_S = 1.0
# Seconds for which the server may not answer, as when it is started again, before nobody waits any longer.
SILENCE_S = 120.0


class Work(Protocol):
    """What the server says of it."""

    @property
    def state(self) -> str:
        """Running, done, failed or interrupted."""

    @property
    def phase(self) -> str:
        """What is being done."""


W = TypeVar("W", bound=Work)


def wait_for_end(look: Callable[[], W], say: Callable[[str], object]) -> W:
    """Return what there is to say of it once it has ended.

    Args:
        look: asks the server.
        say: is told what is being done.

    Raises:
        YolopsError: the server does not answer any more, or knows us no longer.
    """
    heard = time.monotonic()
    while True:
        try:
            found = look()
            heard = time.monotonic()
        except LoginError:
            raise  # whoever was let in after the backup is not in it
        except YolopsError:
            # While tables move an answer may fail, and a server may be started again.
            if time.monotonic() - heard > SILENCE_S:
                raise
        else:
            if found.state != "running":
                return found
            say(found.phase)
        time.sleep(POLL_S)
