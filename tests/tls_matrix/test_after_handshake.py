"""What a hostile peer can still do once the handshake is over: the records are sealed here by hand."""

import hashlib
import hmac
import select
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from servers.tcp import TcpServer
from servers.tls import context
from stream.probing_helpers import probe, tcp
from vedette.checks.model import TlsOptions
from vedette_agent.engine.tls import MAX_IDLE_BYTES

KEY_UPDATE = b"\x18\0\0\1\1"  # RFC 8446 4.6.3, with a request for the peer's own
HELLO_REQUEST = b"\0\0\0\0"  # RFC 5246 7.4.1.1

Seal = Callable[[int, bytes], bytes]


class Sealed:
    """A TLS server that hands the key of its records over after the handshake."""

    def __init__(self, version: ssl.TLSVersion, directory: Path) -> None:
        self._version = version
        self._log = directory / f"keys of {version.name}"
        self._context = context(trustme.CA().issue_cert("localhost"))
        self._context.minimum_version = self._context.maximum_version = version
        self._context.num_tickets = 0
        self._context.set_ciphers("ECDHE+AESGCM+AES128")
        self._context.keylog_filename = str(self._log)
        self.answers: list[int] = []  # content types of the records that came afterwards

    def shaken(self, connection: socket.socket) -> Callable[[int, bytes], None]:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = self._context.wrap_bio(incoming, outgoing, server_side=True)
        said = b""
        while True:
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                said += (out := outgoing.read())
                connection.sendall(out)
                incoming.write(connection.recv(65536))
            else:
                connection.sendall(outgoing.read())
                break
        lines = [line.split() for line in self._log.read_text().splitlines() if not line.startswith("#")]
        secrets = {kind: (bytes.fromhex(random), bytes.fromhex(secret)) for kind, random, secret in lines}
        if self._version is ssl.TLSVersion.TLSv1_2:
            seal = _tls12(*secrets["CLIENT_RANDOM"], said[11:43])
        else:
            cipher = server.cipher()
            assert cipher is not None
            seal = _tls13(secrets["SERVER_TRAFFIC_SECRET_0"][1], "sha384" if "384" in cipher[0] else "sha256")
        return lambda kind, data: connection.sendall(seal(kind, data))

    def listen(self, connection: socket.socket) -> None:
        """Read what comes until the peer leaves."""
        came = b""
        while data := connection.recv(65536):
            came += data
        while len(came) >= 5:
            self.answers.append(came[0])
            came = came[5 + int.from_bytes(came[3:5], "big") :]


def _expanded(secret: bytes, label: str, length: int, hash_name: str) -> bytes:
    """HKDF-Expand-Label of RFC 8446 7.1, for at most one block."""
    name = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes((len(name),)) + name + b"\0\1"
    return hmac.digest(secret, info, hash_name)[:length]


def _tls13(secret: bytes, hash_name: str) -> Seal:
    """The key moves on with each KeyUpdate (7.2)."""
    size = hashlib.new(hash_name).digest_size
    state = {"secret": secret, "count": 0}

    def seal(kind: int, data: bytes) -> bytes:
        now, count = state["secret"], state["count"]
        assert isinstance(now, bytes)
        assert isinstance(count, int)
        key = _expanded(now, "key", 32 if size == 48 else 16, hash_name)
        nonce = int.from_bytes(_expanded(now, "iv", 12, hash_name), "big") ^ count
        inner = data + bytes((kind,))
        head = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        state["count"] = count + 1
        if data == KEY_UPDATE:
            state.update(secret=_expanded(now, "traffic upd", size, hash_name), count=0)
        return head + AESGCM(key).encrypt(nonce.to_bytes(12, "big"), inner, head)

    return seal


def _tls12(client_random: bytes, master: bytes, server_random: bytes) -> Seal:
    seed = b"key expansion" + server_random + client_random
    block, link = b"", seed
    while len(block) < 40:
        link = hmac.digest(master, link, "sha256")
        block += hmac.digest(master, link + seed, "sha256")
    key, salt = block[16:32], block[36:40]
    state = {"count": 1}  # the Finished message was the first

    def seal(kind: int, data: bytes) -> bytes:
        count = state["count"].to_bytes(8, "big")
        state["count"] += 1
        head = bytes((kind, 3, 3))
        sealed = AESGCM(key).encrypt(salt + count, data, count + head + len(data).to_bytes(2, "big"))
        return head + (len(sealed) + 8).to_bytes(2, "big") + count + sealed

    return seal


def test_the_helper_is_understood(tmp_path: Path) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        sealed = Sealed(version, tmp_path)

        def hello(connection: socket.socket, sealed: Sealed = sealed) -> None:
            sealed.shaken(connection)(23, b"hello")
            sealed.listen(connection)

        with TcpServer(hello) as server:
            (result,) = probe(tcp(server.port, expect="^hello$", tls=TlsOptions(verify=False)))
        assert result.outcome == "ok", (version, result.detail)


def test_key_updates_without_end_are_not_followed(tmp_path: Path) -> None:
    """OpenSSL takes any number; each costs two derivations and, if asked for, an answer."""
    sealed = Sealed(ssl.TLSVersion.TLSv1_3, tmp_path)
    flood = MAX_IDLE_BYTES // 27 + 100  # the bytes of one such record

    def behave(connection: socket.socket) -> None:
        say = sealed.shaken(connection)
        for _ in range(flood):
            say(22, KEY_UPDATE)
        sealed.listen(connection)

    with TcpServer(behave) as server:
        (result,) = probe(tcp(server.port, expect="never", timeout=20.0, tls=TlsOptions(verify=False)))
    assert (result.outcome, result.reason) == ("fail", "tls.handshake")
    assert "without any data" in (result.detail or "")


@pytest.mark.parametrize("count", [1, 3])
def test_no_handshake_is_made_anew(tmp_path: Path, count: int) -> None:
    """Asked to renegotiate, we say no (a warning, type 21) and go on; a hello would be of type 22."""
    sealed = Sealed(ssl.TLSVersion.TLSv1_2, tmp_path)

    def ask(connection: socket.socket) -> None:
        say = sealed.shaken(connection)
        for _ in range(count):
            say(22, HELLO_REQUEST)
            select.select([connection], [], [], 5)
        say(23, b"hello")
        sealed.listen(connection)

    with TcpServer(ask) as server:
        (result,) = probe(tcp(server.port, expect="hello", tls=TlsOptions(verify=False)))
    assert result.outcome == "ok", result.detail
    assert 22 not in sealed.answers
