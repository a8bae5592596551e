"""Looks at /metrics all the time, as a scraper would, and remembers what must not be."""

import re
import threading
from typing import Final

from servers.prometheus import get

# What is a function of the journal. Others, such as the ages of live batches, count since the start.
DURABLE: Final = re.compile(
    r"^(vedette_probe_\w+_(?:total|bucket|count|sum)|vedette_results_(?:produced|applied|late|declared_lost)_total)"
    r"(\{.*\})? (\S+)$",
    re.MULTILINE,
)
SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
EVERY: Final = 0.15  # seconds


class Page:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.samples = {(m[1], m[2] or ""): float(m[3]) for m in SAMPLE.finditer(text)}

    def total(self, name: str, *labels: str) -> float:
        """The sum over all samples of *name* that have these labels, each as `name="value"`."""
        return sum(
            value
            for (found, inner), value in self.samples.items()
            if found == name and all(label in inner for label in labels)
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        wanted = re.compile(rf'{label}="([^"]*)"')
        found: dict[str, float] = {}
        for (each, inner), value in self.samples.items():
            if each == name and (match := wanted.search(inner)):
                found[match[1]] = found.get(match[1], 0) + value
        return found


class Watch:
    """Use as a context manager."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.scrapes = 0
        self.falls: list[str] = []
        self.residuals: list[str] = []
        self._highest: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def page(self) -> Page | None:
        """What is exposed now; None while nobody answers."""
        status, body = get(self.port, "/metrics")
        return Page(body.decode()) if status == 200 else None

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            status, body = get(self.port, "/metrics")
            if status == 200:
                self.scrapes += 1
                self._look(body.decode())

    def _look(self, text: str) -> None:
        for match in DURABLE.finditer(text):
            series, value = match[1] + (match[2] or ""), float(match[3])
            before = self._highest.get(series, 0.0)
            # Sums of durations are added up in another order after a restart.
            if value < before - (1e-3 if match[1].endswith("_sum") else 0):
                self.falls.append(f"{series} {before:g} -> {value:g}")
            self._highest[series] = max(value, before)
        for match in re.finditer(r"^vedette_ledger_residual(\{.*\}) (\S+)$", text, re.MULTILINE):
            if float(match[2]):
                self.residuals.append(f"{match[1]} {match[2]}")
