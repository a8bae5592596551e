"""ICMP echoes: is the host there, how far away, and how many hops did the reply have left."""

from math import inf
from typing import Final

from vedette.checks.model import IcmpCheck
from vedette.wire.facts import Facts, IcmpFacts
from vedette.wire.failure import Failure
from vedette.wire.messages import Phase
from vedette_agent.engine.hostfiles import literal
from vedette_agent.engine.icmp import Echo, Shape
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import NotInTime, ProbeFailed, Record
from vedette_agent.engine.run import suspend
from vedette_agent.engine.shot import Shot
from vedette_agent.engine.sockaddr import socket_address
from vedette_agent.engine.train import Car, Train
from vedette_agent.outcome import microseconds

_ONE: Final = IcmpFacts(sent=1)


async def probe_icmp(check: IcmpCheck, io: Io, record: Record, sent: Echo | None = None) -> None:
    """Every echo is sent once: a lost packet is lost. Phase "rtt": the mean, of one echo its time.

    *sent*: the only echo, where it is already on its way.
    """
    address = await io.resolve(check.host, check.family, check.resolver, record)
    record.stage = "icmp"
    record.address = address
    shape = Shape(check.family, check.ttl, check.dont_fragment)
    if check.count > 1:
        await _several(check, io, record, address, shape)
        return
    record.icmp = _ONE
    record.note("icmp.sent", address, at=None if sent is None else sent.watch.started)
    echo = await io.ping(address, shape, check.payload_bytes, sent)
    record.timed(echo.is_kernel_timed)
    record.add_phase("rtt", echo.seconds)
    record.icmp = IcmpFacts(sent=1, received=1, hop_limit=echo.hop_limit)
    if check.max_rtt is not None or check.max_median is not None:
        _hold(check, max=echo.seconds, median=echo.seconds, deviation=0.0)


def aim(check: IcmpCheck, io: Io) -> "IcmpAim | None":
    """None for several echoes, and for a host whose name has to be looked up each time."""
    address = literal(check.host, check.family)
    return None if check.count > 1 or address is None else IcmpAim(check, io, address)


class IcmpAim:
    """One echo to one address."""

    phase: Phase = "rtt"

    def __init__(self, check: IcmpCheck, io: Io, address: str) -> None:
        self._io = io
        self._address = address
        self._shape = Shape(check.family, check.ttl, check.dont_fragment)
        self._size = check.payload_bytes
        allowed = [most for most in (check.max_rtt, check.max_median) if most is not None]
        self._most = min(allowed, default=inf)  # seconds
        self._hop_limit: int | None = None
        self._last: Facts | None = None

    def send(self, shot: Shot) -> Echo:
        echo = self._io.icmp.echo(self._address, self._shape, self._size)
        echo.send(shot)
        return echo

    def facts(self, sent: Echo) -> Facts | None:
        """None for a reply that came too late."""
        if sent.seconds > self._most:
            return None
        if self._last is None or self._hop_limit != sent.hop_limit:
            self._hop_limit = sent.hop_limit
            told = IcmpFacts(sent=1, received=1, hop_limit=sent.hop_limit)
            self._last = Facts(address=self._address, icmp=told)
        return self._last


async def _several(check: IcmpCheck, io: Io, record: Record, address: str, shape: Shape) -> None:
    import statistics

    sock = io.icmp.socket(address, shape)
    train = Train(io.loop, sock, socket_address(address, 0), check.payload_bytes, check.count, check.spacing)
    try:
        await suspend(train.arm)
    finally:
        record.icmp = _facts(train)
        record.note("icmp.echoes", "\n".join(map(_told, enumerate(train.sent, 1))))
    answered = [car for car in train.sent if car.is_answered]
    times = [car.seconds for car in answered]
    for car in answered:
        record.timed(car.is_kernel_timed)
    if times:
        record.add_phase("rtt", statistics.fmean(times))
    if len(train.sent) < check.count:
        raise NotInTime(Failure.ICMP_LOSS, f"time was left to send {len(train.sent)} of {check.count} echoes")
    _judge_loss(check, train)
    _hold(check, max=max(times), median=statistics.median(times), deviation=statistics.pstdev(times))


def _judge_loss(check: IcmpCheck, train: Train) -> None:
    """Raises NotInTime(icmp.*), and ProbeFailed(net.unreachable) when errors were all that came: NotInTime
    again unless they prove that every echo is lost.
    """
    complaints = [car.complaint for car in train.sent if car.complaint]
    lost = sum(not car.is_answered for car in train.sent)
    if lost <= check.max_lost:
        return
    corrupt = sum(car.corrupt for car in train.sent)
    if lost == check.count and corrupt:
        raise NotInTime(Failure.ICMP_CORRUPT, f"{corrupt} replies, all with another payload than was sent")
    if lost == check.count and complaints:
        is_sure = all(car.is_lost for car in train.sent)
        raise (ProbeFailed if is_sure else NotInTime)(Failure.NET_UNREACHABLE, complaints[-1])
    said = f"{lost} of {check.count} echoes lost, {check.max_lost} may be"
    raise NotInTime(Failure.ICMP_LOSS, "; ".join([said, *complaints[-1:]]))


def _hold(check: IcmpCheck, **seconds: float) -> None:
    """Raises ProbeFailed(icmp.slow)."""
    most = {"max": check.max_rtt, "median": check.max_median, "deviation": check.max_deviation}
    for what, took in seconds.items():
        allowed = most[what]
        if allowed is not None and took > allowed:
            said = f"round trips: {what} {took * 1e3:.3f} ms, {allowed * 1e3:g} ms allowed"
            raise ProbeFailed(Failure.ICMP_SLOW, said)


def _told(numbered: tuple[int, Car]) -> str:
    number, car = numbered
    if car.is_answered:
        return f"{number}: {car.seconds * 1e3:.3f} ms"
    return f"{number}: no reply{f', {car.complaint}' if car.complaint else ''}"


def _facts(train: Train) -> IcmpFacts:
    import statistics

    answered = [car for car in train.sent if car.is_answered]
    times = [car.seconds for car in answered]
    return IcmpFacts(
        sent=len(train.sent),
        received=len(answered),
        hop_limit=answered[-1].hop_limit if answered else None,
        duplicates=train.duplicates,
        out_of_order=train.out_of_order,
        corrupt=sum(car.corrupt for car in train.sent),
        rtt_min_us=microseconds(min(times)) if times else None,
        rtt_median_us=microseconds(statistics.median(times)) if times else None,
        rtt_max_us=microseconds(max(times)) if times else None,
        rtt_stddev_us=microseconds(statistics.pstdev(times)) if times else None,
    )
