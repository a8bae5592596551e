"""A result in a few lines for a person at a terminal. Whatever is shown here is printable already."""

import time
from collections.abc import Iterator
from typing import Final

from vedette.checks.model import Check
from vedette.wire.facts import (
    AuthorityFacts,
    DnsFacts,
    DnssecFacts,
    Facts,
    HttpFacts,
    IcmpFacts,
    NtpFacts,
    PathFacts,
    TlsFacts,
    TraceFacts,
    WebsocketFacts,
)
from vedette.wire.messages import Result

_COLORS: Final = {"ok": "\x1b[32m", "fail": "\x1b[31m", "not_run": "\x1b[33m"}  # green, red, yellow
_DIM: Final = "\x1b[2m"
_PLAIN: Final = "\x1b[0m"
_SHOWN: Final = 8  # answers and names


def shown(check: Check, result: Result, *, has_color: bool) -> str:
    """The verdict, what was expected and came, the phases, and what was learned on the way."""

    def painted(color: str, said: str) -> str:
        return f"{color}{said}{_PLAIN}" if has_color else said

    verdict = result.outcome if result.reason is None else f"{result.outcome} {result.reason}"
    took = "" if result.duration_us is None else f"  {_duration(result.duration_us)}"
    lines = [f"{painted(_COLORS[result.outcome], verdict)}  {check.name} {check.target}{took}"]
    if result.detail is not None:
        lines.append(f"  {result.detail}")
    if result.phases_us:
        phases = "  ".join(f"{name} {_duration(us)}" for name, us in result.phases_us.items())
        lines.append(f"  {phases}  {painted(_DIM, f'({result.clock} clock)')}")
    if result.facts is not None:
        lines += [f"  {painted(_DIM, f'{name:11}')} {said}" for name, said in _told(result.facts)]
    return "\n".join(lines)


