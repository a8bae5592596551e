"""A /metrics page that the collector's own exposition writes from cells that a test sets."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

from vedette.checks.model import Assignment
from vedette.wire import limits
from vedette.wire.messages import Heartbeat, Presence, Result
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.exposition.page import pieces

EPOCH = "0" * 32


class Fleet:
    """What the collector would know. Agents are connected until `lose` is called."""

    def __init__(self, assignment: Assignment) -> None:
        self.board = Board(assignment)
        self.condition = Condition(time.time())
        self._gone: set[str] = set()
        self._seqs = count()
        self._lock = threading.Lock()
        for name, agent in self.board.agents.items():
            presence = Presence(
                v=limits.VERSION,
                agent=name,
                epoch=EPOCH,
                state="online",
                version="0.1.0",
                started_us=0,
                config_hash=assignment.config_hash,
            )
            self.board.appear(agent, presence, _now(), retained=False)
        for link in self.condition.links:
            self.condition.links[link] = True

    def report(self, result: Result, *agents: str) -> None:
        """A live result of its check from these agents; from all that run the check without them."""
        with self._lock:
            for name in agents or tuple(self.board.agents):
                cell = self.board.cells[name].get(result.check)
                if cell is not None:
                    cell.apply(result, (0, next(self._seqs)), _now())
                    self.board.agents[name].arrived(0.2)

    def lose(self, *agents: str) -> None:
        """These agents are gone from now on."""
        self._gone.update(agents)

    def find(self) -> None:
        """All agents are back."""
        self._gone.clear()

    def page(self) -> str:
        now = _now()
        with self._lock:
            for name, agent in self.board.agents.items():
                if name in self._gone:
                    agent.heard = None
                    continue
                agent.hear(now)
                agent.heartbeat = _heartbeat(name, next(self._seqs))
            return "".join(pieces(self.board, self.condition, now.mono))


def _heartbeat(agent: str, produced: int) -> Heartbeat:
    return Heartbeat(
        v=limits.VERSION,
        agent=agent,
        epoch=EPOCH,
        sent_us=time.time_ns() // 1000,
        next_seq=produced,
        acked=produced,
        pending=0,
        lost={"queue_full": 0, "refused": 0},
        skipped_slots=0,
        overlapping_slots=0,
        running=1,
        loop_lag_us=800,
        publish_refused=0,
        clock_offset_us=-1200,
        clock_rtt_us=900,
    )


def _now() -> Moment:
    return Moment(time.time(), time.monotonic())


@contextmanager
def served(fleet: Fleet) -> Iterator[int]:
    """The port on which the fleet's page is scraped."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = fleet.page().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="page")
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
