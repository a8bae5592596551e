"""`tls:` to its check."""

from typing import Any

from vedette.checks import formats, model, schema
from vedette.checks.probes.parts import joined, options, resolver_of
from vedette.checks.problems import Path
from vedette.checks.report import Report
from vedette.checks.schema.tls import TlsExpect


def tls(probe: schema.TlsProbe, path: Path, report: Report, common: dict[str, Any]) -> model.TlsCheck:
    host, port = formats.host_port(probe.address)
    expect = probe.expect or TlsExpect()
    for name in expect.alpn or ():
        if name not in (probe.alpn or ()):
            report.about((*path, "expect", "alpn"), f"{name} is not offered; add it to alpn")
    if probe.must_refuse and probe.expect is not None:
        report.about(
            (*path, "expect"), "a handshake that must be refused comes to nothing; remove one of the two"
        )
    if probe.must_refuse and probe.min_days_left is not None:
        report.about(
            (*path, "min_days_left"),
            "a handshake that must be refused brings no certificate to judge; remove one of the two",
        )
    if probe.must_refuse and probe.must_refuse is not True:
        if probe.must_refuse == "revoked" and probe.ocsp is None:
            report.about((*path, "must_refuse"), "revocation is known by OCSP only; add ocsp: good")
        if probe.must_refuse not in ("handshake", "revoked") and not probe.verify:
            report.about(
                (*path, "must_refuse"), "without verification nothing is refused so; remove verify: false"
            )
    return model.TlsCheck(
        target=joined(host, port),
        host=host,
        port=port,
        resolver=resolver_of(probe.resolver),
        tls=options(probe, path, report),
        alpn=tuple(probe.alpn or ()),
        start_tls=probe.start_tls,
        must_refuse=_refusal(probe),
        versions=tuple(expect.version or ()),
        cipher_matches=expect.cipher,
        protocols=tuple(expect.alpn or ()),
        ocsp=probe.ocsp,
        **common,
    )


def _refusal(probe: schema.TlsProbe) -> model.Refusal | None:
    if isinstance(probe.must_refuse, str):
        return probe.must_refuse
    return "any" if probe.must_refuse else None
