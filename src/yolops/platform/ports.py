"""Which port of this machine the local server may have."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOPBACK = "127.0.0.1"
# MLflow's own default, and enough room for a handful of workspaces side by side.
PREFERRED_PORTS = range(5000, 5020)
CONNECT_PATIENCE_S = 0.5


def candidate_ports(
    explicit: int | None, former: int | None, preferred: Sequence[int] = PREFERRED_PORTS
) -> tuple[int, ...]:
    """Return the ports to try, in order.

    Args:
        explicit: the port a person asked for; then no other will do.
        former: the port of the last server here, so that the address stays the same after a restart.
        preferred: the ports to try else.
    """
    if explicit is not None:
        return (explicit,)
    first = () if former is None else (former,)
    return (*first, *(port for port in preferred if port != former))


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a server could listen on this port of a loopback address."""
    # macOS lets one bind 127.0.0.1 beside a program that listens on every address, so bind alone does not tell.
    with socket.socket() as probe:
        probe.settimeout(CONNECT_PATIENCE_S)
        if probe.connect_ex((host, port)) == 0:
            return False
    with socket.socket() as probe:
        # As the server does it: otherwise a port whose last connections are still closing looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return which program listens on a port, as `name (process 123)`, or "" where the system does not tell."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listens_there = connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", None) == port
            if listens_there and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass  # macOS tells only root
    return ""
