"""When the simulated AWS is written down: soon after it has changed, and never in the middle of a change."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yolops.rehearsal import snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.rehearsal.turns import Turns

# A snapshot is made when nothing has changed for this long, or has changed for so long.
QUIET_S = 1.0
OVERDUE_S = 10.0


@dataclass
class Saver:
    """Saves what changed, soon, but not in the middle of a busy time.

    Attributes:
        file: the snapshot.
        turns: keeps requests away meanwhile.
    """

    file: Path
    turns: Turns
    saved: int = 0
    seen: int = 0
    first: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)

    def __call__(self) -> None:
        """Save if it is time to."""
        now = time.monotonic()
        if self.turns.changes == self.saved:
            self.first = now
        if self.turns.changes != self.seen:
            self.seen, self.last = self.turns.changes, now
        if self.seen != self.saved and (now - self.last > QUIET_S or now - self.first > OVERDUE_S):
            self.save()

    def save(self) -> None:
        """Save now."""
        with self.turns.alone():
            self.saved = self.turns.changes
            try:
                snapshot.save(self.file)
            except Exception:  # noqa: BLE001 - the last good one stays, and the log says why
                traceback.print_exc()
