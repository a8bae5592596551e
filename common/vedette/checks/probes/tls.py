"""`tls:` to its check."""

from typing import Any

from vedette.checks import formats, model, schema
from vedette.checks.probes.parts import joined, options, resolver_of
from vedette.checks.problems import Path
from vedette.checks.walk import Report


def tls(probe: schema.TlsProbe, path: Path, report: Report, common: dict[str, Any]) -> model.TlsCheck:
    host, port = formats.host_port(probe.address)
    return model.TlsCheck(
        target=joined(host, port),
        host=host,
        port=port,
        resolver=resolver_of(probe.resolver),
        tls=options(probe, path, report),
        **common,
    )
