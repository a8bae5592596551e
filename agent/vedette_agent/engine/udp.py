"""DNS over UDP on a few shared sockets: no socket, task or timer per query.

A shared port would leave an off-path attacker with only the id to guess. So there are several sockets in
turn, each is replaced after a few queries or seconds (what is still awaited on an old one keeps it open),
and a datagram settles a query only when address, port, id, question and letter case are all those of the
query. Anything else is ignored and counted against the query that it pretends to answer.

A server that does not repeat the letter case of the question, against RFC 1035 and what resolvers in the
field rely on, is therefore never heard: its probes end in a timeout whose text names the case. To accept
such answers would give the attacker back what the case takes from him.
"""

import asyncio
import socket
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from vedette.checks.model import Endpoint, Family
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import is_answer, is_bare, rcode_text
from vedette_agent.engine import stamps
from vedette_agent.engine.datagrams import READS, StampedSocket
from vedette_agent.engine.hostfiles import OwnServer
from vedette_agent.engine.icmperror import path_error, send_again
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.quoted import is_proof
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.engine.run import Disarm, Run
from vedette_agent.engine.sockaddr import Address, socket_address

if TYPE_CHECKING:
    from vedette_agent.engine.shot import Shot

SOCKETS = 4  # in turn, per family
QUERIES = 64  # per socket; so this is also the most that can be pending on one
AGE = 10.0  # seconds after which a socket takes no new query
_PROOF = 2  # bytes of a query: its id. Who quotes them in an ICMP error saw it
MAX_DATAGRAM = 4096  # more than three times what we offer to take; a longer one arrives cut and is malformed


class Unanswered(Exception):
    """No answer within this question's share of the time; the probe itself has time left."""


class Exchange:
    """One query in flight, then its answer. Once it is over it may be sent again."""

    __slots__ = (
        "_family",
        "_pool",
        "_shares",
        "_socket",
        "_timer",
        "address",
        "complaint",
        "is_kernel_timed",
        "query",
        "run",
        "seconds",
        "sent",
        "server",
        "strangers",
        "unproven",
        "watch",
        "wire",
    )

    def __init__(self, pool: "UdpPool", server: Endpoint, query: Query, shares: int) -> None:
        """Raises OSError if *server* has no literal address."""
        self._pool = pool
        self._family: Family = 6 if ":" in server.address else 4
        self._shares = shares
        self._socket: _Socket | None = None  # while it is in flight
        self._timer: asyncio.TimerHandle | None = None
        self.server = server
        self.address = socket_address(*server)
        self.query = query
        self.run: Run | Shot
        self.watch: stamps.Stopwatch
        self.sent = b""
        self.wire = b""  # the answer
        self.seconds = 0.0
        self.is_kernel_timed = False
        self.strangers = 0  # datagrams that pretended to be the answer
        self.complaint = ""  # what was wrong with the last of them
        self.unproven: ProbeFailed | None = None  # what an ICMP error means that may be forged

    def send(self, run: "Run | Shot") -> None:
        """The run is resumed with this exchange, or sees ProbeFailed. Raises OSError: no socket, not sent."""
        self.run = run
        self.wire = b""
        self.unproven = None
        sock = self._pool.socket(self._family)
        sock.send(self)
        self._socket = sock

    def arm(self, run: Run) -> Disarm:
        """Send, or go on with what was sent. The run may see Unanswered as well."""
        if self._socket is None:
            self.send(run)
        self.run = run
        run.record.note("dns.query", self.sent, at=self.watch.started)
        if self._shares > 1:
            loop = self._pool.loop
            share = (run.deadline - loop.time()) / self._shares
            self._timer = loop.call_later(share, run.throw, Unanswered())
        return self.disarm

    def disarm(self) -> None:
        if self._socket is not None:
            self._socket.forget(self)
            self._socket = None
        if self._timer is not None:
            self._timer.cancel()

    def settle(self, wire: bytes, rx: int) -> None:
        self.seconds, self.is_kernel_timed = self.watch.stop(rx)
        self.wire = wire
        self.run.resume(self)

    def complaint_about(self, wire: bytes, address: Address) -> str:
        """Why *wire* from *address* is not the answer; "" if it is."""
        if address != self.address:
            return f"came from {Endpoint(*address[:2])}"
        if wire[:2] != self.sent[:2]:
            return "has another id"
        end = self.query.end
        if is_answer(wire, self.sent, end):
            return ""
        if wire[12:end].lower() == self.sent[12:end].lower() and wire[12:end] != self.sent[12:end]:
            return "does not repeat the letter case of the question"
        if is_bare(wire):
            return f"says {rcode_text(wire[3] & 0x0F)} without the question"
        return "is not an answer to the question"

    def is_imitated_by(self, wire: bytes, address: Address) -> bool:
        """Whether *wire*, whose id is that of no query, has the question or the sender of this one."""
        end = self.query.end
        return address == self.address or wire[12:end].lower() == self.sent[12:end].lower()

    @property
    def question(self) -> tuple[Address, bytes, int]:
        return self.address, self.sent, self.query.end

    def is_proven_by(self, notice: stamps.Notice) -> bool | None:
        """Whether the error is surely about this query; None: it is not."""
        if notice.address[:2] != self.address[:2]:
            return None
        return is_proof(notice.quote, self.sent, _PROOF)


