"""What a gRPC check says of health services that are well, ill, missing, or no gRPC at all."""

import ssl
from pathlib import Path
from typing import Any, get_args

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from servers.grpc import HEADERS, Respond, health, message, only, registry, says, serves, speak
from servers.http import answers
from servers.tcp import Behave, TcpServer, reset, silent
from servers.tls import context, tls, trust
from stream.probing_helpers import common, probe
from vedette.checks.model import GrpcCheck
from vedette.checks.model.grpc import ServingStatus
from vedette.checks.model.tls import TlsOptions
from vedette.wire.facts import GrpcFacts
from vedette.wire.messages import Result
from vedette_agent.grpc import MAX_BYTES, NotGrpc, request, serving


def grpc(port: int, *, timeout: float = 5.0, host: str = "127.0.0.1", **more: Any) -> GrpcCheck:
    return GrpcCheck(host=host, port=port, **common(timeout), **more)


def facts(result: Result) -> GrpcFacts:
    assert result.facts is not None
    return result.facts.grpc or GrpcFacts()


SERVICES = registry({"": 1, "shop.Orders": 1, "shop.Mail": 2, "shop.Idle": 0, "shop.Gone": 3})


@pytest.mark.parametrize("service", ["", "shop.Orders"])
def test_a_service_that_serves(service: str) -> None:
    with TcpServer(serves(SERVICES)) as server:
        (result,) = probe(grpc(server.port, service=service))
    assert result.outcome == "ok", result
    assert set(result.phases_us) == {"connect", "processing", "transfer"}
    assert facts(result) == GrpcFacts(status_code=0, serving="SERVING")


@pytest.mark.parametrize(
    ("service", "serves_as"),
    [("shop.Mail", "NOT_SERVING"), ("shop.Idle", "UNKNOWN"), ("shop.Gone", "SERVICE_UNKNOWN")],
)
def test_a_service_that_does_not(service: str, serves_as: str) -> None:
    with TcpServer(serves(SERVICES)) as server:
        failed, wanted = probe(
            grpc(server.port, service=service), grpc(server.port, service=service, status=serves_as)
        )
    assert failed.reason == "grpc.not_serving"
    assert f"the health of {service} is {serves_as}; expected SERVING" in (failed.detail or "")
    assert facts(failed) == GrpcFacts(status_code=0, serving=serves_as)
    assert wanted.outcome == "ok"


def test_a_standby_that_serves() -> None:
    with TcpServer(serves(SERVICES)) as server:
        (result,) = probe(grpc(server.port, status="NOT_SERVING"))
    assert (result.outcome, result.reason) == ("fail", "grpc.expect")


def test_a_service_that_is_not_known() -> None:
    with TcpServer(serves(SERVICES)) as server:
        (result,) = probe(grpc(server.port, service="shop.Nothing"))
    assert (result.reason, result.detail) == ("grpc.status", "NOT_FOUND: unknown service")
    assert facts(result) == GrpcFacts(status_code=5)


@pytest.mark.parametrize(
    ("respond", "code", "detail"),
    [
        (only(*HEADERS, ("grpc-status", "12")), 12, "UNIMPLEMENTED"),
        (
            says(b"", trailers=[("grpc-status", "14"), ("grpc-message", "no%20way%21")]),
            14,
            "UNAVAILABLE: no way!",
        ),
        (says(health(1), trailers=[("grpc-status", "16")]), 16, "UNAUTHENTICATED"),
        (only(*HEADERS, ("grpc-status", "99")), 99, "code 99"),
        (only((":status", "503"), *HEADERS[1:], ("grpc-status", "14")), 14, "UNAVAILABLE"),
    ],
)
def test_another_status_than_ok(respond: Respond, code: int, detail: str) -> None:
    """In trailers, or in the headers of a response that has nothing else."""
    with TcpServer(serves(respond)) as server:
        (result,) = probe(grpc(server.port))
    assert (result.reason, result.detail) == ("grpc.status", detail)
    assert facts(result) == GrpcFacts(status_code=code)


def test_the_request_is_that_of_a_grpc_client() -> None:
    asked: list[tuple[dict[str, str], bytes]] = []

    def respond(protocol: Any, stream: int, fields: dict[str, str], body: bytes) -> None:
        asked.append((fields, body))
        says(health(1))(protocol, stream, fields, body)

    with TcpServer(serves(respond)) as server:
        (result,) = probe(grpc(server.port, service="shop.Orders", timeout=2.5))
    assert result.outcome == "ok"
    ((fields, body),) = asked
    assert (fields[":method"], fields[":scheme"]) == ("POST", "http")
    assert fields[":authority"] == f"127.0.0.1:{server.port}"
    assert (fields["te"], fields["content-type"]) == ("trailers", "application/grpc")
    assert fields["grpc-timeout"] == "2500m"
    assert body == b"\0\0\0\0\x0d\x0a\x0bshop.Orders"


