"""How every connection to the database is made: with the password that the secret holds now.

The password stands in no address, file or environment. When the database refuses it, the secret is read again: a
password that was rotated is picked up by the next new connection, and connections that are open stay open.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from yolops_server.settings import fetch_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops_server.settings import Settings

# ER_ACCESS_DENIED_ERROR
DENIED = 1045
# Rotation changes secret and database one after the other: in between both passwords may be refused.
TRIES, PAUSE_S = 10, 0.5
CONNECT_PATIENCE_S = 10


class Login:
    """The password of the database.

    Args:
        fetch: returns it as the secret holds it now.
        password: what it was when the process started.
    """

    def __init__(self, fetch: Callable[[], str], password: str) -> None:
        self._fetch = fetch
        self._password = password
        self._lock = threading.Lock()

    def connect(self, attempt: Callable[[str], Any], *, pause: Callable[[float], None]) -> Any:
        """Return what an attempt with the password returns.

        Args:
            attempt: connects with the password that it is given; raises what has an error number first in its `args`.
            pause: waits for some seconds.
        """
        for left in reversed(range(TRIES)):
            tried = self._password
            try:
                return attempt(tried)
            except Exception as error:
                if not left or not error.args or error.args[0] != DENIED:
                    raise
            self._refresh(tried)
            if self._password == tried:
                pause(PAUSE_S)
        raise AssertionError("unreachable")

    def _refresh(self, refused: str) -> None:
        with self._lock:
            if self._password == refused:  # another thread may have been here
                self._password = self._fetch()


def install(settings: Settings, password: str, patience_s: int | None = None) -> None:
    """Have every engine of SQLAlchemy in this process log in to the database of the settings this way.

    Args:
        settings: the settings of the server.
        password: what the secret held when the process started.
        patience_s: for how many seconds the database may be silent before a connection counts as lost; None for ever,
            as a change of a large table takes. A host that vanishes says nothing, and TCP alone gives it minutes.
    """
    import time

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from yolops_server.connection import QuietConnection

    login = Login(lambda: fetch_secret(settings).password, password)
    limits = {"connect_timeout": CONNECT_PATIENCE_S, "read_timeout": patience_s, "write_timeout": patience_s}

    @event.listens_for(Engine, "do_connect")
    def _connect(_: Any, __: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        if options.get("host") != settings.database:
            return None
        return login.connect(
            lambda current: QuietConnection(*arguments, **{**options, **limits, "password": current}), pause=time.sleep
        )
