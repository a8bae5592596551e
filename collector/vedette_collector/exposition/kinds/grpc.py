"""Series of gRPC checks."""

from typing import Final, get_args

from vedette.checks.model.grpc import ServingStatus
from vedette.wire.facts import GrpcFacts
from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series

_DURATION: Final = "probe_grpc_duration_seconds"

FAMILIES: Final = (
    Family(
        _DURATION,
        "gauge",
        "Duration of a gRPC probe by phase.",
        (*PAIR, "phase"),
        "Phases `resolve`, `connect`, `tls`, and `check` for the call alone, "
        "in which blackbox_exporter counts connection and handshake.",
    ),
    Family(
        "probe_grpc_status_code",
        "gauge",
        "Status code of the call; 0 is OK.",
        PAIR,
        "Absent when the call came to none.",
    ),
    Family(
        "probe_grpc_healthcheck_response",
        "gauge",
        "1 for the serving status that the health service gave, 0 for the others.",
        (*PAIR, "serving_status"),
    ),
    Family("probe_grpc_ssl", "gauge", "Whether the connection used TLS.", PAIR),
)


def write(out: Series, result: Result) -> None:
    known = result.phases_us
    phases: list[tuple[str, float]] = [
        (phase, known[phase] / 1e6) for phase in ("resolve", "connect", "tls") if phase in known
    ]
    if "processing" in known:
        phases.append(("check", (known["processing"] + known.get("transfer", 0)) / 1e6))
    out.spread(_DURATION, "phase", phases)
    facts = None if result.facts is None else result.facts.grpc
    facts = facts or GrpcFacts()
    out.gauge("probe_grpc_status_code", facts.status_code)
    out.spread(
        "probe_grpc_healthcheck_response",
        "serving_status",
        [(name, int(name == facts.serving)) for name in get_args(ServingStatus)],
    )
    if facts.status_code is not None and result.facts is not None:
        out.gauge("probe_grpc_ssl", int(result.facts.tls is not None))
