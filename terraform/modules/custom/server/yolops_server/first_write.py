"""Before the first request that may write, an upgrade is confirmed: then there is no way back to the old tables.

Until then nothing was acknowledged that they do not hold, so a server that cannot serve after all, or shows less than
it should, can still be replaced by one of the old version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

READS = {"GET", "HEAD", "OPTIONS"}
# What MLflow is asked for by POST, since it does not fit into an address.
SEARCH = "/search"


class FirstWrite:
    """A layer of ASGI around the application.

    Args:
        application: what answers.
        confirm: is called before the first request that may write, and again if it fails.
    """

    def __init__(self, application: Any, confirm: Callable[[], None]) -> None:
        self._application = application
        self._confirm = confirm
        self._confirmed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        from anyio.to_thread import run_sync

        if not self._confirmed and may_write(scope):
            await run_sync(self._confirm)
            self._confirmed = True
        await self._application(scope, receive, send)


def may_write(scope: dict[str, Any]) -> bool:
    """Return whether a request could change something."""
    if scope["type"] == "lifespan":
        return False
    return not (scope.get("method") in READS or str(scope["path"]).endswith(SEARCH))
