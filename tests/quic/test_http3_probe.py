"""HTTP/3 (RFC 9114): what every version of HTTP can, and servers that get it wrong."""

import asyncio
import gzip
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import H3Connection
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import QuicEvent, StreamDataReceived
from msgspec import structs

from servers.certificates import issued, trusted
from servers.probing import Probed, bench
from servers.quic import App, Behave, certified, configured, http3, quic_server, responds, says
from servers.tls import trust
from vedette.checks.model import DnsCheck, Endpoint, HttpCheck, HttpExpect, TlsOptions
from vedette_agent.classify import classify
from vedette_agent.http.http3 import MAX_FIELD_LIST, window
from vedette_agent.probers.dns import probe_dns
from vedette_agent.probers.http import probe_http
from vedette_agent.probers.run import prepare

CA = trustme.CA()
LEAF = CA.issue_cert("www.test", "other.test")
SECONDS = 30.0


def run(check: HttpCheck) -> Probed:
    prepare([check])

    async def main() -> Probed:
        async with bench() as on:
            return await on.run(probe_http, check, SECONDS)

    return asyncio.run(main())


def probe(behave: Behave, directory: Path, path: str = "/", **settings: Any) -> Probed:
    with quic_server(certified(LEAF, "h3"), behave) as port:
        return run(checked(port, directory, path, **settings))


def checked(port: int, directory: Path, path: str = "/", **settings: Any) -> HttpCheck:
    return HttpCheck(
        name="t", target="t", interval=60, timeout=SECONDS, url=f"https://www.test:{port}{path}",
        versions=("HTTP/3",), resolve={"www.test": "127.0.0.1", "other.test": "127.0.0.1"},
        tls=TlsOptions(ca_file=trust(CA, directory)), **settings,
    )  # fmt: skip


def test_a_response_with_all_its_facts(tmp_path: Path) -> None:
    app = responds(200, b"hello", content_length="5", last_modified="Sun, 06 Nov 1994 08:49:37 GMT")
    probed = probe(http3(app), tmp_path, expect=HttpExpect(versions=("HTTP/3",), body_matches=("^hello$",)))
    assert probed.error is None
    record = probed.record
    assert record.http is not None
    assert record.tls is not None
    assert (record.http.version, record.http.status, record.http.body_bytes) == ("3", 200, 5)
    assert (record.http.content_length, record.http.last_modified_us) == (5, 784111777_000000)
    assert (record.tls.alpn, record.tls.verified) == ("h3", True)
    assert set(record.phases) == {"connect", "processing", "transfer"}
    assert record.clock == "kernel"
    noted = {event: str(what) for _, event, what in record.notes}
    assert noted["http.request"].startswith(":method: GET\n")
    assert noted["http.response"].startswith(":status: 200\n")
    assert noted["http.response"].endswith("\n\nhello")


def test_method_fields_and_body_reach_the_server(tmp_path: Path) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    def app(spoken: H3Connection, stream: int, asked: dict[str, str], sent: bytes) -> None:
        seen.append((asked, sent))
        responds(204)(spoken, stream, asked, sent)

    body = "a" * 50_000
    probed = probe(http3(app), tmp_path, "/p?q=1", method="PUT", headers=(("X-Key", "v"),), body=body)
    assert probed.error is None
    asked, sent = seen[0]
    assert (asked[":method"], asked[":path"], asked[":scheme"]) == ("PUT", "/p?q=1", "https")
    assert asked[":authority"].startswith("www.test:")
    assert (asked["x-key"], asked["content-length"], sent) == ("v", "50000", body.encode())


