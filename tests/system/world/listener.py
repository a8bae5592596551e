"""A mail server, as far as a TCP check sees one: it greets whoever connects and hangs up."""

import contextlib
import socketserver
import threading

from servers.daemon import free_port

_GREETING = b"220 mx1.shop.example ESMTP\r\n"


class _Greeting(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(_GREETING)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    block_on_close = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left before its greeting is no error here."""


class MailServer:
    """On one port for its life; while it is stopped, connections are refused."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), _Greeting)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="mail server"
        )
        self._thread.start()

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        # Closing resets who waits to be accepted: that would be another fault than the one that is meant.
        self._server.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._server.socket.accept()
                with connection:
                    connection.sendall(_GREETING)
        self._server.server_close()
        self._thread.join()
        self._server = self._thread = None
