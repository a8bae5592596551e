"""How the collector itself is: written by its shells, read by the exposition, the page and `/-/ready`."""

from typing import Final

from vedette.mqtt.counters import LinkCounters

LINKS: Final = ("live", "replay", "control")


class Condition:
    """Plain facts; the shell that owns a fact writes it."""

    def __init__(self, now: float) -> None:
        self.links: dict[str, bool] = dict.fromkeys(LINKS, False)
        self.refusals: dict[str, list[str]] = {name: [] for name in LINKS}  # subscriptions, by link
        self.link_counters = {name: LinkCounters() for name in LINKS}
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
        return away + deaf