def test_a_redirect_is_followed_over_http_3(tmp_path: Path) -> None:
    def app(spoken: H3Connection, stream: int, asked: dict[str, str], sent: bytes) -> None:
        port = asked[":authority"].partition(":")[2]
        there = {"/": f"https://other.test:{port}/there"}.get(asked[":path"])
        answer = responds(302, location=there) if there else responds(200, asked[":authority"].encode())
        answer(spoken, stream, asked, sent)

    probed = probe(http3(app), tmp_path, expect=HttpExpect(body_matches=("^other.test:",)))
    assert probed.error is None
    assert probed.record.http is not None
    assert (probed.record.http.redirects, probed.record.http.version) == (1, "3")


def test_a_redirect_to_http_cannot_be_followed(tmp_path: Path) -> None:
    probed = probe(http3(responds(301, location="http://www.test/")), tmp_path)
    assert probed.failure == "http.redirects"


def test_an_expired_certificate(tmp_path: Path) -> None:
    root = issued(common_name="root", is_ca=True)
    leaf = issued("www.test", by=root, since=-9, until=-1)
    with quic_server(configured(leaf.key_pem, [leaf.certificate], "h3"), http3(responds())) as port:
        tls = TlsOptions(ca_file=trusted(tmp_path, root))
        probed = run(structs.replace(checked(port, tmp_path), tls=tls))
    assert probed.failure == "tls.expired"
    assert probed.error is not None
    assert classify(probed.error, "quic", 1.0, 0.0, is_clock_wrong=True)[:2] == ("not_run", "clock")
    assert probed.record.http is None


def test_windows_do_not_grow(tmp_path: Path) -> None:
    """aioquic would double them on the way: here the server is never told of more."""
    most = 1 << 20
    came: dict[int, QuicConnection] = {}

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        came[id(connection)] = connection
        answer(connection, event)

    answer = http3(responds(200, bytes(2 * most)))
    with quic_server(certified(LEAF, "h3"), behave) as port:
        probed = run(checked(port, tmp_path, max_body_bytes=most))
        (connection,) = came.values()
        assert connection._remote_max_data == window(most)
        assert connection._streams[0].max_stream_data_remote == window(most)
    assert probed.failure == "http.too_large"


def test_no_dynamic_table_and_no_push_is_offered(tmp_path: Path) -> None:
    settings: list[Any] = []

    def app(spoken: H3Connection, stream: int, asked: dict[str, str], sent: bytes) -> None:
        settings.append((spoken.received_settings, spoken._max_push_id))
        responds()(spoken, stream, asked, sent)

    assert probe(http3(app), tmp_path).error is None
    assert settings == [({0x1: 0, 0x7: 0, 0x6: MAX_FIELD_LIST}, None)]


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    app = responds(200, gzip.compress(bytes(50_000_000)), content_encoding="gzip")
    probed = probe(http3(app), tmp_path, max_body_bytes=100_000, expect=HttpExpect(body_matches=("x",)))
    assert probed.failure == "http.too_large"


def test_interim_responses_and_trailers(tmp_path: Path) -> None:
    def app(spoken: H3Connection, stream: int, asked: dict[str, str], sent: bytes) -> None:
        spoken.send_headers(stream, [(b":status", b"103"), (b"link", b"</a>")])
        spoken.send_headers(stream, [(b":status", b"200")])
        spoken.send_data(stream, b"body", end_stream=False)
        spoken.send_headers(stream, [(b"x-sum", b"1")], end_stream=True)

    probed = probe(http3(app), tmp_path, expect=HttpExpect(body_matches=("^body$",)))
    assert probed.error is None


def many(count: int) -> App:
    def app(spoken: H3Connection, stream: int, asked: dict[str, str], sent: bytes) -> None:
        fields = [(b":status", b"200"), *((b"x-%d" % n, b"v") for n in range(count))]
        spoken.send_headers(stream, fields, end_stream=True)

    return app


def frame(kind: int, data: bytes, length: int | None = None) -> bytes:
    return encode_uint_var(kind) + encode_uint_var(len(data) if length is None else length) + data


