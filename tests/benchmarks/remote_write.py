"""CPU of writing late results, for each sample: from the journal's entry to the bytes of a request.

Two shapes of a request of 500 samples: 16 of each series, as an agent with a few checks replays them, and one
of each, as one with many does.
"""

import time
from collections.abc import Callable, Iterator

from benchmarks import fleet
from benchmarks.figure import Figure, median_figure
from benchmarks.settings import Settings
from vedette.wire import codec, limits
from vedette.wire.messages import Batch
from vedette_collector.board import Board
from vedette_collector.remote import encode
from vedette_collector.remote.counters import RemoteCounters
from vedette_collector.remote.delivery import MAX_SAMPLES
from vedette_collector.remote.encode import Sample
from vedette_collector.remote.samples import FAMILIES, SHIPPED, History, ordered, targets
from vedette_collector.store.entry import Entry

REPEATS = 200


def figures(settings: Settings) -> Iterator[Figure]:
    for each, name in ((16, "few_series"), (1, "many_series")):
        samples = _samples(each)
        size = len(encode.request(samples)) / len(samples)
        spent = [_cpu(lambda: encode.request(samples), len(samples)) for _ in range(settings.runs)]  # noqa: B023  # called at once
        yield median_figure(f"remote_write_encode_{name}", spent, "us", note=f"a sample of {size:.0f} bytes")
    entry, history = _entry(), _history()
    now_us = entry.received_us

    def whole() -> None:
        encode.request(ordered(history.samples(entry, now_us, 0), RemoteCounters()))

    written = len(ordered(history.samples(entry, now_us, 0), RemoteCounters()))
    spent = [_cpu(whole, written) for _ in range(settings.runs)]
    yield median_figure("remote_write_whole", spent, "us", note="a sample; a batch of 100 results, read too")


def _cpu(work: Callable[[], object], samples: int) -> float:
    began = time.process_time()
    for _ in range(REPEATS):
        work()
    return (time.process_time() - began) / REPEATS / samples * 1e6


def _samples(each: int) -> list[Sample]:
    """*each* of every series, 30 s apart."""
    found: list[Sample] = []
    for number in range(MAX_SAMPLES // each):
        url = f"https://host-{number // 3:04d}.example.com/"
        own = {"check": f"web-{number // 3:04d}", "agent": "agent-0001", "target": url, "instance": url}
        names = {**SHIPPED, **own, "__name__": FAMILIES[number % 3]}
        series = b"".join(encode.label(name, names[name]) for name in sorted(names))
        found += [
            Sample(series, 1_800_000_000_000 + at * 30_000 + number * 7, 0.001 * number) for at in range(each)
        ]
    return found


def _history() -> History:
    return History({}, targets(Board(fleet.assignment(1, limits.BATCH_RESULTS))), RemoteCounters())


def _entry() -> Entry:
    checks = fleet.assignment(1, limits.BATCH_RESULTS).checks
    results = [fleet.result(check.name, number) for number, check in enumerate(checks)]
    batch = Batch(
        v=limits.VERSION,
        agent="agent-0000",
        epoch=fleet.EPOCH,
        first_seq=0,
        acked=0,
        offset_us=0,
        results=results,
    )
    payload, content_type = codec.encode(batch)
    return Entry(
        id=1,
        kind="late",
        agent="agent-0000",
        received_us=1_800_000_100_000_000,
        epoch=fleet.EPOCH,
        first=0,
        count=len(results),
        generation=1,
        payload=payload,
        content_type=content_type,
    )
