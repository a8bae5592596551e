"""HTTP servers that answer as a table says, and remember which requests were not as it says."""

import base64
import gzip
import re
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from conformance.conversing import Met
from servers.http import answer, request
from servers.http2 import http2
from servers.tcp import Behave, TcpServer
from servers.tls import tls


@contextmanager
def responding(written: Any, contexts: Mapping[str, ssl.SSLContext]) -> Iterator[Met]:
    """The server of a case, a mapping in which nothing has to be there.

    status, headers (several values of one are a list), body, coding (of the body): the response.
    pages: such responses by path, instead; what is not there is 404.
    awaits: method, headers and body of every request; a page may await a cookie.
    closes: true for no response. raw: this instead of one, and nothing is awaited.
    over: a certificate. newest: the newest TLS to speak.
    h2, h3: true speaks that, h2 where the client offers it.
    other: a second server, whose port is <other>.
    proxy_in_environment: true sets HTTP_PROXY to the closed port.

    Values: <port>, <sent> bytes of the body, <closed>, a port at which nobody listens.
    """
    misheard: list[str] = []
    with ExitStack() as stack:
        values: dict[str, str | int | float] = {"closed": stack.enter_context(closed_port())}
        if written.get("proxy_in_environment"):
            environment = stack.enter_context(pytest.MonkeyPatch.context())
            environment.setenv("HTTP_PROXY", f"http://127.0.0.1:{values['closed']}")
        if "other" in written:
            other = stack.enter_context(responding(written["other"], contexts))
            values["other"] = other.values["port"]
        if written.get("h3"):
            yield Met({"port": stack.enter_context(_over_quic())}, misheard)
            return
        port = 0

        def pages() -> dict[str, Any]:
            return {
                path: _filled(page, {**values, "port": port})
                for path, page in written.get("pages", {"": written}).items()
            }

        def behave(connection: socket.socket) -> None:
            if "raw" in written:
                connection.recv(65536)
                connection.sendall(written["raw"].encode())
                return
            asked = _whole(connection)
            misheard.extend(_unlike(asked, written.get("awaits", {})))
            if written.get("closes"):
                return
            path = asked.split(b" ", 2)[1].decode()
            known = pages()
            page = known.get(path, known.get(""))
            if page is not None and "cookie" in page:
                misheard.extend(_unlike(asked, {"headers": {"Cookie": page["cookie"]}}))
            connection.sendall(answer("404 Not Found") if page is None else _response(page))

        spoken: Behave = behave
        if written.get("h2"):
            in_frames = http2((":status", str(written.get("status", 200))), body=_body(written))

            def spoken(connection: socket.socket) -> None:
                chosen = isinstance(connection, ssl.SSLSocket) and connection.selected_alpn_protocol()
                (in_frames if chosen == "h2" else behave)(connection)

        if "over" in written:
            spoken = tls(_context(contexts[written["over"]], written), spoken)
        server = stack.enter_context(TcpServer(spoken))
        port = server.port
        yield Met({**values, "port": port, "sent": len(_body(written))}, misheard)


def _context(context: ssl.SSLContext, written: Mapping[str, Any]) -> ssl.SSLContext:
    context.set_alpn_protocols(["h2", "http/1.1"] if written.get("h2") else ["http/1.1"])
    newest = written.get("newest", "TLSv1.3")
    context.maximum_version = ssl.TLSVersion[newest.replace(".", "_")]
    return context


@contextmanager
def closed_port() -> Iterator[int]:
    """Bound and not listening: nobody else can take it."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield nobody.getsockname()[1]


def files_to_send(directory: Path) -> dict[str, str]:
    """What stands in files that checks name."""
    written = {"password_file": "password\n", "token_file": "mysecret\n", "body_file": "Test Body"}
    for name, text in written.items():
        (directory / name).write_text(text)
    return {name: str(directory / name) for name in written}


@contextmanager
def _over_quic() -> Iterator[int]:
    """A server of HTTP/3 that answers 200. Its port."""
    from servers.quic import certified, http3, quic_server, responds

    certificate = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("localhost")
    with quic_server(certified(certificate, "h3"), http3(responds())) as port:
        yield port


def _filled(page: Mapping[str, Any], values: Mapping[str, str | int | float]) -> dict[str, Any]:
    headers = {
        name: re.sub("<([a-z]+)>", lambda word: str(values[word[1]]), value)
        if isinstance(value, str)
        else value
        for name, value in page.get("headers", {}).items()
    }
    return {**page, "headers": headers}


def _whole(connection: socket.socket) -> bytes:
    """A request with its body."""
    asked = request(connection)
    head, _, body = asked.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    while length is not None and len(body) < int(length[1]):
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


def _unlike(asked: bytes, awaits: Mapping[str, Any]) -> list[str]:
    head, _, body = asked.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    said = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    found = []
    if "method" in awaits and first.split(" ")[0] != awaits["method"]:
        found.append(first)
    if "body" in awaits and body.decode() != awaits["body"]:
        found.append(body.decode())
    for name, value in awaits.get("headers", {}).items():
        if said.get(name.lower()) != value:
            found.append(f"{name}: {said.get(name.lower())}")
    if "basic" in awaits and said.get("authorization") != _basic(awaits["basic"]):
        found.append(f"Authorization: {said.get('authorization')}")
    return found


def _basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def _response(page: Mapping[str, Any]) -> bytes:
    lines = [
        f"{name}: {value}"
        for name, given in page.get("headers", {}).items()
        for value in (given if isinstance(given, list) else [given])
    ]
    return answer(f"{page.get('status', 200)} Said", _body(page), *lines)


def _body(page: Mapping[str, Any]) -> bytes:
    text = page.get("body", "") * page.get("times", 1)
    return _CODINGS[page.get("coding", "identity")](text.encode())


def _bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _brotli(data: bytes) -> bytes:
    import brotli

    packed: bytes = brotli.compress(data)
    return packed


_CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": _bare_deflate,
    "br": _brotli,
}
