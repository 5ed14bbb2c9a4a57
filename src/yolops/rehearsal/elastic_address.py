"""Elastic IPs: connections to an address in 127.77/16 of this machine go on to the instance, if its firewall lets them.

Only ports that a security group opens to somebody outside the VPC are there. A port that a program of this machine has
on all its addresses cannot be had; that is said in the log, and the instance is not reached there.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from yolops.rehearsal.log import log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yolops.rehearsal.network_namespace import NetworkNamespace

CHUNK = 1 << 18
CONNECT_PATIENCE_S = 10.0
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Door:
    """One port of an Elastic IP.

    Attributes:
        public: the Elastic IP.
        port: the port.
        private: the instance's own address.
    """

    public: str
    port: int
    private: str


class ElasticAddresses:
    """Hands connections on, all in one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="elastic addresses", daemon=True)
        self._open: dict[Door, asyncio.Server] = {}
        self._refused: set[Door] = set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def converge(self, wanted: Mapping[Door, NetworkNamespace]) -> None:
        """Open and close doors until those that are open are those that are wanted."""
        asyncio.run_coroutine_threadsafe(self._converge(dict(wanted)), self._loop).result(PATIENCE_S)

    def stop(self) -> None:
        """Close every door, and end."""
        self.converge({})
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _converge(self, wanted: Mapping[Door, NetworkNamespace]) -> None:
        for door in [door for door in self._open if door not in wanted]:
            self._open.pop(door).close()
        self._refused &= wanted.keys()
        for door, namespace in wanted.items():
            if door not in self._open and door not in self._refused:
                try:
                    self._open[door] = await asyncio.start_server(
                        partial(_hand_on, door=door, namespace=namespace),
                        door.public,
                        door.port,
                    )
                except OSError as error:
                    self._refused.add(door)
                    log(f"{door.public}:{door.port} cannot be had: {error.strerror}")


async def _hand_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Door, namespace: NetworkNamespace
) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.closing(writer), contextlib.suppress(OSError):
        inside = namespace.tcp_socket()
        inside.settimeout(0)  # which asyncio demands
        try:
            await asyncio.wait_for(loop.sock_connect(inside, (door.private, door.port)), CONNECT_PATIENCE_S)
            their_reader, their_writer = await asyncio.open_connection(sock=inside)
        except BaseException:
            inside.close()
            raise
        with contextlib.closing(their_writer):
            await asyncio.gather(_copy(reader, their_writer), _copy(their_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side has said everything, and tell the other."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
