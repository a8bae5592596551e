"""`tcp:` to its check."""

from typing import Any

from vedette.checks import formats, model, schema
from vedette.checks.probes.parts import joined, resolver_of


def tcp(probe: schema.TcpProbe, common: dict[str, Any]) -> model.TcpCheck:
    host, port = formats.host_port(probe.address)
    return model.TcpCheck(
        target=joined(host, port),
        host=host,
        port=port,
        resolver=resolver_of(probe.resolver),
        send=probe.send,
        expect=probe.expect,
        **common,
    )
