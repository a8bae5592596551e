"""One probe for a person, once, by the same engine and the same probers as the agent's.

The words of the command line become a check as the configuration file would have it, with its defaults.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

import msgspec

from vedette.checks import formats
from vedette.checks.model import (
    Check,
    DnsCheck,
    Family,
    HttpCheck,
    HttpExpect,
    IcmpCheck,
    TcpCheck,
    TlsCheck,
    TlsOptions,
)
from vedette.wire.messages import Result
from vedette_agent import outcome
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Anywhere
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Engine, Run
from vedette_agent.probers.run import prepare, prober

TIMEOUT: Final = 5.0
MAX_TIMEOUT: Final = 300.0
# What people ask for. dnspython knows the rest, and `TYPE123` (RFC 3597) works too.
_TYPES: Final = tuple("A AAAA CAA CNAME DNSKEY DS HTTPS MX NAPTR NS PTR SOA SRV SVCB TLSA TXT".split())  # noqa: SIM905


class Asked(NamedTuple):
    check: Check
    is_json: bool


def asked(argv: list[str]) -> Asked:
    """What the command line asks for. Wrong usage ends the program with code 2 and says what to write."""
    parser = _parser()
    words = parser.parse_args(argv)
    try:
        return Asked(_check(words), words.json)
    except ValueError as exc:
        parser.error(str(exc))


def _check(words: argparse.Namespace) -> Check:
    common: dict[str, Any] = {"name": words.kind, "interval": MAX_TIMEOUT, "timeout": words.timeout}
    match words.kind:
        case "dns":
            server = words.server
            return DnsCheck(
                target=f"{words.target} {words.type}" + (f" @{server}" if server else ""),
                query_name=words.target,
                rdtype=words.type,
                server=server,
                transport="tcp" if words.tcp else "udp",
                family=_family(words, server.address if server else None),
                **common,
            )
        case "http":
            return HttpCheck(
                target=words.target,
                url=words.target,
                tls=_tls(words),
                expect=HttpExpect(statuses=words.expect_status or HttpExpect().statuses),
                family=_family(words, formats.url_host(words.target)),
                **common,
            )
        case "tcp":
            host, port = words.target
            return TcpCheck(
                target=_joined(host, port), host=host, port=port, family=_family(words, host), **common
            )
        case "tls":
            host, port = words.target
            return TlsCheck(
                target=_joined(host, port),
                host=host,
                port=port,
                tls=_tls(words),
                family=_family(words, host),
                **common,
            )
        case _:
            return IcmpCheck(
                target=words.target, host=words.target, family=_family(words, words.target), **common
            )


def run(check: Check) -> Result:
    """Probe *check* once, now."""
    prepare([check])  # a trust store that loads while the probe runs would look like a stall of ours
    return asyncio.run(_run(check))


async def _run(check: Check) -> Result:
    loop = asyncio.get_running_loop()
    over: asyncio.Future[Result] = loop.create_future()
    engine = Engine(loop)
    io = Io(engine, policy=Anywhere())
    record = Record()
    started_us = time.time_ns() // 1000

    def done(ended: Run, error: BaseException | None) -> None:
        if over.cancelled():
            return  # by Ctrl-C: nobody waits for this result
        elapsed = engine.now() - ended.started
        over.set_result(
            outcome.result(
                check, record, error, started_us=started_us, elapsed=elapsed, stalled=ended.stalled
            )
        )

    try:
        engine.start(prober(check, io, record), record, check.timeout, done)
        return await over
    finally:
        engine.stop()
        io.close()


def as_json(check: Check, result: Result) -> str:
    """One object with stable keys; durations in seconds, `facts` as on the wire."""
    told = {
        "check": check.name,
        "target": check.target,
        "outcome": result.outcome,
        "failure": result.reason,
        "duration_seconds": None if result.duration_us is None else result.duration_us / 1e6,
        "phases": {name: us / 1e6 for name, us in result.phases_us.items()},
        "facts": {} if result.facts is None else msgspec.to_builtins(result.facts),
    }
    return msgspec.json.encode(told).decode()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette probe",
        description="Probe one target once, from here.",
        epilog="Exit code: 0 the target is well, 1 it is not or could not be probed, 2 wrong usage.",
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)

    def kind(name: str, about: str, metavar: str, read: Callable[[str], object]) -> argparse.ArgumentParser:
        made = kinds.add_parser(name, help=about, description=about, allow_abbrev=False)
        made.add_argument("target", metavar=metavar, type=_typed(read))
        made.add_argument(
            "--timeout",
            type=_typed(_timeout),
            default=TIMEOUT,
            metavar="SECONDS",
            help=f"for all of it; default {TIMEOUT:g}",
        )
        made.add_argument("--json", action="store_true", help="one JSON object, with stable keys")
        family = made.add_mutually_exclusive_group()
        family.add_argument("-4", dest="family", action="store_const", const=4, help="IPv4")
        family.add_argument("-6", dest="family", action="store_const", const=6, help="IPv6")
        return made

    def with_tls(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
        made.add_argument("--ca-file", metavar="FILE", help="trust these certificates (PEM), not the host's")
        made.add_argument("--insecure", action="store_true", help="accept any certificate, and show it")
        return made

    dns = kind("dns", "ask a name server; an empty answer is a failure", "NAME", formats.dns_name)
    dns.add_argument("--type", type=_typed(_record_type), default="A", help="record type; default A")
    dns.add_argument(
        "--server", type=_typed(formats.endpoint), metavar="IP[:PORT]", help="default: the host's own"
    )
    dns.add_argument("--tcp", action="store_true", help="ask over TCP")
    http = with_tls(kind("http", "fetch a URL", "URL", formats.url))
    http.add_argument(
        "--expect-status",
        type=_typed(_statuses),
        metavar="200-299,304",
        help="accepted status codes; default 200-299",
    )
    kind("tcp", "connect to a port", "HOST:PORT", formats.host_port)
    with_tls(kind("tls", "shake hands and look at the certificate", "HOST:PORT", formats.host_port))
    kind("icmp", "send one echo request", "HOST", formats.host)
    return parser


def _typed(read: Callable[[str], object]) -> Callable[[str], object]:
    """For argparse, which shows the message of its own error only."""

    def checked(text: str) -> object:
        try:
            return read(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return checked


def _timeout(text: str) -> float:
    seconds = float(text.removesuffix("s")) if text.removesuffix("s").replace(".", "", 1).isdecimal() else 0.0
    if not 0.0 < seconds <= MAX_TIMEOUT:
        raise ValueError(f"{text!r} is not a timeout; write seconds, more than 0 and at most {MAX_TIMEOUT:g}")
    return seconds


def _record_type(text: str) -> str:
    import dns.exception
    import dns.rdatatype

    rdtype = text.upper()
    try:
        number = int(dns.rdatatype.from_text(rdtype))
    except (dns.exception.DNSException, ValueError) as exc:
        near = get_close_matches(rdtype, _TYPES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"such as {', '.join(_TYPES)}"
        raise ValueError(f"{text!r} is not a record type; {hint}") from exc
    if dns.rdatatype.is_metatype(dns.rdatatype.RdataType.make(number)):
        raise ValueError(f"{text!r} is no type of a record that a name can have; such as {', '.join(_TYPES)}")
    return rdtype


def _statuses(text: str) -> tuple[tuple[int, int], ...]:
    ranges = [one if "-" in one else f"{one}-{one}" for one in text.replace(" ", "").split(",")]
    try:
        return tuple(formats.statuses(one) for one in ranges)
    except ValueError as exc:
        raise ValueError(
            f"{text!r} are no status codes; write codes and ranges from 100 to 599, such as 200-299,304"
        ) from exc


def _family(words: argparse.Namespace, host: str | None) -> Family:
    """As told, else that of a literal address, else 4. Raises ValueError where the two disagree."""
    literal = formats.address_or_none(host) if host else None
    told: Family | None = words.family
    if literal is None:
        return told or 4
    given: Family = 6 if literal.version == 6 else 4
    if told not in (None, given):
        raise ValueError(f"{literal} is an IPv{given} address; remove -{told}")
    return given


def _tls(words: argparse.Namespace) -> TlsOptions:
    return TlsOptions(verify=not words.insecure, ca_file=words.ca_file)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
