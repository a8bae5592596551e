"""A WebSocket server on loopback: behaviours for `TcpServer`, well and badly made. wsproto speaks for it."""

import base64
import hashlib
import re
import socket
from collections.abc import Callable, Iterator

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Event, Pong, Request, TextMessage

from servers.tcp import Behave

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


class Guest:
    """One client, from the server's side."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.protocol = WSConnection(ConnectionType.SERVER)
        self.request: Request

    def events(self) -> Iterator[Event]:
        """What the client says, until it leaves."""
        while True:
            yield from self.protocol.events()
            data = self.connection.recv(65536)
            if not data:
                return
            self.protocol.receive_data(data)

    def welcome(self, subprotocol: str | None = None) -> None:
        event = next(self.events())
        assert isinstance(event, Request)
        self.request = event
        self.send(AcceptConnection(subprotocol=subprotocol))

    def send(self, event: Event) -> None:
        self.connection.sendall(self.protocol.send(event))

    def say(self, *texts: str) -> None:
        for text in texts:
            self.send(TextMessage(data=text))

    def raw(self, data: bytes) -> None:
        self.connection.sendall(data)

    def farewell(self) -> list[Event]:
        """Answer the client's close; what it said before."""
        heard: list[Event] = []
        for event in self.events():
            if isinstance(event, CloseConnection):
                if self.protocol.state is ConnectionState.REMOTE_CLOSING:
                    self.send(event.response())
                break
            heard.append(event)
        return heard


def serves(talk: Callable[[Guest], object], subprotocol: str | None = None) -> Behave:
    """Welcome the client, *talk*, and answer its goodbye."""

    def behave(connection: socket.socket) -> None:
        guest = Guest(connection)
        guest.welcome(subprotocol)
        talk(guest)
        guest.farewell()

    return behave


def echo(guest: Guest) -> None:
    """Say back what comes; the goodbye is answered here."""
    for event in guest.events():
        if isinstance(event, TextMessage):
            guest.say(f"you said {event.data}")
        elif isinstance(event, CloseConnection):
            guest.send(event.response())
            return


def by_hand(response: Callable[[bytes], bytes]) -> Behave:
    """Answer the handshake with what *response* makes of the right accept token, then wait."""

    def behave(connection: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(65536)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)\r\n", asked, re.IGNORECASE)
        assert key is not None
        digest = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # RFC 6455 4.2.2
        connection.sendall(response(base64.b64encode(digest)))
        while connection.recv(65536):
            pass

    return behave


def pong_payloads(events: list[Event]) -> list[bytes]:
    return [bytes(event.payload) for event in events if isinstance(event, Pong)]
