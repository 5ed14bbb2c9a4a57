"""A connection to MySQL that says no more than the database has to hear: each word costs a way there and back.

SQLAlchemy asks before each use whether the connection still lives, and ends each with a ROLLBACK, whether something is
open or not. Both are known here without asking, or are asked all the same.
"""

from __future__ import annotations

import select
import time
from contextlib import contextmanager, suppress
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any

from pymysql.connections import Connection
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from pymysql.err import Error

if TYPE_CHECKING:
    from collections.abc import Iterator

# For so long after its last use a connection that was not closed is taken to live. A host that vanishes closes none.
FRESH_S = 1.0


class QuietConnection(Connection):  # type: ignore[misc]
    """A connection of PyMySQL.

    Attributes:
        is_open: whether a transaction may be open. MySQL says it when it has done what it was told. Rows come without
            that word, and an error too: whoever reads sees from then on what was there at that moment.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.is_open = False
        self._used = 0.0
        # Of whoever says something, and of the thread that does while nobody else does.
        self._turn = RLock()
        super().__init__(*arguments, **options)

    def query(self, sql: Any, unbuffered: bool = False) -> Any:  # noqa: FBT001, FBT002 - as PyMySQL has it
        """Send a statement."""
        with self._turn:
            was_open, self.is_open = self.is_open, True
            answer = super().query(sql, unbuffered)
            self._used = time.monotonic()
            said = self._result.server_status
            # Where each statement is a transaction of its own, one that reads opens none.
            may_be_open = was_open or not self.get_autocommit()
            self.is_open = may_be_open if said is None else bool(said & SERVER_STATUS_IN_TRANS)
            return answer

    def commit(self) -> None:
        """End the transaction, if there may be one."""
        with self._turn:
            if self.is_open:
                super().commit()
                self.is_open = False

    def rollback(self) -> None:
        """Undo the transaction, if there may be one."""
        with self._turn:
            if self.is_open:
                super().rollback()
                self.is_open = False

    def ping(self, reconnect: bool = False) -> None:  # noqa: FBT001, FBT002 - as PyMySQL has it
        """Make sure that it lives, by asking only if it was closed or has not been used lately."""
        with self._turn:
            if time.monotonic() - self._used > FRESH_S or self._was_closed():
                super().ping(reconnect)

    @contextmanager
    def ended_when_silent(self, silence_s: int) -> Iterator[None]:
        """Have the database end this connection when it hears nothing for some seconds, which it does not meanwhile.

        Args:
            silence_s: how many seconds.
        """
        with self.cursor() as cursor:
            cursor.execute("SET wait_timeout = %s", (silence_s,))
        left = Event()

        def speak() -> None:
            # That it was ended all the same, whoever uses it next is told.
            with suppress(Error):
                while not left.wait(silence_s / 4):
                    self.ping()

        speaker = Thread(target=speak, daemon=True)
        speaker.start()
        try:
            yield
        finally:
            left.set()
            speaker.join()

    def _was_closed(self) -> bool:
        """Return whether there is something to read, which the end is; an answer has been read by now."""
        if self._sock is None:
            return True
        waiting = select.poll()
        waiting.register(self._sock, select.POLLIN)
        return bool(waiting.poll(0))
