"""A DNS server on loopback, UDP and TCP on one port, that misbehaves as it is told.

A behaviour gets an `Asked` and does with it what it wants: reply, reply twice, from elsewhere, later, never.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Literal

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from vedette.checks.model import Endpoint


class Asked:
    """One query, and the ways to answer it."""

    def __init__(
        self,
        wire: bytes,
        transport: Literal["udp", "tcp"],
        reply: Callable[[bytes], None],
    ) -> None:
        self.server: DnsServer
        self.wire = wire
        self.transport = transport
        self.reply = reply
        self.message = dns.message.from_wire(wire)
        self.client: tuple[str, int] = ("", 0)
        self.hang_up: Callable[[], None] = lambda: None  # TCP
        self.say: Callable[[bytes], None] = lambda raw: None  # TCP, without a length

    @property
    def name(self) -> str:
        return self.message.question[0].name.to_text()

    def response(self, *records: str, rcode: int = dns.rcode.NOERROR, flags: int = 0) -> bytes:
        """A response with *records*, "owner ttl type data", "@" for the asked name, in the answer section."""
        response = dns.message.make_response(self.message, recursion_available=True)
        response.flags |= flags
        response.set_rcode(dns.rcode.Rcode(rcode))
        for record in records:
            owner, ttl, rdtype, data = record.split(maxsplit=3)
            owner = self.name if owner == "@" else owner
            response.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", rdtype, data))
        return response.to_wire(max_size=65535)


Behaviour = Callable[[Asked], None]


def records(*texts: str, flags: int = 0) -> Behaviour:
    return lambda asked: asked.reply(asked.response(*texts, flags=flags))


def rcode(code: int) -> Behaviour:
    return lambda asked: asked.reply(asked.response(rcode=code))


GOOD = "@ 60 A 192.0.2.1"
healthy = records(GOOD)
nodata = records()
nxdomain = rcode(dns.rcode.NXDOMAIN)
servfail = rcode(dns.rcode.SERVFAIL)
refused = rcode(dns.rcode.REFUSED)
dangling = records("@ 60 CNAME gone.cdn.example.net.")


def silent(asked: Asked) -> None:
    """Says nothing."""


def truncated(asked: Asked) -> None:
    """TC and nothing else over UDP; the answer over TCP."""
    if asked.transport == "udp":
        asked.reply(asked.response(flags=dns.flags.TC))
    else:
        healthy(asked)


def wrong_id(asked: Asked) -> None:
    wire = asked.response("@ 60 A 203.0.113.66")
    asked.reply(bytes([wire[0] ^ 0xFF]) + wire[1:])


def wrong_question(asked: Asked) -> None:
    other = dns.message.make_query("other.example.org.", "A", id=asked.message.id)
    response = dns.message.make_response(other)
    response.answer.append(dns.rrset.from_text("other.example.org.", 60, "IN", "A", "203.0.113.66"))
    asked.reply(response.to_wire())


def wrong_case(asked: Asked) -> None:
    wire = asked.response("@ 60 A 203.0.113.66")
    end = 12 + len(asked.message.question[0].name.to_wire())
    asked.reply(wire[:12] + wire[12:end].swapcase() + wire[end:])


def bare(asked: Asked) -> None:
    """FORMERR in a header alone, as a server that cannot read EDNS may say it."""
    asked.reply(asked.wire[:2] + b"\x80\x01" + bytes(8))


def own_question(asked: Asked) -> None:
    """The query itself comes back: the QR bit is clear."""
    asked.reply(asked.wire)


def wrong_port(asked: Asked) -> None:
    """A perfect answer, from another port of the same host."""
    asked.server.elsewhere.sendto(asked.response("@ 60 A 203.0.113.66"), asked.client)


def garbage(asked: Asked) -> None:
    asked.reply(b"\x00")
    asked.reply(bytes(range(256)))


def empty(asked: Asked) -> None:
    asked.reply(b"")


def oversized(asked: Asked) -> None:
    """Far more over UDP than was asked for: 600 records, about 9,600 bytes."""
    asked.reply(asked.response(*(f"@ 60 A 10.0.{n >> 8}.{n & 255}" for n in range(600))))


def cut_off(asked: Asked) -> None:
    """The right header and question, then half a record."""
    asked.reply(asked.response(GOOD)[:-7])


def pointer_loop(asked: Asked) -> None:
    """An owner that points to itself."""
    head = _head(asked, 1)
    asked.reply(head + (0xC000 | len(head)).to_bytes(2, "big") + b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4")


def pointer_bomb(asked: Asked) -> None:
    """Over TCP, 64 KiB of CNAMEs, each reached through the longest chain of pointers that fits."""
    head = _head(asked, 0)
    start = len(head)
    chain = b"".join((0xC000 | start + 2 * n - 2 if n else 0xC00C).to_bytes(2, "big") for n in range(2000))
    owner = (0xC000 | start + 10 + 2 * 1999).to_bytes(2, "big")
    first = b"\0" + struct.pack(">HHIH", 10, 1, 0, len(chain)) + chain  # NULL at the root: opaque data
    one = owner + struct.pack(">HHIH", 5, 1, 60, 2) + owner
    count = (65535 - start - len(first)) // len(one)
    wire = _head(asked, count + 1) + first + one * count
    asked.reply(wire)


def spelled_out_bomb(asked: Asked) -> None:
    """Over TCP, as many A records as fit, none of whose owners is compressed."""
    head = _head(asked, 0)
    one = head[12:-4] + struct.pack(">HHIH", 1, 1, 60, 4) + b"\xc0\0\2\1"
    count = (65535 - len(head)) // len(one)
    asked.reply(_head(asked, count) + one * count)


def label_bomb(asked: Asked) -> None:
    """Over TCP, an owner of 32,700 labels."""
    asked.reply(_head(asked, 1) + b"\1a" * 32700 + b"\0" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\xc0\0\2\1")


def text_bomb(asked: Asked) -> None:
    """Over TCP, as many records as dnspython is trusted with, each of 63-byte labels and pointers to them."""
    longest = ".".join("x" * 63 for _ in range(3))
    asked.reply(asked.response(*(f"@ 60 MX {n} {n}.{longest}." for n in range(79))))


def after(*behaviours: Behaviour) -> Behaviour:
    """One after the other, each at once."""

    def all_of_them(asked: Asked) -> None:
        for behaviour in behaviours:
            behaviour(asked)

    return all_of_them


def late(seconds: float, behaviour: Behaviour = healthy) -> Behaviour:
    return lambda asked: asked.server.later(seconds, behaviour, asked)


def only(
    transport: Literal["udp", "tcp"], behaviour: Behaviour, otherwise: Behaviour = truncated
) -> Behaviour:
    return lambda asked: (behaviour if asked.transport == transport else otherwise)(asked)


def _head(asked: Asked, answers: int) -> bytes:
    """Header and question of a response that claims *answers* records and nothing else."""
    end = 12 + len(asked.message.question[0].name.to_wire()) + 4
    return asked.wire[:2] + b"\x81\x80\0\1" + answers.to_bytes(2, "big") + bytes(4) + asked.wire[12:end]


class DnsServer:
    """Answers as `behaviour` says; keeps what it was asked."""

    def __init__(self, behaviour: Behaviour, address: str, port: int) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self.elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.elsewhere.bind(("127.0.0.1", 0))
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        self._listener, self._udp = _sockets_on_one_port(address, port)
        self._streams: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None
        self._loop.add_reader(self._udp, self._datagram)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(*self._udp.getsockname()[:2])

    async def open(self) -> None:
        self._server = await self._loop.create_server(lambda: _Connection(self), sock=self._listener)

    async def close(self) -> None:
        """Closing twice is allowed."""
        if self._udp.fileno() < 0:
            return
        for timer in self._timers:
            timer.cancel()
        for stream in set(self._streams):
            stream.abort()
        self._loop.remove_reader(self._udp)
        self._udp.close()
        self.elsewhere.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def close_tcp(self) -> None:
        """From now on TCP is refused."""
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def later(self, seconds: float, behaviour: Behaviour, asked: Asked) -> None:
        self._timers.append(self._loop.call_later(seconds, behaviour, asked))

    def take(self, asked: Asked) -> None:
        asked.server = self
        self.asked.append(asked)
        self.behaviour(asked)

    def _datagram(self) -> None:
        wire, client = self._udp.recvfrom(65535)
        asked = Asked(wire, "udp", lambda reply: self._send(reply, client))
        asked.client = client
        self.take(asked)

    def _send(self, reply: bytes, client: tuple[str, int]) -> None:
        if self._udp.fileno() >= 0:
            self._udp.sendto(reply, client)


class _Connection(asyncio.Protocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server._streams.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._streams.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if len(self._data) < 2 or len(self._data) < 2 + int.from_bytes(self._data[:2], "big"):
            return
        wire, self._data = self._data[2:], b""
        asked = Asked(
            wire,
            "tcp",
            lambda reply: self._transport.write(len(reply).to_bytes(2, "big") + reply),
        )
        asked.hang_up = self._transport.close
        asked.say = self._transport.write
        self._server.take(asked)


def _sockets_on_one_port(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """TCP and UDP on the same port: free for one may be taken for the other."""
    while True:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family)
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            udp.bind(listener.getsockname())
        except OSError:
            listener.close()
            udp.close()
            if port:
                raise
            continue
        listener.setblocking(False)
        udp.setblocking(False)
        return listener, udp


@contextmanager
def refusing(address: str = "127.0.0.1") -> Iterator[Endpoint]:
    """A port that nobody can take and that answers every datagram with port unreachable.

    A free port might be taken meanwhile, even by the client. This one is bound, to a socket that is connected
    elsewhere: for anybody else the kernel finds no listener.
    """
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((address, 0))
        taken.connect((address, 9))
        yield Endpoint(*taken.getsockname()[:2])


@asynccontextmanager
async def dns_server(
    behaviour: Behaviour = healthy, address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[DnsServer]:
    server = DnsServer(behaviour, address, port)
    await server.open()
    try:
        yield server
    finally:
        await server.close()
