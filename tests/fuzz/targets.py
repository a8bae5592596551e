"""What reads bytes of targets, each as a function of bytes: it may raise nothing but what it declares."""

import datetime
import json
import warnings
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Final

import msgspec
from cryptography.utils import CryptographyDeprecationWarning
from wsproto.connection import Connection, ConnectionType

from fuzz.dns_targets import dns_answer, dns_iterate, dns_message, dns_options, dnssec_reply
from fuzz.quic_targets import http3, quic_datagrams, quic_frames, quic_handshake
from fuzz.scripted import Inline, Scripted, ended
from vedette.checks import read as configuration
from vedette.checks.captures import TooLong, filled
from vedette.checks.model import DialogueStep, WebsocketCheck
from vedette.checks.model.http import JsonExpect
from vedette.checks.problems import BadConfig
from vedette.errors import WireError
from vedette.wire import codec
from vedette.wire.messages import Batch, Evidence, Heartbeat
from vedette_agent import grpc, ntp, staple, starttls, x509
from vedette_agent.der import key_facts
from vedette_agent.engine import icmp, stamps
from vedette_agent.engine.paths import UdpCarrier
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.tlsrecords import Records
from vedette_agent.evidence import MAX_HIDDEN, printable
from vedette_agent.http import codings
from vedette_agent.http.dates import last_modified
from vedette_agent.http.documents import judge_json
from vedette_agent.http.http2 import Http2
from vedette_agent.http.request import BadTarget, Hop, encoded, fields, following
from vedette_agent.http.response import Response
from vedette_agent.http.secrets import Secrets
from vedette_agent.pattern import compiled
from vedette_agent.probers.conversing import Conversation
from vedette_agent.probers.http_proxy import _go_through
from vedette_agent.probers.websocket import _Peer
from vedette_collector import salvage

Target = Callable[[bytes], None]

MAX_BODY: Final = 1 << 16


