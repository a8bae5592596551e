"""`grpc:` to its check."""

from typing import Any

from vedette.checks import formats, model
from vedette.checks.probes.parts import joined, options, resolver_of
from vedette.checks.problems import Path
from vedette.checks.report import Report
from vedette.checks.schema.grpc import GrpcExpect, GrpcProbe


def grpc(probe: GrpcProbe, path: Path, report: Report, common: dict[str, Any]) -> model.GrpcCheck:
    host, port = formats.host_port(probe.address)
    where = joined(host, port)
    return model.GrpcCheck(
        target=f"{where}/{probe.service}" if probe.service else where,
        host=host,
        port=port,
        resolver=resolver_of(probe.resolver),
        service=probe.service,
        tls=None if probe.tls is None else options(probe.tls, (*path, "tls"), report),
        status=(probe.expect or GrpcExpect()).status,
        **common,
    )
