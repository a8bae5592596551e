"""How it goes with the collector's disk."""

from collections.abc import Iterator
from typing import Final

from vedette_collector.condition import StoreCondition
from vedette_collector.exposition.text import Family

FAMILIES: Final = (
    Family(
        "vedette_collector_store_durable",
        "gauge",
        "Whether what is exposed and acknowledged survives a restart.",
        (),
        "0 with `--no-store`.",
    ),
    Family(
        "vedette_collector_store_writable",
        "gauge",
        "Whether the last attempt to write to the disk succeeded.",
        (),
        "While it is 0 nothing new is acknowledged, and agents keep what they have.",
    ),
    Family(
        "vedette_collector_store_waiting_bytes",
        "gauge",
        "Memory of what is taken in and not on the disk yet.",
    ),
    Family("vedette_collector_store_waiting_seconds", "gauge", "How long the oldest of that waits."),
    Family("vedette_collector_store_transactions_total", "counter", "Transactions that are on the disk."),
    Family("vedette_collector_store_transaction_seconds_total", "counter", "Time that these took."),
    Family("vedette_collector_store_failures_total", "counter", "Attempts to write that failed."),
    Family(
        "vedette_collector_store_parked_total",
        "counter",
        "Messages that could not be stored though the disk works. Their results are declared lost.",
    ),
    Family(
        "vedette_collector_store_apply_errors_total",
        "counter",
        "Messages that are stored and could not be applied. Anything but 0 is a bug.",
    ),
    Family(
        "vedette_collector_store_checkpoint_timestamp_seconds",
        "gauge",
        "When counters and books were last written as a whole.",
        (),
        "Absent until the first time.",
    ),
    Family(
        "vedette_collector_store_restored_timestamp_seconds",
        "gauge",
        "When the store was found to be older than what it had said.",
        (),
        "Absent unless somebody put back a backup within the last seven days. Counters began at 0 with it.",
    ),
)

Sample = tuple[str, tuple[tuple[str, str], ...], float]


def samples(store: StoreCondition) -> Iterator[Sample]:
    prefix = "vedette_collector_store_"
    yield f"{prefix}durable", (), int(store.is_durable)
    yield f"{prefix}writable", (), int(store.trouble is None)
    yield f"{prefix}waiting_bytes", (), store.waiting_bytes
    yield f"{prefix}waiting_seconds", (), round(store.waiting_seconds, 3)
    yield f"{prefix}transactions_total", (), store.transactions
    yield f"{prefix}transaction_seconds_total", (), round(store.transaction_seconds, 6)
    yield f"{prefix}failures_total", (), store.failures
    yield f"{prefix}parked_total", (), store.parked
    yield f"{prefix}apply_errors_total", (), store.apply_errors
    if store.checkpointed_at is not None:
        yield f"{prefix}checkpoint_timestamp_seconds", (), round(store.checkpointed_at, 3)
    if store.restored_at is not None:
        yield f"{prefix}restored_timestamp_seconds", (), round(store.restored_at, 3)