def http_response(data: bytes) -> None:
    """Fed in pieces, it comes to the same as fed at once."""
    told: list[tuple[int, dict[str, str], bytearray] | None] = []
    for size in (max(len(data), 1), len(data) // 5 + 1):
        response = Response("GET", MAX_BODY, keeps_body=True)
        try:
            for at in range(0, len(data), size):
                response.feed(data[at : at + size])
            response.end()
            told.append((response.status, response.headers, response.body))
        except ProbeFailed:
            told.append(None)
        assert len(response.body) <= MAX_BODY
        last_modified(response.headers)
    assert told[0] == told[1]


def http2(data: bytes) -> None:
    exchange = Http2("GET", MAX_BODY, keeps_body=True)
    exchange.begin([(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")])
    try:
        for at in range(0, len(data), Http2.READ_BYTES):
            exchange.feed(data[at : at + Http2.READ_BYTES])
        exchange.end()
    except ProbeFailed:
        pass
    assert len(exchange.body) <= MAX_BODY


_HOP: Final = Hop("https", "a.test", 443, "/", "GET", (("Authorization", "Bearer a"),), None)


def http_location(data: bytes) -> None:
    """A redirect leads to a host and a port in a request of whole lines, and credentials stay at home."""
    try:
        found = following(_HOP, 302, data.decode("latin-1"))
        wire = encoded(found)
        fields(found)
    except BadTarget:
        return
    assert found.scheme in ("http", "https")
    assert 0 < found.port < 65536
    assert found.host
    assert wire.count(b"\r\n\r\n") == 1
    assert found.origin == _HOP.origin or not any(name == "Authorization" for name, _ in found.headers)


def http_coding(data: bytes) -> None:
    coding = ("gzip", "deflate", "br", "zstd")[data[0] % 4 if data else 0]
    unpacker = codings.decoder(coding)
    assert unpacker is not None
    total = 0
    try:
        for piece in unpacker.pieces(data[1:]):
            total += len(piece)
            assert len(piece) <= 1 << 20
            if total > MAX_BODY:
                break
    except codings.Undecodable:
        pass


_RULES: Final = tuple(
    JsonExpect(path=path, matches=("a+$",)) for path in ("$.a", "$[0]", "$.a[*].b", "$.a.length()")
)


def http_json(data: bytes) -> None:
    try:
        judge_json(_RULES, bytearray(data), lambda: Secrets({"secret"}))
    except ProbeFailed:
        pass


def tls_records(data: bytes) -> None:
    """Where a record begins does not depend on how the bytes came."""
    whole, cut = Records(), Records()
    begins = whole.take(data)
    begun = [cut.take(data[at : at + 3]) for at in range(0, len(data), 3)]
    assert begins is any(begun)
    assert whole.is_inside is cut.is_inside


def certificate(data: bytes) -> None:
    assert len(x509.described(data)) < 64 * 1024
    try:
        key_facts(data)
    except (ValueError, IndexError):
        pass


def ocsp(data: bytes) -> None:
    """Length of the certificate, the certificate, the response."""
    length = int.from_bytes(data[:2], "big")
    leaf = data[2 : 2 + length]
    try:
        # What a later release of cryptography refuses is met with a warning until then.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        staple.judged(data[2 + length :], leaf, [leaf], datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    except staple.BadStaple:
        pass


_OPENINGS: Final = ("smtp", "imap", "pop3", "ftp", "ldap", "postgres", "xmpp")


def opening(data: bytes) -> None:
    talk = starttls.opening(_OPENINGS[data[0] % 7 if data else 0], "a.test")  # type: ignore[arg-type]
    pieces = [data[at : at + len(data) // 4 + 1] for at in range(1, len(data), len(data) // 4 + 1)]
    try:
        assert next(talk, None) is not None
        for piece in [*pieces, b""]:
            talk.send(piece)
    except (StopIteration, starttls.Refused):
        pass


_STEPS: Final = (
    DialogueStep(expect=r"^(?P<code>\d{3})([ -].*)$", send=r"\1 \2 {code}"),
    DialogueStep(expect_bytes=b"\xff"),
    DialogueStep(expect="OK$", send="bye"),
)


def dialogue(data: bytes) -> None:
    try:
        talk = Conversation(Scripted(data), Record(), Inline())  # type: ignore[arg-type]
        ended(talk.follow(_STEPS, "a.test", None))
    except ProbeFailed:
        pass


def captures(data: bytes) -> None:
    """What a peer said is put into a text literally, and not read again."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        made = filled(r"\1-{name}", (text,), {"name": text}, 1 << 16)
    except TooLong:
        return
    assert made == f"{text}-{text}"


def pattern(data: bytes) -> None:
    """What is found can be cut out by its places; groups give back what came."""
    text = data.decode("utf-8", "surrogateescape")
    for one in (r"(?m)^(\w+) (.*)$", r"\B", "([^a]*)b", "é|."):
        found = compiled(one, captures=True).search(text)
        if found is not None:
            assert 0 <= found.start() <= found.end() <= len(text)
            assert all(group is None or group in text for group in found.groups())


def ntp_packet(data: bytes) -> None:
    if not ntp.is_answer(data, data[24:32]):
        return
    try:
        answer = ntp.read(data)
    except ntp.NotTime:
        return
    ntp.compared(answer, 1_700_000_000_000_000_000, 1_700_000_000_050_000_000)


@cache
def _websocket() -> WebsocketCheck:
    probe = "{url: ws://a.test/, dialogue: [{expect: a+}]}"
    text = f"agents: [{{name: par-01}}]\nchecks: [{{name: a, websocket: {probe}}}]"
    (check,) = configuration.loads(text.encode(), "a.yaml").checks
    assert isinstance(check, WebsocketCheck)
    return check


def websocket(data: bytes) -> None:
    """The answer to our handshake."""
    check = _websocket()

    async def talk() -> None:
        peer = _Peer(Scripted(data), Inline())  # type: ignore[arg-type]
        await peer.shake_hands(check, Record())
        await peer.follow(check.dialogue, Record())
        await peer.part()

    try:
        ended(talk())
    except ProbeFailed:
        pass


def websocket_frames(data: bytes) -> None:
    """Frames of an open connection."""
    check = _websocket()

    async def talk() -> None:
        peer = _Peer(Scripted(data), Inline())  # type: ignore[arg-type]
        peer._protocol.connection = Connection(ConnectionType.CLIENT)
        await peer.follow(check.dialogue, Record())
        await peer.part()

    try:
        ended(talk())
    except ProbeFailed:
        pass


def proxy(data: bytes) -> None:
    try:
        ended(_go_through(Scripted(data), b"CONNECT a.test:443 HTTP/1.1\r\n\r\n", Record()))  # type: ignore[arg-type]
    except ProbeFailed:
        pass


def grpc_answer(data: bytes) -> None:
    """Status, headers and message of one answer."""
    lines, _, body = data.partition(b"\n\n")
    said = dict(line.split(": ", 1) for line in lines.decode("latin-1").split("\n") if ": " in line)
    for read in (lambda: grpc.status(200, said, {}).name, lambda: grpc.serving(body)):
        try:
            assert isinstance(read(), str)
        except grpc.NotGrpc:
            pass


def icmp_reply(data: bytes) -> None:
    """Nothing is taken for the reply but the reply."""
    for family in (4, 6):
        sock = object.__new__(icmp.Socket)
        sock._pending, sock._family, sock._ident = {}, family, 0x1234
        echo = icmp.Echo(sock, ("192.0.2.1", 0), b"payload8" * 3)
        echo.run = SimpleNamespace(record=Record())  # type: ignore[assignment]
        sock._pending[7] = echo
        found = sock._awaited(data, ("192.0.2.1", 0))
        wanted = bytes([0 if family == 4 else 129, 0]), b"\x12\x34\0\7" + echo.payload
        assert (found is echo) is ((data[:2], data[4:]) == wanted)
        assert sock._awaited(data, ("192.0.2.2", 0)) is None


def error_queue(data: bytes) -> None:
    """Ancillary data of the kernel, and the quote of an ICMP error in it."""
    for level, kind in ((1, 37), (0, 11), (41, 25), (0, 2), (41, 52)):
        stamps.received_at([(level, kind, data)])
        icmp._hop_limit([(level, kind, data)])
    stamps._offender(data, True)
    stamps._offender(data, False)
    carrier = object.__new__(UdpCarrier)
    carrier._token, carrier._watches = b"token123", {}
    assert carrier._number(data)[0] is (len(data) <= 8 and b"token123".startswith(data))


def batch(data: bytes) -> None:
    """What an agent publishes, packed or plain."""
    for content_type in (codec.JSON, codec.ZSTD):
        for kind in (Batch, Evidence, Heartbeat):
            try:
                codec.decode(data, content_type, kind)
            except WireError:
                pass
    try:
        found = salvage.read(data)
    except WireError:
        return
    assert all(one is None or msgspec.json.encode(one) for one in found.results)


def evidence(data: bytes) -> None:
    """As much of a conversation as is searched for secrets."""
    data = data[:MAX_HIDDEN]
    for said in (data.decode("latin-1"), data.decode("utf-8", "replace")):
        assert printable(said).replace("\n", "").isprintable()
    hidden = Secrets({"correct horse battery"}).hide(data.decode("latin-1"))
    assert "correct horse battery" not in hidden


def config(data: bytes) -> None:
    try:
        assert configuration.loads(data, "any.yaml").checks
    except BadConfig as exc:
        json.dumps(str(exc))


TARGETS: Final[dict[str, Target]] = {
    one.__name__: one
    for one in (
        dns_answer, dns_message, dns_options, dns_iterate, dnssec_reply, http_response, http2, http_location,
        http_coding, http_json, tls_records, certificate, ocsp, opening, dialogue, captures, pattern,
        ntp_packet, websocket, websocket_frames, proxy, grpc_answer, icmp_reply, error_queue, batch, evidence,
        config, quic_datagrams, quic_handshake, quic_frames, http3,
    )
}  # fmt: skip
