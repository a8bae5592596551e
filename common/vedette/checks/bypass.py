"""Which other ways lead to the target of a check, and which of them are to be tried.

A way replaces one thing that the check depends on and keeps all else, so that a failure which is not on that
way is one of the thing that was replaced.
"""

from collections.abc import Iterator
from typing import Final

from vedette.checks import formats, schema
from vedette.checks.model import (
    BypassPlan,
    Check,
    DnsCheck,
    Endpoint,
    GrpcCheck,
    HttpCheck,
    TcpCheck,
    TlsCheck,
    WebsocketCheck,
)
from vedette.checks.problems import Path
from vedette.checks.report import Report
from vedette.checks.schema.bypass import Bypass as Written
from vedette.checks.schema.bypass import BypassSettings
from vedette.wire.messages import Bypass

NONE: Final = BypassPlan(ways=())
_PLAIN: Final = BypassPlan()
_NOTHING: Final = BypassSettings()
_IS_DNS: Final = frozenset[Bypass]({"authority", "no_validation"})


def ways(check: Check) -> tuple[Bypass, ...]:
    """The ways on which *check* is to be tried; those that the configuration names, or all."""
    chosen = check.bypass.ways
    if chosen == ():
        return ()
    fit = tuple(_fitting(check))
    return fit if chosen is None else tuple(way for way in chosen if way in fit)


def second_resolvers(check: Check) -> tuple[Endpoint, ...]:
    """Those that *check* does not ask itself. Its own may also be the host's: these only the agent knows."""
    own = check.server if isinstance(check, DnsCheck) else getattr(check, "resolver", None)
    return tuple(one for one in check.bypass.resolvers if one != own)


def name_of(check: Check) -> str | None:
    """The name that a probe of *check* has to look up before it connects; None where it has none."""
    match check:
        case HttpCheck():
            host = formats.url_host(check.url) if check.proxy is None and check.address is None else None
            if host is not None and host.lower() in check.resolve:
                return None
        case TcpCheck() | TlsCheck() | GrpcCheck() | WebsocketCheck():
            host = check.host
        case _:
            return None
    if host is None or formats.address_or_none(host) is not None:
        return None
    name = host.lower().removesuffix(".")
    return None if name == "localhost" or name.endswith(".localhost") else name


def planned(one: schema.Check, defaults: schema.Defaults) -> BypassPlan:
    """What the check says, and the defaults where it says nothing."""
    if one.bypass == "none" or (one.bypass is None and defaults.bypass == "none"):
        return NONE
    own, shared = _settings(one.bypass), _settings(defaults.bypass)
    chosen, resolver = own.ways or shared.ways, own.resolver or shared.resolver
    listed = [resolver] if isinstance(resolver, str) else resolver or ()
    interval = own.interval or shared.interval
    return BypassPlan(
        ways=None if chosen is None else tuple(dict.fromkeys(chosen)),
        resolvers=tuple(formats.endpoint(text) for text in listed),
        interval=_PLAIN.interval if interval is None else formats.interval(interval),
        authority_port=own.authority_port or shared.authority_port or _PLAIN.authority_port,
    )


def held(check: Check, written: Written | None, path: Path, report: Report) -> None:
    """Report what the check itself wants, at *path*, and cannot have. Defaults are taken where they fit."""
    if not isinstance(written, BypassSettings):
        return
    fit = tuple(_fitting(check))
    for at, way in enumerate(written.ways or ()):
        if way not in fit:
            report.about((*path, "ways", at), _misfit(check, way))
    if written.ways is None and not fit:
        report.about(path, "no other way to this target is known; remove bypass")


def _settings(written: Written | None) -> BypassSettings:
    return written if isinstance(written, BypassSettings) else _NOTHING


def _fitting(check: Check) -> Iterator[Bypass]:
    if isinstance(check, DnsCheck):
        # What is asked of an authority, or of a server about itself, has no other source.
        is_of_resolver = check.recursion_desired and (check.options is None or check.options.rdclass == "IN")
        if is_of_resolver and second_resolvers(check):
            yield "resolver"
        if is_of_resolver and check.query_name != ".":
            yield "authority"
        if is_of_resolver and (check.options is None or not check.options.checking_disabled):
            yield "no_validation"
    elif name_of(check) is not None:
        if second_resolvers(check):
            yield "resolver"
        yield "last_good"
        if not check.name.endswith((":ipv4", ":ipv6")):  # else the other family is a check beside this one
            yield "family"


def _misfit(check: Check, way: Bypass) -> str:
    if way == "resolver" and not second_resolvers(check):
        if check.bypass.resolvers:
            return "the check asks this resolver itself; name another one in resolver"
        return "there is no second resolver; add one, such as resolver: 192.0.2.53"
    if way == "family" and check.name.endswith((":ipv4", ":ipv6")):
        return "both families are checks already; remove family"
    if (way in _IS_DNS) != isinstance(check, DnsCheck) and way != "resolver":
        return f"{way} is for {'dns checks' if way in _IS_DNS else 'checks that connect'}; remove it"
    if isinstance(check, DnsCheck):
        return f"{way} is for questions to a resolver that validates and looks up; remove it"
    return f"{way} is for targets with a name that is looked up; remove it"