def _told(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.address is not None:
        host = f"[{facts.address}]" if ":" in facts.address else facts.address
        yield "address", f"{host}:{facts.port}" if facts.port is not None else facts.address
    if facts.resolver is not None and facts.dns is None:
        yield "resolver", facts.resolver
    if facts.dns is not None:
        yield from _dns(facts.dns)
    if facts.authority is not None:
        yield from _authority(facts.authority)
    if facts.trace is not None:
        yield from _trace(facts.trace)
    if facts.dnssec is not None:
        yield from _dnssec(facts.dnssec)
    if facts.http is not None:
        yield from _http(facts.http)
    if facts.tls is not None:
        yield from _tls(facts.tls)
    if facts.icmp is not None:
        yield from _icmp(facts.icmp)
    if facts.path is not None:
        yield from _path(facts.path)
    if facts.udp is not None and facts.udp.answer_bytes is not None:
        yield "answer", f"{facts.udp.answer_bytes} bytes"
    if facts.ntp is not None:
        yield from _ntp(facts.ntp)
    if facts.websocket is not None and facts.websocket.status:
        yield from _websocket(facts.websocket)
    if facts.grpc is not None and facts.grpc.status_code is not None:
        serving = "" if facts.grpc.serving is None else f", health {facts.grpc.serving}"
        yield "grpc", f"status {facts.grpc.status_code}{serving}"


def _dns(facts: DnsFacts) -> Iterator[tuple[str, str]]:
    if facts.rcode is not None:
        flags = "".join(
            [
                ", authoritative" * facts.authoritative,
                ", authenticated" * facts.authenticated,
                ", truncated over udp" * facts.truncated,
            ]
        )
        sections = f"{facts.answer_rrs}/{facts.authority_rrs}/{facts.additional_rrs} records"
        yield "answer", f"{facts.rcode} over {facts.transport}, {sections}{flags}"
    for name in facts.cname_chain:
        yield "alias of", name
    for answer in facts.answers[:_SHOWN]:
        ttl = "" if facts.ttl_seconds is None else f"  (ttl {facts.ttl_seconds} s)"
        yield "", f"{answer}{ttl}"
    if len(facts.answers) > _SHOWN:
        yield "", f"and {len(facts.answers) - _SHOWN} more"
    if facts.nsid is not None:
        yield "instance", facts.nsid
    for error in facts.extended_errors:
        yield "said", f"extended error {error.code}" + (f": {error.text}" if error.text else "")
    if facts.spoof_suspected:
        yield "suspicious", f"{facts.spoof_suspected} datagrams that answer nothing that was asked"


def _dnssec(facts: DnssecFacts) -> Iterator[tuple[str, str]]:
    yield "status", facts.status if facts.answer is None else f"{facts.status} {facts.answer}"
    for zone in facts.zones:
        yield "zone", f"{zone.zone}  {zone.algorithm}, key tag {zone.key_tag}"
    if facts.earliest_expiration_us is not None:
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(facts.earliest_expiration_us // 1_000_000))
        yield "expires", f"{at}, the signature of {facts.expiring}"


def _authority(facts: AuthorityFacts) -> Iterator[tuple[str, str]]:
    for one in facts.servers:
        said = one.failure or f"serial {one.serial}"
        took = "" if one.duration_us is None else f"  {_duration(one.duration_us)}"
        yield "server", f"{one.name} [{one.address}]  {said}{took}"


def _trace(facts: TraceFacts) -> Iterator[tuple[str, str]]:
    for step in facts.steps:
        server = step.address if step.server == step.address else f"{step.server} [{step.address}]"
        zone = step.zone if step.zone == "." else f"{step.zone}."
        said = step.failure or step.outcome
        yield f"level {step.level}", f"{zone}  {server}  {said}  {_duration(step.duration_us)}"
    for answer in facts.answers[:_SHOWN]:
        yield "answer", answer


def _ntp(facts: NtpFacts) -> Iterator[tuple[str, str]]:
    if facts.bogus:
        yield "suspicious", f"{facts.bogus} datagrams that are no answer to the request"
    if facts.stratum is None:
        return
    yield "server", f"stratum {facts.stratum}, reference {facts.reference_id}, leap {facts.leap}"
    if facts.offset_us is not None and facts.delay_us is not None:
        delay = _duration(facts.delay_us)
        yield "offset", f"{facts.offset_us / 1e3:+.3f} ms, by the clock of this host; delay {delay}"
    yield "root", f"delay {_duration(facts.root_delay_us)}, dispersion {_duration(facts.root_dispersion_us)}"


def _path(facts: PathFacts) -> Iterator[tuple[str, str]]:
    for hop in facts.hops:
        took = "" if hop.rtt_us is None else f"  {_duration(hop.rtt_us)}"
        others = f" or {', '.join(hop.others)}" if hop.others else ""
        yield f"hop {hop.ttl}", f"{hop.address or 'silent'}{others}{took}"
    reached = "the target" if facts.reached else "not the target"
    changed = ", another one than before" if facts.changed else ""
    yield "route", f"{facts.route or 'unknown'}{changed}, reaches {reached}"


def _icmp(facts: IcmpFacts) -> Iterator[tuple[str, str]]:
    hops = "" if facts.hop_limit is None else f", hop limit {facts.hop_limit}"
    yield "echo", f"{facts.received} of {facts.sent} answered{hops}"
    odd = {"duplicate": facts.duplicates, "out of order": facts.out_of_order, "corrupt": facts.corrupt}
    if any(odd.values()):
        yield "odd", ", ".join(f"{count} {what}" for what, count in odd.items() if count)
    times = (facts.rtt_min_us, facts.rtt_median_us, facts.rtt_max_us, facts.rtt_stddev_us)
    low, median, high, deviation = ("?" if us is None else _duration(us) for us in times)
    if facts.rtt_min_us is not None:
        yield "rtt", f"{low} at least, {median} median, {high} at most, deviation {deviation}"


def _websocket(facts: WebsocketFacts) -> Iterator[tuple[str, str]]:
    subprotocol = "" if facts.subprotocol is None else f", subprotocol {facts.subprotocol}"
    closed = "" if facts.close_code is None else f", closed by the server with {facts.close_code}"
    yield (
        "websocket",
        f"status {facts.status}{subprotocol}, {_counted(facts.messages, 'message')} came{closed}",
    )


def _http(facts: HttpFacts) -> Iterator[tuple[str, str]]:
    redirects = f", {_counted(facts.redirects, 'redirect')}" if facts.redirects else ""
    yield "response", f"HTTP/{facts.version} {facts.status}, {facts.body_bytes} bytes of body{redirects}"


def _tls(facts: TlsFacts) -> Iterator[tuple[str, str]]:
    if facts.version is not None or facts.cipher is not None:
        verified = "verified" if facts.verified else "not verified"
        # The version is not known of a handshake that ended at the certificate.
        alpn = facts.alpn and f"ALPN {facts.alpn}"
        yield "tls", ", ".join(word for word in (facts.version, facts.cipher, alpn, verified) if word)
    if facts.fingerprint_sha256 is not None:
        names = ", ".join(facts.alternative_names[:_SHOWN])
        if len(facts.alternative_names) > _SHOWN:
            names += f" and {len(facts.alternative_names) - _SHOWN} more"
        yield "certificate", f"{facts.subject or 'no subject'}, for {names or 'no name'}"
        yield "issued by", facts.issuer or "unknown"
        yield "valid", f"{_date(facts.not_before_us)} to {_date(facts.not_after_us)}{_left(facts)}"
        yield "sha256", facts.fingerprint_sha256
    if facts.key_type is not None:
        bits = "" if facts.key_bits is None else f" {facts.key_bits} bits"
        yield (
            "key",
            f"{facts.key_type}{bits}, signed by {facts.signature_algorithm or 'an unknown algorithm'}",
        )
    if facts.presented:
        anchored = f", a chain of {facts.chain} verified" if facts.chain else ""
        yield "chain", f"{facts.presented} presented{anchored}"
    if facts.ocsp is not None:
        until = f" until {_date(facts.ocsp_next_update_us)}" if facts.ocsp_next_update_us is not None else ""
        yield "ocsp", f"{facts.ocsp}{until}"


def _left(facts: TlsFacts) -> str:
    if facts.earliest_not_after_us is None:
        return ""
    days = (facts.earliest_not_after_us / 1e6 - time.time()) / 86400
    which = "" if facts.earliest_not_after_us == facts.not_after_us else " for another in the chain"
    count = _counted(round(abs(days)), "day")
    return f", expired {count} ago{which}" if days < 0 else f", {count} left{which}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _date(us: int | None) -> str:
    return "unknown" if us is None else time.strftime("%Y-%m-%d", time.gmtime(us // 1_000_000))


def _duration(us: int) -> str:
    return f"{us / 1e6:.2f} s" if us >= 1_000_000 else f"{us / 1e3:.2f} ms"
