"""Writes the corpus anew: what real servers say on loopback, examples of RFCs, cases that once went wrong.

`PYTHONPATH=tests python -m fuzz.collect`; needs nsd, nginx and openssl. Read the diff: keys and dates differ.
"""

import gzip
import shutil
import socket
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import dns.message
import dns.query
import hpack
import zstandard

from fuzz.collect_quic import quic_inputs
from fuzz.dns_targets import TYPES
from fuzz.running import CORPUS
from fuzz.targets import TARGETS
from servers.daemon import free_port
from servers.nginx import Nginx
from servers.nsd import Nsd, plain

ZONE = """$TTL 60
@ IN SOA ns mail {serial} 60 60 60 60
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
www TXT "hello" "world"
www MX 10 mail
www CAA 0 issue "ca.test"
www HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1
www NAPTR 10 10 "S" "SIP+D2U" "" _sip._udp
sub NS ns.sub
ns.sub A 192.0.2.53
"""
ROOT = Path(__file__).parents[1]
QUESTION = b"\3www\1a\4test\0"


def answers(directory: Path) -> dict[str, bytes]:
    server = Nsd(directory / "nsd", {"a.test.": plain(ZONE)})
    server.start()
    found = {}
    try:
        for rdtype in TYPES:
            query = dns.message.make_query("www.a.test.", rdtype, want_dnssec=True, payload=4096)
            query.use_edns(0, 0, 4096, options=[dns.edns.GenericOption(dns.edns.NSID, b"")])
            wire = dns.query.tcp(query, "127.0.0.1", port=server.port, timeout=5).to_wire()
            found[f"nsd-{rdtype.lower()}"] = wire
    finally:
        server.stop()
    return found


def as_input(name: str, wire: bytes) -> bytes:
    """In the form of dns_targets._response."""
    number = TYPES.index(name.rpartition("-")[2].upper()) if "-" in name else 0
    return bytes([number]) + wire[2:4] + wire[6:12] + wire[12 + len(QUESTION) + 4 :]


