"""A fleet whose results change as they do in reality, packed by the agent's own outbox.

Of ten checks four are DNS, four HTTPS, one TCP and one ICMP. Durations scatter around each check's own; TTLs
count down, as behind a cache; one DNS check in eight rotates its answers, one page in eight changes its size;
everything else, certificates above all, stays. One probe in a thousand fails.
"""

import random
from collections.abc import Iterator, Sequence
from hashlib import sha256
from math import exp

from vedette.wire.facts import DnsFacts, Facts, HttpFacts, IcmpFacts, TlsFacts
from vedette.wire.messages import EpochMark, Phase, Result
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.parcel import Parcel

_KINDS = ("dns", "web", "dns", "web", "dns", "web", "dns", "web", "tcp", "icmp")
_DAY_US = 86_400_000_000
_TTL = 300  # seconds, of every record


def config(agents: int, checks: int, interval: float) -> dict[str, object]:
    """Every agent runs every check. For a configuration file: JSON is YAML."""
    return {
        "agents": [{"name": name} for name in agent_names(agents)],
        "checks": [
            {"name": name, "interval": f"{interval:g}s", "timeout": f"{min(interval, 5):g}s", **_probe(name)}
            for name in check_names(checks)
        ],
    }


def agent_names(count: int) -> list[str]:
    return [f"agent-{number:04d}" for number in range(count)]


def check_names(count: int) -> list[str]:
    return [f"{_KINDS[number % len(_KINDS)]}-{number:04d}" for number in range(count)]


def _probe(name: str) -> dict[str, object]:
    kind, _, number = name.partition("-")
    host = f"host-{number}.example.com"
    probes: dict[str, dict[str, object]] = {
        "dns": {"dns": {"name": host, "type": "A", "resolver": "192.0.2.53"}},
        "web": {"http": {"url": f"https://{host}/"}},
        "tcp": {"tcp": {"address": f"{host}:443"}},
        "icmp": {"icmp": {"host": host}},
    }
    return probes[kind]


class Source:
    """What the checks of one agent find."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._facts: dict[str, Facts] = {}

    def result(self, check: str, ended_us: int) -> Result:
        chance = self._random
        kind, _, number = check.partition("-")
        own = 400 + int(number) * 7919 % 30_000  # µs, of this check
        us = int(own * exp(chance.gauss(0.0, 0.2)))
        facts = self._found(check, kind, int(number), ended_us)
        if chance.random() < 0.001:
            return Result(
                check=check,
                outcome="fail",
                started_us=ended_us - 5_000_000,
                duration_us=5_000_000,
                reason="timeout",
                detail="no answer within 5 s",
            )
        phases: dict[Phase, int]
        match kind:
            case "dns":
                phases = {"request": us}
            case "tcp":
                phases = {"connect": us}
            case "icmp":
                phases = {"rtt": us}
            case _:
                resolve, connect, tls, processing, transfer = (
                    int(us * part * exp(chance.gauss(0.0, 0.1))) for part in (0.3, 0.3, 0.7, 1.5, 0.1)
                )
                phases = {
                    "resolve": resolve,
                    "connect": connect,
                    "tls": tls,
                    "processing": processing,
                    "transfer": transfer,
                }
        took = sum(phases.values())
        return Result(
            check=check,
            outcome="ok",
            started_us=ended_us - took,
            duration_us=took,
            phases_us=phases,
            clock="kernel",
            facts=facts,
        )

    def _found(self, check: str, kind: str, number: int, at_us: int) -> Facts:
        """The facts; the same object while nothing changed, as the agent keeps it."""
        known = self._facts.get(check)
        is_fickle = number % 20 in (2, 3)  # a DNS check and a page
        if known is not None and kind != "dns" and not (is_fickle and kind == "web"):
            return known
        size = 20_000 + (self._random.randrange(500) if is_fickle else number)
        pool = self._random.randrange(4) if is_fickle else 0
        found = _facts(kind, check, number, _TTL - (at_us // 1_000_000 + number * 7) % _TTL, pool, size)
        if found == known:
            return known
        self._facts[check] = found
        return found


def _facts(kind: str, check: str, number: int, ttl: int, pool: int, size: int) -> Facts:
    address = f"192.0.2.{number % 250}"
    match kind:
        case "dns":
            answers = [f"192.0.2.{(number + pool) % 250}", f"198.51.100.{number % 250}"]
            said = DnsFacts(
                rcode="NOERROR",
                answers=answers,
                answer_hash=sha256(" ".join(answers).encode()).hexdigest()[:16],
                answer_rrs=2,
                additional_rrs=1,
                ttl_seconds=ttl,
                recursion_available=True,
            )
            return Facts(resolver="192.0.2.53:53", dns=said)
        case "tcp":
            return Facts(address=address, port=443, resolver="192.0.2.53:53")
        case "icmp":
            return Facts(
                address=address, resolver="192.0.2.53:53", icmp=IcmpFacts(sent=1, received=1, hop_limit=57)
            )
        case _:
            tls = TlsFacts(
                version="TLSv1.3",
                cipher="TLS_AES_256_GCM_SHA384",
                verified=True,
                subject=f"CN=host-{number:04d}.example.com",
                issuer="CN=Example CA R3,O=Example",
                fingerprint_sha256=sha256(check.encode()).hexdigest(),
                not_after_us=1_900_000_000_000_000 + number * _DAY_US,
                earliest_not_after_us=1_900_000_000_000_000 + number * _DAY_US,
            )
            http = HttpFacts(status=200, version="1.1", content_length=size, body_bytes=size)
            return Facts(address=address, port=443, resolver="192.0.2.53:53", http=http, tls=tls)


def batches(
    agent: str, epoch: str, checks: Sequence[str], results: int, size: int, interval: float, end_us: int
) -> Iterator[Parcel]:
    """*results* of one agent in batches of *size*, each acknowledged before the next one is packed.

    Every check runs each *interval* s of the time before *end_us*.
    """
    outbox, source = Outbox(agent, epoch), Source(int(epoch[-6:], 16))
    outbox.offset_us = 0
    apart_us = round(interval * 1e6 / len(checks))
    for seq in range(results):
        at_us, now = end_us - (results - seq) * apart_us, seq * apart_us / 1e6
        outbox.add(source.result(checks[seq % len(checks)], at_us), now)
        if (seq + 1) % size and seq + 1 < results:
            continue
        outbox.flush(now)
        while isinstance(parcel := outbox.take(now), Parcel):
            yield parcel
            outbox.delivered(parcel, now)
            outbox.acked([EpochMark(epoch=epoch, low=parcel.end)], now)
