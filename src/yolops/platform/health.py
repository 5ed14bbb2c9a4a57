"""What can be seen of a local server from outside: its process lives, it listens on its port, and it answers."""

from __future__ import annotations

import ssl
import urllib.request
from typing import TYPE_CHECKING

from yolops import running_processes
from yolops.platform.ports import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path

    from yolops.platform.server_record import ServerRecord

HEALTH_PATIENCE_S = 3.0


def address(port: int, host: str = LOOPBACK) -> str:
    """Return the address of the server on a port of this machine."""
    return f"http://{host}:{port}"


def is_alive(record: ServerRecord) -> bool:
    """Return whether the recorded process runs; a later one with its number does not count."""
    return record.process is not None and running_processes.is_running(record.process)


def listens(record: ServerRecord) -> bool:
    """Return whether the recorded process, or one it started, has the recorded port."""
    return record.process is not None and running_processes.listens_on(record.process, record.port)


def answers(record: ServerRecord) -> bool:
    """Return whether the recorded process itself answers, rather than whatever else has its port by now."""
    return is_alive(record) and listens(record) and is_healthy(address(record.port))


def is_healthy(url: str, authority: Path | None = None) -> bool:
    """Return whether whatever is at an address says that it is well.

    Args:
        url: the address.
        authority: the certificates that its own is checked with, if it speaks TLS.
    """
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]  # no proxy reaches this loopback
    if authority is not None:
        if not authority.exists():
            return False
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(authority))))
    direct = urllib.request.build_opener(*handlers)
    try:
        with direct.open(f"{url}/health", timeout=HEALTH_PATIENCE_S) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False
