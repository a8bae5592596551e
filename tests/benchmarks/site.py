"""Mosquitto and a collector with its store, both real, for agents that a benchmark makes up."""

import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.page import Page
from benchmarks.proc import Child
from servers.daemon import free_port
from servers.mosquitto import Mosquitto

# The bounds of the delivered configuration; its log, too, is of errors and not of packets.
_BROKER = """\
max_queued_messages 0
max_queued_bytes 67108864
max_inflight_messages 200
log_type none
log_type error
"""
START_SECONDS = 60.0


class Site:
    def __init__(self, scratch: Path, config: dict[str, object]) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=scratch))
        self._config = self.directory / "vedette.yaml"
        self._config.write_text(json.dumps(config))
        self._stack = ExitStack()
        self.port = free_port()  # of /metrics
        self.collector: Child
        self.broker: Mosquitto

    def __enter__(self) -> "Site":
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory)
            self.broker = stack.enter_context(Mosquitto(_BROKER))
            words = ["--config", str(self._config), "--broker", self.broker.url]
            own = ["--listen", f"127.0.0.1:{self.port}", "--state-dir", str(self.directory)]
            run = [sys.executable, "-m", "vedette", "collector", "run", *words, *own]
            self.collector = stack.enter_context(Child(run, cwd=self.directory))
            self.collector.until_port(self.port, START_SECONDS)
            deadline = time.monotonic() + START_SECONDS
            while Page.read(self.port).total("vedette_collector_broker_connected") < 3:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no broker for the collector:\n{self.collector.output()}")
                time.sleep(0.1)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def broker_port(self) -> int:
        return self.broker.port

    @property
    def agent_words(self) -> list[str]:
        """Options of an agent of this site."""
        return ["--config", str(self._config), "--broker", self.broker.url]

    def settle(self, produced: int, within: float = 60.0) -> Page:
        """The page once everything that was *produced* is in the books.

        Raises RuntimeError when that does not come, when anything is lost, or when the books do not agree.
        """
        deadline = time.monotonic() + within
        while True:
            page = Page.read(self.port)
            if page.total("vedette_results_applied_total") >= produced:
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"{produced} produced, {_books(page)}\n{self.collector.output()[-2000:]}")
            time.sleep(0.5)
        expected = {"produced_total": produced, "applied_total": produced}
        books = _books(page)
        if any(books[name] != expected.get(name, 0) for name in books):
            raise RuntimeError(f"{produced} produced, {books}")
        return page


def _books(page: Page) -> dict[str, float]:
    names = ("produced_total", "applied_total", "declared_lost_total", "pending")
    books = {name: page.total(f"vedette_results_{name}") for name in names}
    return books | {name: page.total(f"vedette_ledger_{name}") for name in ("residual", "disagreement")}
