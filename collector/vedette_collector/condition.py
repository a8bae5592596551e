"""How the collector itself is: written by its shells, read by the exposition, the page and `/-/ready`."""

from typing import Final

from vedette.mqtt.counters import LinkCounters
from vedette_collector.docket import Docket
from vedette_collector.remote.counters import RemoteCounters

LINKS: Final = ("live", "replay", "control")


class StoreCondition:
    """How it goes with the disk."""

    def __init__(self) -> None:
        self.is_durable = False  # False: everything ends with the process
        self.trouble: str | None = None  # why nothing can be written at the moment
        self.waiting_bytes = 0  # decided, and not on the disk
        self.waiting_seconds = 0.0  # the oldest of that
        self.transactions = 0
        self.transaction_seconds = 0.0
        self.failures = 0  # attempts to write that failed
        self.parked = 0  # entries that could not be stored though the disk works
        self.apply_errors = 0
        self.checkpointed_at: float | None = None  # wall time of the last checkpoint
        self.restored_at: float | None = None  # wall time at which the store was found to be a backup


class Condition:
    """Plain facts; the shell that owns a fact writes it."""

    def __init__(self, now: float) -> None:
        self.links: dict[str, bool] = dict.fromkeys(LINKS, False)
        self.refusals: dict[str, list[str]] = {name: [] for name in LINKS}  # subscriptions, by link
        self.link_counters = {name: LinkCounters() for name in LINKS}
        self.store = StoreCondition()
        self.docket = Docket()
        self.remote_write: RemoteCounters | None = None  # None: late results are written nowhere
        self.acks_published = 0
        self.acks_failed = 0
        self.event_clients = 0
        self.event_drops: dict[str, int] = {"full": 0, "slow": 0}
        self.reloaded_at = now  # wall time of the last configuration that could be used
        self.reload_error: str | None = None  # why the newest one could not

    def not_ready(self) -> list[str]:
        """Why the collector is not of use yet. Empty when it is."""
        away = [f"link {name} is not connected to the broker" for name, up in self.links.items() if not up]
        deaf = [
            f"link {name} hears nothing: the broker refused its subscription {each}"
            for name, refusals in self.refusals.items()
            if self.links[name]
            for each in refusals
        ]
        disk = [] if self.store.trouble is None else [f"the store cannot be written: {self.store.trouble}"]
        return away + deaf + disk
