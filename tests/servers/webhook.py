"""A receiver of Alertmanager's webhooks that keeps what came, by path."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Notification(NamedTuple):
    """One alert of one webhook call."""

    path: str
    status: str  # firing or resolved
    labels: dict[str, str]
    annotations: dict[str, str]


class Webhook:
    """What arrived so far, in order; `wait` for what must come."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._came: list[Notification] = []
        self._news = threading.Condition()

    @property
    def came(self) -> list[Notification]:
        with self._news:
            return list(self._came)

    def forget(self) -> None:
        with self._news:
            self._came.clear()

    def add(self, notifications: list[Notification]) -> None:
        with self._news:
            self._came += notifications
            self._news.notify_all()

    def wait(
        self, path: str, status: str, alertname: str, within: float = 30.0, **labels: str
    ) -> Notification:
        """The first such notification, from the beginning. AssertionError with all that came instead."""

        def fits(one: Notification) -> bool:
            wanted = {"alertname": alertname, **labels}
            return (one.path, one.status) == (path, status) and wanted.items() <= one.labels.items()

        return self.wait_for(lambda came: next(filter(fits, came), None), f"{status} {alertname}", within)

    def wait_for(
        self, find: Callable[[list[Notification]], Notification | None], what: str, within: float
    ) -> Notification:
        deadline = time.monotonic() + within
        with self._news:
            while (found := find(self._came)) is None:
                if not self._news.wait(deadline - time.monotonic()):
                    lines = "\n".join(f"{n.path} {n.status} {n.labels}" for n in self._came)
                    raise AssertionError(f"not within {within:g} s: {what}; came:\n{lines}")
            return found


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Listening on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path = self.path
            hook.add([Notification(path, a["status"], a["labels"], a["annotations"]) for a in body["alerts"]])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook = Webhook(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="webhook")
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
