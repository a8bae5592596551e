"""One /metrics page of a collector, read for what a benchmark asks of it."""

import urllib.request
from collections import Counter
from dataclasses import dataclass, field

_AGE = "vedette_live_age_seconds"


@dataclass(frozen=True)
class Page:
    totals: Counter[str] = field(default_factory=Counter)  # over all series of a name
    ages: Counter[float] = field(default_factory=Counter)  # live batches by upper bound; cumulative
    series: int = 0

    @classmethod
    def read(cls, port: int) -> "Page":
        """From the collector on *port* of loopback."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
            return cls.parsed(response.read().decode())

    @staticmethod
    def scrape(port: int) -> None:
        """Have it written, as by Prometheus, and do nothing with it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/metrics", headers={"Accept-Encoding": "gzip"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            while response.read(1 << 20):
                pass

    @classmethod
    def parsed(cls, text: str) -> "Page":
        totals: Counter[str] = Counter()
        ages: Counter[float] = Counter()
        series = 0
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            series += 1
            inner, _, value = line.rpartition(" ")
            name, _, pairs = inner.partition("{")
            totals[name] += float(value)
            if name == f"{_AGE}_bucket":
                ages[float(pairs.rpartition('le="')[2].rstrip('"}'))] += int(float(value))
        return cls(totals, ages, series)

    def total(self, metric: str) -> float:
        return self.totals[metric]

    def live_age(self, share: float, since: "Page") -> float:
        """Seconds within which this *share* of the live batches after *since* came, as Prometheus reckons.

        Infinity when that is beyond all bounds, 0 when there were none.
        """
        counts = {bound: count - since.ages[bound] for bound, count in sorted(self.ages.items())}
        wanted = share * max(counts.values(), default=0)
        below, before = 0.0, 0
        for bound, count in counts.items():
            if count and count >= wanted:
                return (
                    below
                    if count == before
                    else below + (bound - below) * (wanted - before) / (count - before)
                )
            below, before = bound, count
        return 0.0
