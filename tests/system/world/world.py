"""Shop, pipeline and Prometheus together, and what the last of them says of the first."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from servers.daemon import Daemon, until
from system.world.pipeline import AGENTS, Pipeline
from system.world.series import Series, stored
from system.world.shop import Shop, check_list
from system.world.watch import Watch

CHECKS = tuple(re.findall(r"^  - name: (\S+)", check_list(), re.MULTILINE))
Verdict = tuple[str, str, str]  # check, agent, failure code


class View(NamedTuple):
    """What Prometheus knew at one moment."""

    success: dict[tuple[str, ...], float]  # by check and agent
    failing: set[Verdict]
    failures: dict[Verdict, float]  # counted since the collector started

    @property
    def is_green(self) -> bool:
        return len(self.success) == len(CHECKS) * len(AGENTS) and set(self.success.values()) == {1}

    def __str__(self) -> str:
        return f"{len(self.success)} results, {sorted(self.failing)} failing"


class World:
    """A *shop* that runs, watched by two agents: `start` returns when every process runs."""

    def __init__(self, directory: Path, shop: Shop) -> None:
        self.shop = shop
        self.pipeline = Pipeline(directory / "pipeline", shop.checks())
        self.watch = Watch(directory / "watch", self.pipeline.port)

    def start(self) -> None:
        self.watch.start()
        self.pipeline.start()

    def stop(self) -> None:
        """Ends all of it, also after a start that failed half-way."""
        self.pipeline.stop()
        self.watch.stop()

    def daemons(self) -> dict[str, Daemon]:
        return self.pipeline.daemons()

    def stored(self, *names: str) -> Series:
        """What Prometheus holds of the metrics *names*, all from one scrape."""
        return stored(self.watch.prometheus, *names)

    def view(self) -> View:
        now = self.stored("probe_success", "vedette_probe_failure_info", "vedette_probe_failures_total")
        reasons = ("check", "agent", "reason")
        return View(
            now.by("probe_success", "check", "agent"),
            {_verdict(key) for key in now.by("vedette_probe_failure_info", *reasons)},
            {_verdict(key): count for key, count in now.by("vedette_probe_failures_total", *reasons).items()},
        )

    def until(self, condition: Callable[[View], bool], what: str, within: float) -> View:
        """The first view of which *condition* holds."""
        last: list[View] = []

        def found() -> View | None:
            last[:] = [self.view()]
            return last[0] if condition(last[0]) else None

        view = until(found, lambda: f"{what}; there were {last[0]}", within)
        assert view is not None
        return view

    def until_green(self, within: float) -> View:
        return self.until(lambda now: now.is_green, "every check is green from both agents", within)


def _verdict(key: tuple[str, ...]) -> Verdict:
    check, agent, reason = key
    return check, agent, reason
