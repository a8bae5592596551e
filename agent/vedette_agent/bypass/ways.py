"""How each way is tried: by the check's own prober, with the one thing replaced that the way goes around."""

from typing import TYPE_CHECKING, Final, assert_never

from msgspec.structs import replace

from vedette.checks.bypass import second_resolvers
from vedette.checks.model import (
    Check,
    DnsCheck,
    DnsExpect,
    Endpoint,
    Family,
    GrpcCheck,
    HttpCheck,
    TcpCheck,
    TlsCheck,
    TlsOptions,
    WebsocketCheck,
)
from vedette.checks.model.dns import QueryOptions
from vedette.wire.messages import Bypass
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Prober
from vedette_agent.probers.run import probing

if TYPE_CHECKING:
    from vedette_agent.bypass.authority import Known
    from vedette_agent.engine.io import Io

Connects = HttpCheck | TcpCheck | TlsCheck | GrpcCheck | WebsocketCheck


# Ways that may lead nowhere from here, and nobody is to blame: what they say counts from when they first led.
PROVEN: Final = frozenset[Bypass]({"authority", "family"})
# While the check succeeds this is the way that it goes itself.
AS_USUAL: Final = frozenset[Bypass]({"last_good"})


class Learned:
    """What is remembered of one check while it goes well."""

    __slots__ = ("address", "led", "zones")

    def __init__(self) -> None:
        self.address: tuple[str, str] | None = None  # the name that was looked up, and what was connected to
        self.zones: Known = {}
        self.led: set[Bypass] = set()  # ways that have led to the target


def trying(
    check: Check, way: Bypass, io: "Io", learned: Learned, record: Record, *, is_failing: bool
) -> Prober | None:
    """A coroutine for `Engine.start` that goes *way* once; None where it cannot be gone, or tells nothing.

    *is_failing*: the check, so that nothing is to be learned. A way that has yet to lead somewhere, because
    the zone is not served to us or the target has no other family, tells nothing then.
    """
    if is_failing and way in PROVEN and way not in learned.led:
        return None
    if isinstance(check, DnsCheck):
        return _asking(check, way, io, learned, record, is_failing=is_failing)
    if not isinstance(check, Connects):
        return None
    if way == "last_good":
        record.pinned = learned.address
        return None if learned.address is None else probing(check, io)(record)
    changed: Connects | None = check
    if way == "resolver":
        second = _second(check, io, check.resolver)
        changed = None if second is None else replace(check, resolver=second)
    elif way == "family":
        changed = replace(check, family=6 if check.family == 4 else 4)
    return None if changed is None else probing(changed, io)(record)


def _asking(
    check: DnsCheck, way: Bypass, io: "Io", learned: Learned, record: Record, *, is_failing: bool
) -> Prober | None:
    match way:
        case "authority":
            from vedette_agent.bypass.authority import probe_authority

            return probe_authority(check, io, learned.zones, record, is_learning=not is_failing)
        case "no_validation":
            options = replace(check.options or QueryOptions(), checking_disabled=True)
            changed = replace(check, options=options, expect=_without_flags(check, "ad", "cd"))
        case "resolver":
            second = _second(check, io, check.server)
            if second is None:
                return None
            changed = replace(check, server=second, family=_family(second), transport="udp", doh=None)
            # Its name is another one, and it may not be one that validates.
            expect = replace(_without_flags(check, "ad"), nsid=None)
            changed = replace(changed, tls=TlsOptions(), expect=expect)
        case "last_good" | "family":
            return None
        case _:
            assert_never(way)
    return probing(changed, io)(record)


def _without_flags(check: DnsCheck, *names: str) -> DnsExpect:
    flags = {name: is_set for name, is_set in check.expect.flags.items() if name not in names}
    return replace(check.expect, flags=flags)


def _second(check: Check, io: "Io", own: Endpoint | None) -> Endpoint | None:
    """The first that is not asked anyway."""
    asked = io.files.servers() if own is None else (own,)
    return next((one for one in second_resolvers(check) if one not in asked), None)


def _family(server: Endpoint) -> Family:
    return 6 if ":" in server.address else 4