class _Socket(StampedSocket):
    """One local port, until its last pending query ends."""

    __slots__ = ("_given_up", "_pending", "born", "sent")

    def __init__(self, loop: asyncio.AbstractEventLoop, family: Family, source: str | None) -> None:
        super().__init__(loop)
        self.born = monotonic()
        self._pending: dict[bytes, Exchange] = {}
        # By id: where it went, its bytes and the end of its question. A socket has few queries in all.
        self._given_up: dict[bytes, tuple[Address, bytes, int]] = {}
        self.sent = 0
        self.sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.sock.setblocking(False)
            stamps.enable(self.sock)
            if source is not None:
                self.sock.bind(socket_address(source, 0))
        except BaseException:
            self.sock.close()
            raise
        # Not the socket: for that one the loop would look up its names, to tell of them in no error.
        loop.add_reader(self.sock.fileno(), self._readable)

    def send(self, exchange: Exchange) -> None:
        pending = self._pending
        address, query = exchange.address, exchange.query
        wire = query.draw()
        while wire[:2] in pending or wire[:2] in self._given_up:
            wire = query.draw()
        exchange.sent = wire
        exchange.watch = stamps.Stopwatch()
        try:
            self.sock.sendto(wire, address)
        except OSError:
            # Kernels before 6.7 have numbered what they did not send, so this one comes without a stamp,
            # and no other query follows it here.
            self.sent = QUERIES
            exchange.watch = stamps.Stopwatch()
            send_again(self.sock, wire, address)
            pending[wire[:2]] = exchange
            return
        pending[wire[:2]] = exchange
        key, self.sent = self.sent, self.sent + 1
        found = stamps.departure(self.sock, key)
        if type(found) is int:
            exchange.watch.tx = found
        else:
            self._await_stamp(exchange, key, found)

    def forget(self, exchange: Exchange) -> None:
        was_sent = self._pending.pop(exchange.sent[:2], None)
        if was_sent is not None and not exchange.wire:
            self._given_up[exchange.sent[:2]] = exchange.question
        if self._late:
            self._forget_late(exchange)

    def close_if_idle(self) -> bool:
        if self._pending:
            return False
        self.close()
        return True

    def _readable(self) -> None:
        receive, pending = self.sock.recvmsg, self._pending
        for number in range(READS):
            try:
                wire, ancillary, _, address = receive(MAX_DATAGRAM, stamps.ANCILLARY_BYTES)
            except OSError:  # nothing more, or an ICMP error whose details are on the error queue
                if number == 0:
                    self._take_notices()
                return
            exchange = pending.get(wire[:2])
            if exchange is not None and not exchange.watch.tx:
                self._take_notices()  # the stamp may wait there; so may the end of this very query
                exchange = pending.get(wire[:2])
            if (
                exchange is not None
                and address == exchange.address
                and is_answer(wire, exchange.sent, exchange.query.end)
            ):
                exchange.settle(wire, stamps.received_at(ancillary))
            else:
                self._blame(wire, address)
            if not pending:
                return  # the loop calls again if there is more

    def _blame(self, wire: bytes, address: Address) -> None:
        """Count a datagram that is no answer against the query that it pretends to answer, if any."""
        exchange = self._pending.get(wire[:2])
        if exchange is None:
            if self._is_late_answer(wire, address):
                return
            imitated = (each for each in self._pending.values() if each.is_imitated_by(wire, address))
            exchange = next(imitated, None)
        if exchange is not None:
            exchange.strangers += 1
            exchange.complaint = exchange.complaint_about(wire, address)
            exchange.run.record.note("dns.stranger", wire)

    def _is_late_answer(self, wire: bytes, address: Address) -> bool:
        """Whether *wire* answers a query that was given up: its server is slow, and nobody forges."""
        where, sent, end = self._given_up.get(wire[:2], (None, b"", 0))
        return address == where and is_answer(wire, sent, end)

    def _take_error(self, notice: stamps.Notice) -> None:
        for each in tuple(self._pending.values()):
            proven = each.is_proven_by(notice)
            if proven:
                each.run.throw(path_error(notice))
                return
            if proven is not None:  # which query it is about it does not say: any that went there
                each.unproven = path_error(notice)


class UdpPool:
    """The sockets of both families."""

    __slots__ = ("_old", "_policy", "_slots", "_source", "_turn", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, source: Mapping[Family, str], policy: Policy) -> None:
        self.loop = loop
        self._policy = policy
        self._source = source
        self._slots: dict[Family, list[_Socket | None]] = {4: [None] * SOCKETS, 6: [None] * SOCKETS}
        self._old: list[_Socket] = []  # they take no new query and close when none is pending
        self._turn = 0

    def exchange(self, server: Endpoint, query: Query, shares: int = 1) -> Exchange:
        """A query for *server*, to be sent by arming it. Raises ProbeSpoiled(policy).

        The policy of a pool never changes, so what may be sent once may be sent again.
        """
        if not isinstance(server, OwnServer):
            self._policy.check(server.address)
        return Exchange(self, server, query, shares)

    def socket(self, family: Family) -> _Socket:
        """For the next query. Raises OSError when no socket can be had."""
        self._turn = turn = (self._turn + 1) % SOCKETS
        slots = self._slots[family]
        sock = slots[turn]
        if sock is None or sock.sent >= QUERIES or monotonic() - sock.born > AGE:
            if sock is not None:
                slots[turn] = None
                self._old.append(sock)
            self._old = [each for each in self._old if not each.close_if_idle()]
            sock = slots[turn] = _Socket(self.loop, family, self._source.get(family))
        return sock

    def close(self) -> None:
        for sock in (*self._slots[4], *self._slots[6], *self._old):
            if sock is not None:
                sock.close()
        self._slots = {4: [None] * SOCKETS, 6: [None] * SOCKETS}
        self._old = []
