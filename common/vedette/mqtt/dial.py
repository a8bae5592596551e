"""Opens the socket to the broker and says exactly why it could not.

Done here and not by the MQTT library: that one connects in a thread, which a stop would have to wait for,
and flattens every error into a text.
"""

import asyncio
import errno
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from vedette.mqtt.errors import ConnectFailed
from vedette.timefloor import utc

_CHUNK = 65536
_EXPIRED = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_HOSTNAME = {62, 64}  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, x509_vfy.h


class Wire:
    """A connected socket as the MQTT library wants one; it reads ahead and remembers what broke it.

    The library reads a packet's header byte by byte: from the buffer that costs no system call.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        self._at = 0
        self.failure: OSError | None = None
        self.last_in = self.last_out = time.monotonic()

    def recv(self, size: int) -> bytes:
        if self._at == len(self._buffer):
            self._buffer = self._fill()
            self._at = 0
        chunk = self._buffer[self._at : self._at + size]
        self._at += len(chunk)
        return chunk

    def _fill(self) -> bytes:
        try:
            data = self._sock.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as exc:
            self.failure = exc
            raise
        self.last_in = time.monotonic()
        return data

    def send(self, data: bytes) -> int:
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as exc:
            self.failure = self._alert() or exc
            raise
        self.last_out = time.monotonic()
        return sent

    def _alert(self) -> ssl.SSLError | None:
        """The alert that came before the peer hung up: it says why, and writing alone does not see it."""
        if isinstance(self._sock, ssl.SSLSocket):
            try:
                self._sock.recv(_CHUNK)
            except ssl.SSLError as exc:
                return exc if is_alert(exc) else None
            except OSError:
                pass
        return None

    def pending(self) -> int:
        """Bytes that no readiness event will announce: they have left the socket already."""
        inside = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        return len(self._buffer) - self._at + inside

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()


async def dial(
    host: str, port: int, tls: ssl.SSLContext | None, within: float, floor: float | None = None
) -> Wire:
    """A connection to the first address that accepts one, handshake done. Raises ConnectFailed.

    *floor*: seconds since the epoch that have certainly passed, where our clock is behind them. Then
    certificates must not have ended by that time, and when they begin is not asked.
    """
    try:
        async with asyncio.timeout(within):
            sock = await _connected(host, port)
            if tls is None:
                return Wire(sock)
            if floor is None:
                return Wire(await _secured(sock, host, tls))
            tls.verify_flags |= _NO_CHECK_TIME
            return Wire(_lasting(await _secured(sock, host, tls), floor))
    except TimeoutError as exc:
        raise ConnectFailed("timeout", f"no connection to {host}:{port} within {within:g} s") from exc


async def _connected(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, address in await _addresses(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
        except OSError as exc:
            sock.close()
            failure = exc
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    assert failure is not None
    fault = "refused" if failure.errno == errno.ECONNREFUSED else "unreachable"
    why = os.strerror(failure.errno) if failure.errno else str(failure)
    raise ConnectFailed(fault, f"{host}:{port}: {why}") from failure  # type: ignore[arg-type]


async def _addresses(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """The loop's resolver runs in a pool whose threads hold up the end of the program; a daemon does not."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[tuple[int, tuple[str, int]]]] = loop.create_future()

    def settle(found: list[tuple[int, tuple[str, int]]], error: OSError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(ConnectFailed("name", f"{host}: {error.strerror or error}"))

    def ask() -> None:
        found: list[tuple[int, tuple[str, int]]] = []
        error: OSError | None = None
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, address))  # type: ignore[arg-type]
        except (OSError, UnicodeError) as exc:
            error = exc if isinstance(exc, OSError) else OSError(0, "not a host name")
        try:
            loop.call_soon_threadsafe(settle, found, error)
        except RuntimeError:
            pass  # the loop was closed before the answer came

    threading.Thread(target=ask, name="resolve broker", daemon=True).start()
    return await answer


async def _secured(sock: socket.socket, host: str, tls: ssl.SSLContext) -> ssl.SSLSocket:
    loop = asyncio.get_running_loop()
    try:
        secure = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        sock.close()
        raise
    try:
        while True:
            try:
                secure.do_handshake()
            except ssl.SSLWantReadError:
                await _ready(secure.fileno(), loop.add_reader, loop.remove_reader)
            except ssl.SSLWantWriteError:
                await _ready(secure.fileno(), loop.add_writer, loop.remove_writer)
            else:
                return secure
    except OSError as exc:
        secure.close()
        raise tls_failure(exc, host) from exc
    except BaseException:
        secure.close()
        raise


def _lasting(secure: ssl.SSLSocket, floor: float) -> ssl.SSLSocket:
    """*secure*, unless a certificate of the verified chain ended before *floor*. Raises ConnectFailed."""
    for name, end in _ends(secure):
        if end < floor:
            secure.close()
            raise ConnectFailed("tls_expired", f"the certificate of {name} ended at {utc(end)}")
    return secure


def _ends(secure: ssl.SSLSocket) -> Iterator[tuple[str, float]]:
    # The public method of Python 3.13 gives bytes; this one is older, and gives what they say.
    chain = getattr(getattr(secure, "_sslobj", None), "get_verified_chain", None)
    infos: list[Any] = [secure.getpeercert() or {}] if chain is None else [one.get_info() for one in chain()]
    for info in infos:
        names = [value for part in info["subject"] for key, value in part if key == "commonName"]
        yield names[0] if names else "the broker", ssl.cert_time_to_seconds(info["notAfter"])


async def _ready(fd: int, add: Callable[..., object], remove: Callable[[int], object]) -> None:
    event = asyncio.Event()
    add(fd, event.set)
    try:
        await event.wait()
    finally:
        remove(fd)


def is_alert(exc: ssl.SSLError) -> bool:
    """The peer said in TLS that it goes, and why."""
    return "ALERT" in (exc.reason or "")


def tls_failure(exc: OSError, host: str) -> ConnectFailed:
    """Which side did not like what."""
    match exc:
        case ssl.SSLCertVerificationError() if exc.verify_code in _HOSTNAME:
            return ConnectFailed("tls_hostname", f"the certificate is not for {host}: {exc.verify_message}")
        case ssl.SSLCertVerificationError() if exc.verify_code in _EXPIRED:
            return ConnectFailed("tls_expired", exc.verify_message)
        case ssl.SSLCertVerificationError():
            return ConnectFailed("tls_untrusted", exc.verify_message)
        case ssl.SSLError() if is_alert(exc):
            return ConnectFailed("tls_rejected", f"the broker refused: {exc.reason}")
        case ssl.SSLError():
            return ConnectFailed("tls_handshake", exc.reason or str(exc))
        case _:
            return ConnectFailed("tls_handshake", exc.strerror or str(exc))
