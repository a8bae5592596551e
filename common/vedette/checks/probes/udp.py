"""`udp:` to its check."""

from typing import Any, Final

from vedette.checks import formats, model
from vedette.checks.probes.parts import joined, resolver_of
from vedette.checks.problems import Path
from vedette.checks.report import Report
from vedette.checks.schema.udp import UdpProbe

MAX_PAYLOAD: Final = 65_507  # bytes: 65,535 less the headers of IPv4 and UDP


def udp(probe: UdpProbe, path: Path, report: Report, common: dict[str, Any]) -> model.UdpCheck:
    host, port = formats.host_port(probe.address)
    written = any(report.has((*path, key)) for key in ("send", "send_hex"))
    if not written:
        report.about(path, "nothing to send; give it send or send_hex")
    if probe.send is not None and probe.send_hex is not None:
        report.about((*path, "send_hex"), "a second thing to send; remove one of the two")
    if probe.expect is not None and probe.expect_hex is not None:
        report.about((*path, "expect_hex"), "a second thing to expect; remove one of the two")
    payload = (probe.send or "").encode()
    if probe.send_hex is not None:
        payload = formats.hex_bytes(probe.send_hex)
    if len(payload) > MAX_PAYLOAD:
        report.about(
            (*path, "send"), f"{len(payload)} bytes; a datagram takes {MAX_PAYLOAD} at most, send fewer"
        )
    return model.UdpCheck(
        target=joined(host, port),
        host=host,
        port=port,
        resolver=resolver_of(probe.resolver),
        payload=payload,
        expect=probe.expect,
        expect_bytes=None if probe.expect_hex is None else formats.hex_bytes(probe.expect_hex),
        **common,
    )