def said_by(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def responses(directory: Path) -> dict[str, bytes]:
    port, port2 = free_port(), free_port()
    hosts = (
        f"server {{ listen 127.0.0.1:{port}; gzip on; gzip_min_length 1; gzip_types *; root {directory}/www; "
        "location /old { return 301 https://www.a.test/new?a=b; } }\n"
        f"server {{ listen 127.0.0.1:{port2} http2; root {directory}/www; }}\n"
    )
    (directory / "www").mkdir()
    (directory / "www" / "index.html").write_text("<html><title>in stock</title></html>\n" * 8)
    server = Nginx(directory / "nginx", hosts, (port, port2))
    server.start()
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    block = hpack.Encoder().encode(
        [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]
    )
    try:
        ask = "GET {} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{}\r\n"
        return {
            "nginx-plain": said_by(port, ask.format("/", "").encode()),
            "nginx-gzip": said_by(port, ask.format("/", "Accept-Encoding: gzip\r\n").encode()),
            "nginx-redirect": said_by(port, ask.format("/old", "").encode()),
            "nginx-missing": said_by(port, ask.format("/none", "").encode()),
            "nginx-http2": said_by(port2, preface + len(block).to_bytes(3, "big") + b"\1\5\0\0\0\1" + block),
        }
    finally:
        server.stop()


def certificates(directory: Path) -> dict[str, bytes]:
    made = {}
    for name, key in (("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("rsa", ["rsa:2048"])):
        file = directory / f"{name}.der"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-subj", f"/O=Vedette/CN={name}.a.test",
             "-addext", "subjectAltName=DNS:a.test", "-keyout", "/dev/null", "-outform", "DER",
             "-out", str(file)],
            check=True, capture_output=True,
        )  # fmt: skip
        made[name] = file.read_bytes()
    return made


def collected(directory: Path) -> dict[str, tuple[bytes, str]]:
    dns_wires, http, certs = answers(directory), responses(directory), certificates(directory)
    found: dict[str, tuple[bytes, str]] = {}

    def add(target: str, name: str, data: bytes, origin: str) -> None:
        found[f"{target}/{name}"] = (data, origin)

    bomb = b"\0\0\x80\0\1\x0c\0\0\0" + b"".join(struct.pack(">H", 0xC000 | at) for at in range(28, 8000, 2))
    for target in ("dns_answer", "dns_iterate", "dnssec_reply"):
        for name, wire in dns_wires.items():
            add(target, name, as_input(name, wire), "what NSD answered on loopback")
        add(target, "pointers", bomb, "chains of pointers, which held dnspython before 2.9")
        add(target, "self", b"\0\0\x80\0\1\0\0\0\0\xc0\x1c", "a pointer to itself (RFC 1035 4.1.4)")
    for name, wire in dns_wires.items():
        add("dns_message", name, wire, "what NSD answered on loopback")
    add("dns_options", "errors", b"\0\x0f\0\6\0\7test\0\3\0\4ns01", "RFC 8914 2, RFC 5001 2.3")
    add("dns_options", "cut", b"\0\x0f\xff\xff\0", "an option that is cut off")
    for name in ("nginx-plain", "nginx-gzip", "nginx-redirect", "nginx-missing"):
        add("http_response", name, http[name], "what nginx answered on loopback")
        add("proxy", name, http[name], "what nginx answered on loopback")
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\nWiki\r\n5;a=b\r\npedia\r\n0\r\nX: y\r\n\r\n"
    )
    add("http_response", "chunked", chunked, "chunks, an extension and a trailer: RFC 9112 7.1")
    add("http_response", "interim", b"HTTP/1.1 100 Continue\r\n\r\n" + chunked, "RFC 9110 15.2")
    add("http2", "nginx-http2", http["nginx-http2"], "what nginx answered on loopback")
    add("http2", "goaway", b"\0\0\0\4\0\0\0\0\0" + b"\0\0\x08\7" + bytes(12) + b"\x0b", "RFC 9113 6.8")
    for name, url in (
        ("absolute", b"https://www.a.test:8443/new?a=b"), ("relative", b"../x y?"),
        ("network", b"//other.test/"),
        ("decimal", b"http://2130706433/"), ("user", b"https://www.a.test@[::ffff:127.0.0.1]/"),
    ):  # fmt: skip
        add("http_location", name, url, "references of RFC 3986 5.4 and addresses in odd spellings")
    text = b"<html>in stock</html>" * 40
    raw = zlib.compressobj(wbits=-15)
    for number, (name, packed) in enumerate((
        ("gzip", gzip.compress(text, mtime=0)), ("deflate", zlib.compress(text)),
        ("br", bytes.fromhex("0b028068656c6c6f03")), ("zstd", zstandard.compress(text)),
    )):  # fmt: skip
        add("http_coding", name, bytes([number]) + packed, "made by the coding's own encoder")
        add("http_coding", f"{name}-bomb", bytes([number]) + packed[:2] + packed * 3, "bodies behind bodies")
    add("http_coding", "raw", b"\1" + raw.compress(text) + raw.flush(), "deflate without zlib's head")
    add("http_json", "object", b'{"a": [{"b": 1e999}, {"b": null}], "c": "\\ud83d\\ude00"}', "RFC 8259 8.2")
    add("http_json", "deep", b"[" * 2000 + b"]" * 2000, "lists in lists")
    for name, der in certs.items():
        add("certificate", name, der, "made by openssl")
        add(
            "ocsp",
            name,
            len(der).to_bytes(2, "big") + der + der,
            "a certificate of openssl's as its own staple",
        )
        record = b"\x16\3\3" + len(der).to_bytes(2, "big") + der
        add("tls_records", name, record * 2 + b"\x17\3\3\0", "records of RFC 8446 5.1")
    add("certificate", "long", b"\x30\x84\xff\xff\xff\xff\x30\x80", "a length beyond the end")
    openings = (
        b"220 a ESMTP\r\n250-a\r\n250 STARTTLS\r\n220 go\r\n",
        b"* OK\r\n* CAPABILITY STARTTLS\r\nA1 OK\r\nA2 OK\r\n",
        b"+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK\r\n", b"220 a\r\n211-x\r\n AUTH TLS\r\n211 e\r\n234 go\r\n",
        b"\x30\x0c\2\1\1\x78\7\x0a\1\0\4\0\4\0", b"S",
        b"<stream:stream><stream:features><starttls/></stream:features>"
        b"<proceed xmlns='x'/>",
    )  # fmt: skip
    for number, said in enumerate(openings):
        add("opening", f"kind-{number}", bytes([number]) + said, "RFC 3207, 9051, 2595, 4217, 4511, 6120")
    smtp = b"220 mail.a.test ESMTP\r\n\xff250 x\r\nOK\r\n"
    add("dialogue", "smtp", smtp, "RFC 5321 4.2")
    add("dialogue", "latin", b"220 h\xe9llo\n\xff" + b"OK " * 400, "bytes that are no UTF-8")
    for target in ("captures", "pattern", "evidence"):
        add(target, "smtp", smtp, "RFC 5321 4.2")
        add(
            target,
            "odd",
            b"\\1 {name} \x1b[2J\xff\xe2\x82\xac correct horse battery b",
            "what could be read again",
        )
    stamp = struct.pack(">II", 3_900_000_000, 1 << 31)
    add(
        "ntp_packet",
        "server",
        b"\x24\2\6\xe7" + struct.pack(">ii4s", 1, 1, b"GPS\0") + stamp * 4,
        "RFC 5905 7.3",
    )
    add(
        "ntp_packet",
        "kiss",
        b"\xe4\0\6\xe7" + struct.pack(">ii4s", 0, 0, b"RATE") + stamp * 4,
        "RFC 5905 7.4",
    )
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    add(
        "websocket",
        "hello",
        switch + b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "RFC 6455 1.3",
    )
    add("websocket", "missing", http["nginx-missing"], "what nginx answered on loopback")
    add(
        "websocket_frames",
        "hello",
        b"\x81\5Hello\x01\3Hel\x80\2lo\x89\5Hello\x82\1a\x88\2\3\xe8",
        "RFC 6455 5.7",
    )
    add("websocket_frames", "long", b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + b"a" * 100, "RFC 6455 5.2")
    answer = b"grpc-status: 0\ncontent-type: application/grpc\n\n"
    add("grpc_answer", "serving", answer + b"\0\0\0\0\2\x08\1", "grpc.health.v1")
    add(
        "grpc_answer",
        "fields",
        answer + b"\0\0\0\0\x0e\x12\3abc\x19" + bytes(8),
        "protobuf's kinds of fields",
    )
    for name, head in (("v4", b"\0\0"), ("v6", b"\x81\0")):
        add("icmp_reply", name, head + b"\0\0\x12\x34\0\7" + b"payload8" * 3, "RFC 792, RFC 4443 4.2")
    failed = struct.pack("@IBBBBII", 111, 2, 3, 3, 0, 0, 0) + b"\2\0\0\0\x7f\0\0\1" + bytes(8)
    add("error_queue", "unreachable", failed, "sock_extended_err of linux/errqueue.h, with who told")
    add("error_queue", "quote", b"token123\1", "what an ICMP error quotes (RFC 792)")
    for file in sorted((ROOT / "contract" / "golden" / "v1").iterdir())[:6]:
        add("batch", file.name, file.read_bytes(), "the messages that the contract is held to")
    add("batch", "cut", b'{"v":1,"results":[', "cut off")
    for file in ("good/every_kind.yaml", "bad/alias_bomb.yaml", "bad/deep.yaml"):
        add(
            "config",
            Path(file).stem,
            (ROOT / "checks" / file).read_bytes()[:60_000],
            "the gallery of configurations",
        )
    return found | quic_inputs()


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = collected(Path(directory))
    assert {name.partition("/")[0] for name in found} == set(TARGETS)
    shutil.rmtree(CORPUS, ignore_errors=True)
    for name, (data, _) in found.items():
        (CORPUS / name).parent.mkdir(parents=True, exist_ok=True)
        (CORPUS / name).write_bytes(data)
    lines = [f"{name}: {origin}\n" for name, (_, origin) in sorted(found.items())]
    (CORPUS / "ORIGINS").write_text("".join(lines))


if __name__ == "__main__":
    main()
