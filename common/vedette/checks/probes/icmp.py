"""`icmp:` to its check."""

from typing import Any

from vedette.checks import formats, model, schema
from vedette.checks.probes.parts import resolver_of


def icmp(probe: schema.IcmpProbe, common: dict[str, Any]) -> model.IcmpCheck:
    host = formats.host(probe.host)
    return model.IcmpCheck(
        target=host,
        host=host,
        resolver=resolver_of(probe.resolver),
        payload_bytes=probe.payload_bytes,
        **common,
    )
