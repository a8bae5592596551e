"""A name server of the demo on UDP and TCP, on one port of loopback."""

import asyncio
import contextlib
import errno
import random
import socket
from collections.abc import Mapping
from functools import lru_cache

import dns.exception
import dns.message

from vedette.errors import VedetteError
from vedette.up.ports import LOOPBACK
from vedette.up.world.breaks import Fault
from vedette.up.world.listener import Listener, Serve, source_of
from vedette.up.world.network import Network
from vedette.up.world.zone import answer

_HEADER_BYTES = 12
_QUERY_BYTES = 4096  # no query of this world comes near
_IDLE_SECONDS = 10.0
_PORT_ATTEMPTS = 20
_DATAGRAMS_AT_ONCE = 64
_REMEMBERED = 1024  # answers


class NameServer:
    """Answers from the zone as it is, or as `faults` bends it: a fault and its share of the questions."""

    def __init__(self, network: Network, name: str) -> None:
        self._network = network
        self._draws = random.Random(name)  # noqa: S311  # which questions a fault meets is no secret
        self.faults: dict[str, tuple[Fault, float]] = {}
        self._listener, self._datagrams = _pair(self._serve)
        self.port = self._listener.port

    async def open(self) -> None:
        await self._listener.open()
        asyncio.get_running_loop().add_reader(self._datagrams, self._answer_datagrams)

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._datagrams)
        self._datagrams.close()
        await self._listener.close()

    def _answer_datagrams(self) -> None:
        with contextlib.suppress(OSError):  # none is left, or its sender cannot be reached
            for _ in range(_DATAGRAMS_AT_ONCE):
                data, source = self._datagrams.recvfrom(_QUERY_BYTES + 1)
                if len(data) > _QUERY_BYTES or self._network.loses(source[0]):
                    continue
                wire = _reply(data, self._drawn(), 512)
                if wire is not None:
                    self._datagrams.sendto(wire, source)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """RFC 7766: one query after the other, each behind its length."""
        while True:
            async with asyncio.timeout(_IDLE_SECONDS):
                length = int.from_bytes(await reader.readexactly(2), "big")
                if length > _QUERY_BYTES:
                    return
                query = await reader.readexactly(length)
            await self._network.pass_through(source_of(writer))
            wire = _reply(query, self._drawn(), 65535)
            if wire is None:
                return
            writer.write(len(wire).to_bytes(2, "big") + wire)
            await writer.drain()

    def _drawn(self) -> dict[str, Fault]:
        """The faults that the next question meets."""
        return {name: fault for name, (fault, share) in self.faults.items() if self._draws.random() < share}


def _reply(data: bytes, faults: Mapping[str, Fault], smallest_limit: int) -> bytes | None:
    """The answer on the wire; None for what is no query."""
    name = _asked_name(data)
    end = _HEADER_BYTES + len(name)
    answered = _answered(
        data[2:_HEADER_BYTES] + name.lower() + data[end:], frozenset(faults.items()), smallest_limit
    )
    if answered is None:
        return None
    # The letters of the name come back as they were sent: agents draw their case, and compare.
    return data[:2] + answered[: _HEADER_BYTES - 2] + name + answered[end - 2 :]


@lru_cache(maxsize=_REMEMBERED)
def _answered(asked: bytes, faults: frozenset[tuple[str, Fault]], smallest_limit: int) -> bytes | None:
    """Query and answer without their id. Agents ask the same few hundred times a second."""
    try:
        query = dns.message.from_wire(b"\0\0" + asked)
        response = answer(query, dict(faults))
        return response.to_wire(max_size=max(smallest_limit, query.payload))[2:]
    except (dns.exception.DNSException, ValueError):
        return None


def _asked_name(data: bytes) -> bytes:
    """The name of the only question, as it stands on the wire (RFC 1035 3.1); empty for anything unusual."""
    if data[4:6] != b"\0\1":
        return b""
    at = _HEADER_BYTES
    while at < len(data) and 0 < data[at] < 64:
        at += 1 + data[at]
    return data[_HEADER_BYTES : at + 1] if at < len(data) and data[at] == 0 else b""


def _pair(serve: Serve) -> tuple[Listener, socket.socket]:
    """A TCP listener and a UDP socket with the same port number."""
    for _ in range(_PORT_ATTEMPTS):
        listener = Listener(serve)
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.setblocking(False)
        try:
            datagrams.bind((LOOPBACK, listener.port))
        except OSError as exc:
            datagrams.close()
            listener.abandon()
            if exc.errno != errno.EADDRINUSE:
                raise
        else:
            return listener, datagrams
    raise VedetteError("no port of 127.0.0.1 is free for both UDP and TCP")
