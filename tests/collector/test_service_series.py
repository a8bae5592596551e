"""Series of the kinds that test one service each."""

import pytest

from collector.collector_helpers import Core, assignment, batch, failed
from collector.service_results import RESULTS, SERVICES
from vedette.wire.facts import Facts, GrpcFacts, NtpFacts, TlsFacts, UdpFacts, WebsocketFacts
from vedette.wire.messages import Result
from vedette_collector.cell import Cell
from vedette_collector.exposition.cells import blocks


def series(result: Result) -> dict[str, float]:
    """The series of its own kind, by name and own label, after one result."""
    core = Core(assignment(SERVICES, ("par-01",)))
    core.send(batch(result))
    cell: Cell = core.board.cells["par-01"][result.check]
    found = {}
    for line in "".join(blocks(cell).values()).splitlines():
        name, _, rest = line.partition("{")
        labels, _, value = rest.rpartition("} ")
        own = labels.rpartition('",')[2].split('"')[1] if labels.count("=") == 4 else ""
        found[f"{name} {own}".strip()] = float(value)
    return found


def test_a_udp_probe() -> None:
    seen = series(RESULTS[0])
    assert seen["vedette_udp_answer_bytes"] == 40
    assert seen["vedette_udp_foreign_datagrams"] == 2
    assert seen["vedette_probe_phase_seconds request"] == 0.0009


def test_without_an_answer_a_udp_probe_has_no_size() -> None:
    seen = series(failed("game", "udp.timeout", facts=Facts(udp=UdpFacts(foreign=3))))
    assert "vedette_udp_answer_bytes" not in seen
    assert seen["vedette_udp_foreign_datagrams"] == 3


def test_a_time_server() -> None:
    seen = series(RESULTS[1])
    assert seen["vedette_ntp_offset_seconds"] == pytest.approx(-0.0045)
    assert seen["vedette_ntp_delay_seconds"] == pytest.approx(0.0006)
    assert seen["vedette_ntp_stratum"] == 2
    assert seen["vedette_ntp_root_delay_seconds"] == pytest.approx(0.002)
    assert seen["vedette_ntp_root_dispersion_seconds"] == pytest.approx(0.003)
    assert seen["vedette_ntp_leap"] == 1


def test_a_time_server_without_time_has_no_offset_and_a_mute_one_only_imitators() -> None:
    lost = NtpFacts(version=4, leap=3, stratum=0, reference_id="INIT")
    seen = series(failed("time", "ntp.unsynchronized", facts=Facts(ntp=lost)))
    assert (seen["vedette_ntp_leap"], seen["vedette_ntp_stratum"]) == (3, 0)
    assert "vedette_ntp_offset_seconds" not in seen
    mute = series(failed("time", "ntp.timeout", facts=Facts(ntp=NtpFacts(bogus=2))))
    own = {name: value for name, value in mute.items() if name.startswith("vedette_ntp")}
    assert own == {"vedette_ntp_false_answers": 2}


def test_a_websocket() -> None:
    seen = series(RESULTS[2])
    assert seen["probe_websocket_status_code"] == 101
    assert seen["probe_websocket_connection_upgraded"] == 1
    assert seen["probe_websocket_failed_due_to_regex"] == 0
    assert seen["vedette_probe_phase_seconds transfer"] == 0.0004


def test_a_websocket_that_was_refused_or_not_there() -> None:
    refused = series(failed("live", facts=Facts(websocket=WebsocketFacts(status=403))))
    assert refused["probe_websocket_status_code"] == 403
    assert refused["probe_websocket_connection_upgraded"] == 0
    assert "probe_websocket_failed_due_to_regex" not in refused
    assert series(failed("live", "tcp.refused"))["probe_websocket_status_code"] == 0
    silent = WebsocketFacts(status=101, upgraded=True, matched=False)
    assert series(failed("live", facts=Facts(websocket=silent)))["probe_websocket_failed_due_to_regex"] == 1


def test_a_grpc_server() -> None:
    """The call alone is the phase "check"; one of four serving statuses is 1."""
    seen = series(RESULTS[3])
    assert seen["probe_grpc_duration_seconds connect"] == 0.0001
    assert seen["probe_grpc_duration_seconds check"] == pytest.approx(0.0007)
    assert seen["probe_grpc_status_code"] == 0
    assert seen["probe_grpc_ssl"] == 0
    response = {name: seen[f"probe_grpc_healthcheck_response {name}"] for name in STATUSES}
    assert response == {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 0, "SERVICE_UNKNOWN": 0}


STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")


def test_a_grpc_server_that_has_no_health_service_or_is_not_there() -> None:
    told = Facts(grpc=GrpcFacts(status_code=12), tls=TlsFacts(version="TLSv1.3"))
    seen = series(failed("orders", "grpc.status", facts=told))
    assert (seen["probe_grpc_status_code"], seen["probe_grpc_ssl"]) == (12, 1)
    gone = series(failed("orders", "tcp.refused"))
    assert "probe_grpc_status_code" not in gone
    for found in (seen, gone):
        assert {found[f"probe_grpc_healthcheck_response {name}"] for name in STATUSES} == {0}