@pytest.mark.parametrize(
    ("respond", "detail"),
    [
        (says(b""), "0 bytes instead of a message"),
        (says(message(b"\x08\x01", compressed=1)), "a compressed message"),
        (says(message(b"\x08\x01", length=3)), "a message of 3 bytes, of which 2 came"),
        (says(message(b"\x08\x01") * 2), "of which"),
        (says(message(b"\x08\x09")), "the unknown status 9"),
        (says(message(b"\x08")), "cut short"),
        (says(message(b"\x08" + b"\xff" * 20)), "more than ten bytes"),
        (says(message(b"\x0f\x01")), "not protobuf"),
        (says(message(b"\x12\x7fx")), "cut short"),
        (says(b"x" * (MAX_BYTES + 1)), f"more than {MAX_BYTES} bytes"),
        (says(health(1), trailers=None), "no grpc-status"),
        (says(health(1), trailers=[("grpc-status", "none")]), "'none' is no number"),
        (
            says(health(1), headers=[(":status", "200"), ("content-type", "text/html")]),
            "content-type 'text/html'",
        ),
        (says(b"no", headers=[(":status", "404")], trailers=None), "HTTP status 404"),
        (
            says(health(1), headers=[(":status", "503"), ("content-type", "application/grpc")]),
            "HTTP status 503",
        ),
        (
            says(health(1), headers=[*HEADERS, ("grpc-status", "0")], trailers=None),
            "no grpc-status in trailers",
        ),
        (says(b"x" * 9999, headers=[(":status", "502")], trailers=None), "HTTP status 502"),
    ],
)
def test_what_no_grpc_server_says(respond: Respond, detail: str) -> None:
    with TcpServer(serves(respond)) as server:
        (result,) = probe(grpc(server.port))
    assert (result.outcome, result.reason) == ("fail", "grpc.protocol"), result
    assert detail in (result.detail or "")


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (silent, "grpc.timeout"),
        (reset, "tcp.reset"),
        (answers(), "grpc.protocol"),
        (answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "grpc.protocol"),
    ],
    ids=["silent", "reset", "closed", "HTTP/1.1"],
)
def test_no_http2(behave: Behave, reason: str) -> None:
    with TcpServer(behave) as server:
        (result,) = probe(grpc(server.port, timeout=1.0))
    assert result.reason == reason


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


class TestTls:
    def encrypted(self, ca: trustme.CA, protocols: list[str]) -> Behave:
        made = context(ca.issue_cert("localhost"))
        made.set_alpn_protocols(protocols)

        def serve(connection: ssl.SSLSocket) -> None:
            connection.settimeout(10)
            speak(connection, SERVICES)

        return tls(made, serve)

    def test_over_tls(self, ca: trustme.CA, tmp_path: Path) -> None:
        options = TlsOptions(ca_file=trust(ca, tmp_path))
        soon = TlsOptions(ca_file=options.ca_file, min_days_left=365_000.0)
        with TcpServer(self.encrypted(ca, ["h2"])) as server:
            well, expiring, untrusted = probe(
                grpc(server.port, host="localhost", tls=options, service="shop.Orders"),
                grpc(server.port, host="localhost", tls=soon),
                grpc(server.port, host="localhost", tls=TlsOptions()),
            )
        assert well.outcome == "ok", well
        assert set(well.phases_us) == {"connect", "tls", "processing", "transfer"}
        assert well.facts is not None
        assert well.facts.tls is not None
        assert well.facts.tls.alpn == "h2"
        assert expiring.reason == "tls.expires_soon"
        assert untrusted.reason == "tls.untrusted"

    def test_a_server_without_http2(self, ca: trustme.CA, tmp_path: Path) -> None:
        options = TlsOptions(ca_file=trust(ca, tmp_path))
        with TcpServer(tls(context(ca.issue_cert("localhost")))) as server:
            (result,) = probe(grpc(server.port, host="localhost", tls=options))
        assert result.reason == "grpc.protocol"
        assert "ALPN h2" in (result.detail or "")


class TestProtobuf:
    def test_the_default_is_not_written(self) -> None:
        assert request("") == bytes(5)

    def test_a_long_name_has_a_length_of_two_bytes(self) -> None:
        assert request("s" * 200) == b"\0\0\0\0\xcb\x0a\xc8\x01" + b"s" * 200

    def test_other_fields_are_skipped(self) -> None:
        """A text, eight bytes, four bytes, a number; and of two statuses the last counts."""
        other = b"\x12\x02hi" + b"\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x28\xff\x01"
        assert serving(message(b"\x08\x02" + other + b"\x08\x01")) == "SERVING"
        assert serving(message(other)) == "UNKNOWN"

    @pytest.mark.parametrize("cut", range(1, 22))
    def test_what_is_cut_is_refused_and_never_more_than_that(self, cut: int) -> None:
        whole = b"\x12\x02hi" + b"\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x28\xff\x01" + b"\x08\x01"
        try:
            assert serving(message(whole[:cut])) == "UNKNOWN"
        except NotGrpc:
            pass

    @given(st.binary(max_size=40), st.booleans())
    def test_any_bytes_are_read_or_refused(self, data: bytes, is_framed: bool) -> None:
        try:
            assert serving(message(data) if is_framed else data) in get_args(ServingStatus)
        except NotGrpc:
            pass
