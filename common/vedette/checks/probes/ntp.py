"""`ntp:` to its check."""

from typing import Any, Final

from vedette.checks import formats, model
from vedette.checks.probes.parts import joined, resolver_of
from vedette.checks.schema.ntp import NtpExpect, NtpProbe

_PORT: Final = 123


def ntp(probe: NtpProbe, common: dict[str, Any]) -> model.NtpCheck:
    host = formats.host(probe.host)
    expect = probe.expect or NtpExpect()
    return model.NtpCheck(
        target=host if probe.port == _PORT else joined(host, probe.port),
        host=host,
        port=probe.port,
        resolver=resolver_of(probe.resolver),
        max_offset=_seconds(expect.max_offset),
        max_stratum=expect.max_stratum,
        max_root_dispersion=_seconds(expect.max_root_dispersion),
        **common,
    )


def _seconds(written: str | None) -> float | None:
    return None if written is None else formats.duration(written)
