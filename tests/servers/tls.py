"""TLS servers on loopback: certificates of every kind of wrong, handshakes that stall or break."""

import datetime
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import trustme

from servers.tcp import Behave

Serve = Callable[[ssl.SSLSocket], None]


def context(cert: trustme.LeafCert) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(made)
    return made


def trust(ca: trustme.CA, directory: Path) -> str:
    """A file with the certificate of *ca*."""
    path = directory / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


def day(offset: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=offset)


def tls(server: ssl.SSLContext, serve: Serve | None = None) -> Behave:
    """Shake hands, then *serve*; without it, wait until the peer says goodbye."""

    def behave(connection: socket.socket) -> None:
        # A peer that refuses our certificate says so. Wrapping takes the socket away, and the server closes
        # its own: hence the duplicate.
        with (
            suppress(ssl.SSLError),
            connection.dup() as plain,
            server.wrap_socket(plain, server_side=True) as encrypted,
        ):
            if serve is not None:
                serve(encrypted)
            else:
                while encrypted.recv(4096):
                    pass

    return behave