def says_aside(data: bytes) -> Behave:
    """These bytes on a stream of the server's own, once it is asked."""

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived) and event.stream_id == 0 and event.end_stream:
            connection.send_stream_data(3, data)

    return behave


def resets(connection: QuicConnection, event: QuicEvent) -> None:
    if isinstance(event, StreamDataReceived) and event.stream_id == 0:
        connection.reset_stream(0, 0x102)


def goes_away(number: int) -> Behave:
    """After the request, which is answered unless it is left out."""

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived) and event.stream_id == 0 and event.end_stream:
            connection.send_stream_data(3, b"\0\4\0\7\1" + bytes([number]))
            if number:
                connection.send_stream_data(0, b"\1\3\0\0\xd9\0\1x", end_stream=True)

    return behave


def test_a_peer_that_goes_away_still_answers_what_it_has_begun(tmp_path: Path) -> None:
    """RFC 9114 5.2: it names the first request that it does not serve."""
    assert probe(goes_away(4), tmp_path, expect=HttpExpect(body_matches=("^x$",))).error is None


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (goes_away(0), "the peer goes away before it has answered"),
        # RFC 9204 4.3.1: a table of 4096 bytes, where none is allowed.
        (says_aside(b"\2\x3f\xe1\x1f"), "QPACK_ENCODER_STREAM_ERROR"),
        (says(b"", end=True), "without a response"),
        (says(frame(0x0, b"hello")), "H3_FRAME_UNEXPECTED"),
        (says(frame(0x1, b"\xff\xff\xff\xff")), "QPACK_DECOMPRESSION_FAILED"),
        (says(frame(0x5, b"\0\0\0\xd1")), "HTTP/3: "),
        (says(frame(0x1, bytes(2000), 1 << 20)), "more than 16384 bytes of headers"),
        (says(frame(0x21, bytes(100_000))), "more than 65536 bytes of headers"),
        (http3(many(300)), "more than 256 headers"),
        (http3(responds(99)), "status"),
        (http3(responds(200, b"no gzip, whatever it says", content_encoding="gzip")), "cannot be decoded"),
        (http3(responds(200, b"xy", content_length="5")), "H3_MESSAGE_ERROR"),
        (resets, "the peer reset the stream: H3_INTERNAL_ERROR"),
    ],
)
def test_broken_http(behave: Behave, said: str, tmp_path: Path) -> None:
    probed = probe(behave, tmp_path, expect=HttpExpect(body_matches=("x",)))
    assert probed.failure == "http.protocol"
    assert said in probed.detail


def test_words_about_a_field_are_cut(tmp_path: Path) -> None:
    def app(spoken: H3Connection, stream: int, asked: dict[str, str], sent: bytes) -> None:
        spoken.send_headers(stream, [(b":status", b"200"), (b":" + b"a" * 900, b"v")], end_stream=True)

    probed = probe(http3(app), tmp_path)
    assert probed.failure == "http.protocol"
    assert "H3_MESSAGE_ERROR" in probed.detail
    assert "a" * 50 in probed.detail
    assert "a" * 101 not in probed.detail


def test_without_the_packages_the_agent_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("vedette_agent.engine.quic")]:
        if name != "vedette_agent.engine.quicneeded":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("vedette_agent.engine.quictls")
    monkeypatch.setitem(sys.modules, "aioquic", None)
    monkeypatch.setitem(sys.modules, "aioquic.quic", None)
    check = DnsCheck(
        name="t", target="t", interval=60, timeout=5, query_name="a.test",
        server=Endpoint("127.0.0.1", 9), transport="quic",
    )  # fmt: skip
    prepare([check, checked(9, tmp_path)])

    async def main() -> list[Probed]:
        async with bench() as on:
            return [await on.run(probe_dns, check), await on.run(probe_http, checked(9, tmp_path))]

    for probed in asyncio.run(main()):
        assert "pip install 'vedette[quic]'" in str(probed.error)
        assert getattr(probed.error, "reason", None) == "configuration"
